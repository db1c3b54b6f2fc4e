//! Files that are there as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::Path;

use uuid::Uuid;

/// Puts a file with these contents in place of what is there, readable by its owner alone.
///
/// Others see the old file or the new one, also after a loss of power. When it fails the old one is untouched and nothing
/// else is left. `owner` are the user and the group it is given to; `None` leaves that of this program.
pub(crate) fn replace(path: &Path, contents: &[u8], owner: (Option<u32>, Option<u32>)) -> io::Result<()> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "no name for a file");
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or_else(invalid)?);
    name.push(format!(".{}", Uuid::new_v4().simple()));
    let beside = path.with_file_name(name);
    let done = write(&beside, contents, owner).and_then(|()| fs::rename(&beside, path));
    if done.is_err() {
        let _ = fs::remove_file(&beside);
    }
    done?;
    sync_folder(path)
}

fn write(path: &Path, contents: &[u8], (user, group): (Option<u32>, Option<u32>)) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(contents)?;
    if user.is_some() || group.is_some() {
        fchown(&file, user, group)?;
    }
    file.sync_all()
}

/// The name of a file is kept by its folder.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(folder)?.sync_all() {
        // Some file systems cannot, and need not.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn file_is_replaced_as_a_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "a longer text").unwrap();
        let old = File::open(&path).unwrap();
        replace(&path, b"new", (None, None)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        // Whoever had opened the old one still reads all of it.
        assert_eq!(io::read_to_string(old).unwrap(), "a longer text");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn failure_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        assert!(replace(&path, b"new", (None, None)).is_err());
        assert!(replace(&folder.path().join("missing/file"), b"new", (None, None)).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
