//! What is done with files and folders, at once and blocking. A path is gone along by [`walk`]; what is at its end is
//! never followed by the system.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::fd::BorrowedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use perilune_lua_bindings::{FileInfo, FileKind, Listed, OpenMode};
use rustix::fs::{Access, AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::walk::{Last, Place, walk};

/// Most items of a folder that are listed. A script gets them all at once.
const MAX_LISTED: usize = 100_000;

/// What a new file may be used for, less what the user's mask takes away.
const NEW_FILE: Mode = Mode::from_bits_truncate(0o666);
const NEW_FOLDER: Mode = Mode::from_bits_truncate(0o777);

pub(super) fn not_regular() -> Error {
    Error::new(ErrorKind::InvalidInput, "not a regular file")
}

pub(super) fn open(root: BorrowedFd<'_>, path: &[u8], mode: OpenMode) -> Result<File> {
    let place = walk(root, path, Last::Follow)?;
    let mut flags = match (mode.read, mode.write) {
        (_, false) => OFlags::RDONLY,
        (false, true) => OFlags::WRONLY,
        (true, true) => OFlags::RDWR,
    };
    flags.set(OFlags::APPEND, mode.append);
    flags.set(OFlags::CREATE, mode.create);
    flags.set(OFlags::TRUNC, mode.truncate);
    open_at(&place, flags)
}

fn open_at(place: &Place<'_>, flags: OFlags) -> Result<File> {
    // A pipe would wait for its other end, and a terminal become ours, before it is seen to be no file.
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(place.folder(), &place.name, flags, NEW_FILE)?);
    let kind = file.metadata()?.file_type();
    match kind.is_file() {
        true => Ok(file),
        false if kind.is_dir() => Err(ErrorKind::IsADirectory.into()),
        false => Err(not_regular()),
    }
}

pub(super) fn read_file(root: BorrowedFd<'_>, path: &[u8], most: usize) -> Result<Vec<u8>> {
    let file = open_at(&walk(root, path, Last::Follow)?, OFlags::RDONLY)?;
    let too_large = || Error::new(ErrorKind::FileTooLarge, format!("larger than {most} bytes"));
    let size = usize::try_from(file.metadata()?.len()).ok().filter(|size| *size <= most).ok_or_else(too_large)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size)?;
    // It may grow meanwhile, and some files do not say how large they are.
    file.take((most as u64).saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > most { Err(too_large()) } else { Ok(bytes) }
}

/// Writes a file of another name beside it first, which then takes its place: what was there before is there until all
/// of the new content is, also if this program is ended on the way. The file that is left then begins with `.perilune-`.
pub(super) fn write_file(root: BorrowedFd<'_>, path: &[u8], data: &[u8]) -> Result<()> {
    let place = walk(root, path, Last::Follow)?;
    if place.is_folder() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let before = match stat(&place) {
        Ok(before) => Some(before),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match before.map(|before| kind(&before)) {
        None => {}
        // Replacing it takes no right to write it, but whoever took that right away meant something by it.
        Some(FileKind::File) => {
            rustix::fs::accessat(place.folder(), &place.name, Access::WRITE_OK, AtFlags::empty())?;
        }
        Some(FileKind::Directory) => return Err(ErrorKind::IsADirectory.into()),
        Some(_) => return Err(not_regular()),
    }
    let (name, mut file) = new_file(&place)?;
    let written = (|| {
        if let Some(before) = before {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(before.st_mode) & NEW_FOLDER)?;
        }
        file.write_all(data)?;
        rustix::fs::renameat(place.folder(), &name, place.folder(), &place.name)?;
        Ok(())
    })();
    if written.is_err() {
        // The reason it failed matters more than what is left.
        let _ = rustix::fs::unlinkat(place.folder(), &name, AtFlags::empty());
    }
    written
}

/// Makes a file in the same folder, whose name nobody has.
fn new_file(place: &Place<'_>) -> Result<(String, File)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        let name = format!(".perilune-{:016x}", RandomState::new().build_hasher().finish());
        match rustix::fs::openat(place.folder(), &name, flags, NEW_FILE) {
            Ok(file) => return Ok((name, file.into())),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

pub(super) fn remove(root: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
    let place = walk(root, without_slashes(path), Last::Keep)?;
    if place.is_folder() {
        return Err(Error::new(ErrorKind::InvalidInput, "path names nothing that could be removed"));
    }
    let flags = match kind(&stat(&place)?) {
        FileKind::Directory => AtFlags::REMOVEDIR,
        _ => AtFlags::empty(),
    };
    Ok(rustix::fs::unlinkat(place.folder(), &place.name, flags)?)
}

pub(super) fn make_dir(root: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
    let place = walk(root, without_slashes(path), Last::Keep)?;
    Ok(rustix::fs::mkdirat(place.folder(), &place.name, NEW_FOLDER)?)
}

/// A name of a folder may end in slashes, also where there is none yet.
fn without_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    &path[..end]
}

pub(super) fn read_dir(root: BorrowedFd<'_>, path: &[u8]) -> Result<Vec<Listed>> {
    let place = walk(root, path, Last::Follow)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(place.folder(), &place.name, flags, Mode::empty())?;
    let mut items = Vec::new();
    for item in Dir::read_from(&folder)? {
        let item = item?;
        let name = item.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if items.len() == MAX_LISTED {
            return Err(Error::new(ErrorKind::InvalidInput, format!("more than {MAX_LISTED} items")));
        }
        let mut found = item.file_type();
        if found == FileType::Unknown {
            // Not every file system says it here. What is gone by now was there a moment ago.
            let stat = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW);
            found = stat.map_or(found, |stat| FileType::from_raw_mode(stat.st_mode));
        }
        items.push(Listed { name: name.to_bytes().to_vec(), kind: kind_of(found) });
    }
    items.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(items)
}

pub(super) fn info(root: BorrowedFd<'_>, path: &[u8]) -> Result<FileInfo> {
    let stat = stat(&walk(root, path, Last::Follow)?)?;
    Ok(FileInfo { kind: kind(&stat), size: u64::try_from(stat.st_size).unwrap_or(0), modified: modified(&stat) })
}

fn stat(place: &Place<'_>) -> Result<Stat> {
    Ok(rustix::fs::statat(place.folder(), &place.name, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn modified(stat: &Stat) -> Option<SystemTime> {
    // How wide the fields are differs from system to system.
    let nanos = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
    let distance = nanos.unsigned_abs();
    let distance = Duration::new(u64::try_from(distance / 1_000_000_000).ok()?, (distance % 1_000_000_000) as u32);
    if nanos < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

fn kind(stat: &Stat) -> FileKind {
    kind_of(FileType::from_raw_mode(stat.st_mode))
}

fn kind_of(kind: FileType) -> FileKind {
    match kind {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    }
}
