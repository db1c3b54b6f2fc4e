//! Going along a path without leaving the volume.
//!
//! One step at a time, from one open folder to the next, and never through a link: its text is gone along in the same
//! way. `..` goes back to the folder that the walk came from, whatever is above it by now. So nobody who changes folders
//! and links at the same time can lead a walk outside.

use std::ffi::CString;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// How a folder is opened that is only gone through. Where there is a way that needs no right to list it, that one.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(super) const STEP: OFlags = OFlags::PATH;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(super) const STEP: OFlags = OFlags::RDONLY;

/// Longest path, as most systems have it.
const MAX_PATH: usize = 4096;

/// Folders inside one another: each is open until the walk ends.
const MAX_DEPTH: usize = 100;

const MAX_LINKS: usize = 40;

/// Whether a link at the end of a path stands for itself or for what it leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Follow,
    Keep,
}

/// The end of a path: a name in a folder. Whoever uses it must not let the system follow a link there.
pub(super) struct Place<'a> {
    folder: Folder<'a>,
    /// `.` when the path ends at the folder itself.
    pub(super) name: CString,
}

enum Folder<'a> {
    Root(BorrowedFd<'a>),
    Inside(OwnedFd),
}

impl Place<'_> {
    pub(super) fn folder(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        match &self.folder {
            Folder::Root(root) => *root,
            Folder::Inside(folder) => folder.as_fd(),
        }
    }

    /// Whether the path ends at a folder, and names nothing in it.
    pub(super) fn is_folder(&self) -> bool {
        self.name.as_bytes() == b"."
    }
}

pub(super) fn too_many_links() -> Error {
    Error::new(ErrorKind::InvalidInput, "too many links")
}

fn leaves() -> Error {
    Error::new(ErrorKind::PermissionDenied, "path leaves the volume")
}

/// Goes along `path`, whose beginning is the root however it is written.
pub(super) fn walk<'a>(root: BorrowedFd<'a>, path: &[u8], last: Last) -> Result<Place<'a>> {
    if path.len() > MAX_PATH {
        return Err(ErrorKind::InvalidFilename.into());
    }
    let mut above: Vec<OwnedFd> = Vec::new();
    let mut rest = Vec::new();
    push_parts(&mut rest, path);
    let mut links = 0;
    while let Some(part) = rest.pop() {
        if matches!(&*part, b"" | b".") {
            continue;
        }
        if part == b".." {
            above.pop().ok_or_else(leaves)?;
            continue;
        }
        use std::os::fd::AsFd;
        let here = above.last().map_or(root, AsFd::as_fd);
        let name = CString::new(part).map_err(|_| Error::from(ErrorKind::InvalidFilename))?;
        let target = if rest.is_empty() {
            match if last == Last::Follow { read_link(here, &name)? } else { None } {
                Some(target) => target,
                None => return Ok(Place { folder: above.pop().map_or(Folder::Root(root), Folder::Inside), name }),
            }
        } else {
            let flags = STEP | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat(here, &name, flags, Mode::empty()) {
                Ok(_) if above.len() == MAX_DEPTH => {
                    return Err(Error::new(ErrorKind::InvalidInput, "too many folders inside one another"));
                }
                Ok(folder) => {
                    above.push(folder);
                    continue;
                }
                Err(error @ (Errno::NOTDIR | Errno::LOOP | Errno::MLINK)) => {
                    read_link(here, &name)?.ok_or_else(|| Error::from(error))?
                }
                Err(error) => return Err(error.into()),
            }
        };
        links += 1;
        if links > MAX_LINKS {
            return Err(too_many_links());
        }
        if target.first() == Some(&b'/') {
            return Err(leaves());
        }
        push_parts(&mut rest, &target);
    }
    let folder = above.pop().map_or(Folder::Root(root), Folder::Inside);
    Ok(Place { folder, name: c".".into() })
}

/// Puts the parts of a path before the rest of the way, which is kept last part first.
fn push_parts(rest: &mut Vec<Vec<u8>>, path: &[u8]) {
    rest.extend(path.rsplit(|byte| *byte == b'/').map(<[u8]>::to_vec));
}

/// The text of a link; `None` for anything else, nothing included.
fn read_link(folder: BorrowedFd<'_>, name: &CString) -> Result<Option<Vec<u8>>> {
    match rustix::fs::readlinkat(folder, name, Vec::new()) {
        Ok(target) => Ok(Some(target.into_bytes())),
        Err(Errno::INVAL | Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsFd;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    /// Where a path leads, as the text of what is there, or why it leads nowhere.
    fn read(root: &TempDir, path: &[u8], last: Last) -> String {
        let folder = fs::File::open(root.path()).unwrap();
        let read = walk(folder.as_fd(), path, last).and_then(|place| {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW;
            let file = rustix::fs::openat(place.folder(), &place.name, flags, Mode::empty())?;
            std::io::read_to_string(fs::File::from(file))
        });
        read.unwrap_or_else(|error| format!("{:?}", error.kind()))
    }

    fn check(root: &TempDir, path: &str, expected: &str) {
        assert_eq!(read(root, path.as_bytes(), Last::Follow), expected, "{path}");
    }

    #[test]
    fn path_ends_where_it_reads() {
        let root = TempDir::new().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::write(root.path().join("a/b/file"), "text").unwrap();
        for path in ["a/b/file", "/a//b/./file", "a/../a/b/../b/file", "./a/b/file", "///a/b/file"] {
            check(&root, path, "text");
        }
        for path in ["a", "/", ".", "a/", "a/b/..", "a/."] {
            check(&root, path, "IsADirectory");
        }
        for path in ["a/c", "b", "b/c", "a/b/file2", "c/../a/b/file"] {
            check(&root, path, "NotFound");
        }
        for path in ["a/b/file/", "a/b/file/.", "a/b/file/..", "a/b/file/x"] {
            check(&root, path, "NotADirectory");
        }
        for path in ["..", "../x", "a/../..", "a/b/../../../x", "/.."] {
            check(&root, path, "PermissionDenied");
        }
    }

    #[test]
    fn walk_is_of_limited_length() {
        let root = TempDir::new().unwrap();
        let deep = |depth: usize| "d/".repeat(depth);
        fs::create_dir_all(root.path().join(deep(MAX_DEPTH + 1))).unwrap();
        for depth in [1, MAX_DEPTH, MAX_DEPTH + 1] {
            fs::write(root.path().join(deep(depth)).join("file"), "text").unwrap();
        }
        check(&root, &format!("{}file", deep(MAX_DEPTH)), "text");
        check(&root, &format!("{}file", deep(MAX_DEPTH + 1)), "InvalidInput");
        check(&root, &format!("{}file", "d/../".repeat(600) + "d/"), "text");
        check(&root, &format!("{}file", "./".repeat(MAX_PATH / 2)), "InvalidFilename");
        fs::write(root.path().join("end"), "text").unwrap();
        symlink("end", root.path().join("link0")).unwrap();
        for number in 1..=MAX_LINKS {
            symlink(format!("link{}", number - 1), root.path().join(format!("link{number}"))).unwrap();
        }
        check(&root, &format!("link{}", MAX_LINKS - 1), "text");
        check(&root, &format!("link{MAX_LINKS}"), "InvalidInput");
    }

    #[test]
    fn link_at_the_end_is_kept_when_asked_for() {
        let root = TempDir::new().unwrap();
        fs::write(root.path().join("file"), "text").unwrap();
        symlink("file", root.path().join("link")).unwrap();
        assert_eq!(read(&root, b"link", Last::Follow), "text");
        let folder = fs::File::open(root.path()).unwrap();
        assert_eq!(walk(folder.as_fd(), b"link", Last::Keep).unwrap().name.as_bytes(), b"link");
        assert_eq!(walk(folder.as_fd(), b"link", Last::Follow).unwrap().name.as_bytes(), b"file");
        assert_eq!(read(&root, b"a\0b", Last::Keep), "InvalidFilename");
    }
}
