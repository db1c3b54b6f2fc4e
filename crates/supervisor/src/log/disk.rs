use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

/// What writes bytes to a file. Beside the system, there are some that fail or take their time, for tests.
pub(super) trait Disk: Send + Sync {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize>;
}

/// The real one.
pub(super) struct System;

impl Disk for System {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }
}

/// A file that is appended to, and what was true of it when it was opened.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) identity: Identity,
    pub(super) size: u64,
    pub(super) modified: Option<SystemTime>,
    /// Whether what comes now begins a line.
    pub(super) line_start: bool,
    /// Devices cannot be put aside.
    pub(super) is_regular: bool,
}

/// The file behind a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) device: u64,
    inode: u64,
}

impl Identity {
    /// `None` if there is nothing.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self::from(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl From<&fs::Metadata> for Identity {
    fn from(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Opens a file to append to it, and makes it if it is not there. The folder must be.
pub(super) fn append(path: &Path, mode: u32) -> io::Result<Opened> {
    // To open a pipe means to wait for a reader, and to write to it, to depend on it.
    if let Ok(metadata) = fs::metadata(path)
        && let kind = metadata.file_type()
        && (kind.is_fifo() || kind.is_socket() || kind.is_block_device())
    {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a file nor a character device"));
    }
    let file = OpenOptions::new().append(true).create(true).mode(mode).open(path)?;
    let metadata = file.metadata()?;
    let is_regular = metadata.is_file();
    Ok(Opened {
        identity: Identity::from(&metadata),
        size: if is_regular { metadata.len() } else { 0 },
        modified: metadata.modified().ok(),
        line_start: !is_regular || metadata.len() == 0 || last_byte(path).is_none_or(|byte| byte == b'\n'),
        is_regular,
        file,
    })
}

/// `None` if it must not be read.
fn last_byte(path: &Path) -> Option<u8> {
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::End(-1)).ok()?;
    let mut byte = [0];
    file.read_exact(&mut byte).ok()?;
    byte.first().copied()
}
