use std::io::{self, SeekFrom};
use std::sync::Arc;
use std::time::SystemTime;

use super::ReadDone;

/// Called once, on any thread, with what came of an operation.
pub type IoDone<T> = Box<dyn FnOnce(io::Result<T>) + Send>;

/// A folder whose files scripts may use, and which they cannot leave.
///
/// Every operation returns at once; `done` is called when it is over, possibly before. A path is what the script wrote:
/// not empty, without NUL bytes, relative to the volume, whose root a leading `/` means. Nothing that lies outside may be
/// reached through it, also not through links.
///
/// A script sees an error's kind. The text is for a person who knows the path already; it must not tell where the volume
/// is.
pub trait Volume: Send + Sync {
    /// Opens a regular file, and nothing else. A stream that nobody takes is closed by dropping it.
    fn open(&self, path: &[u8], mode: OpenMode, done: IoDone<Arc<dyn Stream>>);

    /// All of a regular file; one of more than `most` bytes is refused.
    fn read_file(&self, path: &[u8], most: usize, done: IoDone<Vec<u8>>);

    /// Makes `data` all that is in the file. Others see what was there before or what is there afterwards.
    fn write_file(&self, path: &[u8], data: Vec<u8>, done: IoDone<()>);

    /// Removes a file, a link, or an empty folder.
    fn remove(&self, path: &[u8], done: IoDone<()>);

    /// Whether there is anything at the end of the path.
    fn exists(&self, path: &[u8], done: IoDone<bool>);

    /// Makes one folder; those around it must be there.
    fn make_dir(&self, path: &[u8], done: IoDone<()>);

    /// What is in a folder, in order of the names' bytes.
    fn read_dir(&self, path: &[u8], done: IoDone<Vec<Listed>>);

    /// What is at the end of the path.
    fn info(&self, path: &[u8], done: IoDone<FileInfo>);
}

/// Bytes that come one after the other: an open file, or what a process writes.
///
/// Operations return at once, as those of a [`Volume`] do. They are done in the order in which they were asked for, each
/// as a whole, whoever asks. Only reading has no default.
pub trait Stream: Send + Sync {
    /// Reads up to `most` bytes, which is at least 1, as soon as there are some; `None` at the end, every time.
    fn read(&self, most: usize, done: ReadDone);

    /// Reads what is there already, to the beginning of `into`, which is not empty; zero is the end. `None` when that
    /// cannot be told at once. Only asked when no read is under way.
    fn try_read(&self, _into: &mut [u8]) -> Option<io::Result<usize>> {
        None
    }

    /// Writes all of the bytes. After an error, some of them may have been written.
    fn write(&self, _bytes: Vec<u8>, done: IoDone<()>) {
        done(Err(unsupported("writing")));
    }

    /// Gives what was written to the device.
    fn flush(&self, done: IoDone<()>) {
        done(Err(unsupported("writing")));
    }

    /// Goes to another place; gives the distance from the beginning.
    fn seek(&self, _to: SeekFrom, done: IoDone<u64>) {
        done(Err(unsupported("seeking")));
    }

    /// How large it is, and what it can do.
    fn info(&self, done: IoDone<StreamInfo>) {
        done(Err(unsupported("asking for its size")));
    }

    /// Lets go of what is behind the stream, now: this is called when a script closes it and when its actor ends.
    ///
    /// What has begun may still end well. What has not, and what could wait for ever, ends with an error. A second call
    /// does nothing.
    fn close(&self);

    /// The number of the program whose output this is, among those of its actor, while there may be more.
    fn process(&self) -> Option<u32> {
        None
    }
}

fn unsupported(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{what} is not possible here"))
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenMode {
    /// It can be read.
    pub read: bool,
    /// It can be written.
    pub write: bool,
    /// Whatever is written goes to its end.
    pub append: bool,
    /// It is made if it is not there.
    pub create: bool,
    /// What was in it goes.
    pub truncate: bool,
}

impl OpenMode {
    /// A mode as scripts write it: `r`, `w` or `a`, perhaps with a `+`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (mode, plus) = match text {
            [mode] => (mode, false),
            [mode, b'+'] => (mode, true),
            _ => return None,
        };
        let none = Self { read: plus, write: true, append: false, create: true, truncate: false };
        match mode {
            b'r' => Some(Self { read: true, write: plus, create: false, ..none }),
            b'w' => Some(Self { truncate: true, ..none }),
            b'a' => Some(Self { append: true, ..none }),
            _ => None,
        }
    }
}

/// What is known about a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Bytes in all.
    pub size: u64,
    /// Where the next one is read or written.
    pub position: u64,
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
    /// It can be gone about in.
    pub seekable: bool,
}

/// What is known about a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// What it is.
    pub kind: FileKind,
    /// Bytes of a file; without a meaning for anything else.
    pub size: u64,
    /// When its content was changed last, if that is known.
    pub modified: Option<SystemTime>,
}

/// What a name in a folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, pipe or socket, which cannot be opened.
    Other,
}

/// An item of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name in that folder.
    pub name: Vec<u8>,
    /// What it is. Links are not followed.
    pub kind: FileKind,
}
