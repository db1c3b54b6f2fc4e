//! Folders of this machine as scripts use them. Nothing here waits: what takes time is done on threads for that.

mod file;
mod folder;
mod pool;
mod walk;

use std::collections::HashMap;
use std::io::{self, Error, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use perilune_actor_core::Failure;
use perilune_lua_bindings::{FileInfo, IoDone, Listed, OpenMode, Stream, Volume};
use rustix::fs::{Mode, OFlags};
use tokio::runtime::Handle;

use self::file::FileStream;
use self::pool::Pool;
use crate::application::Directory;

/// How many operations of one volume may be under way. A device that has stopped answering holds up its own volume only.
const AT_ONCE: usize = 8;

/// The volumes of an application, each made when it is first asked for.
pub(crate) struct Volumes {
    /// Where relative directories begin.
    root: PathBuf,
    io: Handle,
    made: Mutex<HashMap<String, (Directory, Arc<DirectoryVolume>)>>,
}

impl Volumes {
    pub(crate) fn new(root: &Path, io: Handle) -> Self {
        // It cannot fail for a folder that an application was loaded from.
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Self { root, io, made: Mutex::default() }
    }

    /// The volume of entry `id`, the same one as long as the entry says the same.
    pub(crate) fn get(&self, id: &str, directory: &Directory) -> Result<Arc<dyn Volume>, Failure> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, volume)) = made.get(id).filter(|(before, _)| before == directory) {
            return Ok(Arc::clone(volume) as _);
        }
        let place = self.root.join(&*directory.path);
        let root = Root { place, makes: directory.auto_init, opened: Mutex::default() };
        let volume = Arc::new(DirectoryVolume { root: Arc::new(root), pool: Pool::new(self.io.clone(), AT_ONCE) });
        made.insert(id.to_owned(), (directory.clone(), Arc::clone(&volume)));
        Ok(volume)
    }
}

/// A folder that scripts cannot leave.
struct DirectoryVolume {
    root: Arc<Root>,
    pool: Arc<Pool>,
}

/// The folder itself. Once opened it is this one, wherever it is moved to.
struct Root {
    place: PathBuf,
    makes: bool,
    opened: Mutex<Option<Arc<OwnedFd>>>,
}

impl Root {
    fn open(&self) -> io::Result<Arc<OwnedFd>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = &*opened {
            return Ok(Arc::clone(folder));
        }
        let folder = self.open_anew().map_err(|error| {
            // Not the kind of the reason: it would speak of the script's path.
            let why = match error.kind() {
                ErrorKind::NotFound => "does not exist".to_owned(),
                ErrorKind::NotADirectory => "is not a folder".to_owned(),
                _ => format!("cannot be opened: {error}"),
            };
            Error::new(ErrorKind::ResourceBusy, format!("directory of the volume {why}"))
        })?;
        let folder = Arc::new(folder);
        *opened = Some(Arc::clone(&folder));
        Ok(folder)
    }

    fn open_anew(&self) -> io::Result<OwnedFd> {
        if self.makes {
            std::fs::create_dir_all(&self.place)?;
        }
        let flags = walk::STEP | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::open(&self.place, flags, Mode::empty())?)
    }
}

impl DirectoryVolume {
    fn submit<T: Send + 'static>(
        &self,
        path: &[u8],
        done: IoDone<T>,
        work: impl FnOnce(&OwnedFd, &[u8]) -> io::Result<T> + Send + 'static,
    ) {
        let (root, path) = (Arc::clone(&self.root), path.to_vec());
        self.pool.run(Box::new(move || done(root.open().and_then(|root| work(&root, &path)).map_err(plain))));
    }
}

impl Volume for DirectoryVolume {
    fn open(&self, path: &[u8], mode: OpenMode, done: IoDone<Arc<dyn Stream>>) {
        let pool = Arc::clone(&self.pool);
        self.submit(path, done, move |root, path| {
            let file = folder::open(root.as_fd(), path, mode)?;
            Ok(Arc::new(FileStream::new(file, mode, pool)) as _)
        });
    }

    fn read_file(&self, path: &[u8], most: usize, done: IoDone<Vec<u8>>) {
        self.submit(path, done, move |root, path| folder::read_file(root.as_fd(), path, most));
    }

    fn write_file(&self, path: &[u8], data: Vec<u8>, done: IoDone<()>) {
        self.submit(path, done, move |root, path| folder::write_file(root.as_fd(), path, &data));
    }

    fn remove(&self, path: &[u8], done: IoDone<()>) {
        self.submit(path, done, |root, path| folder::remove(root.as_fd(), path));
    }

    fn exists(&self, path: &[u8], done: IoDone<bool>) {
        self.submit(path, done, |root, path| match folder::info(root.as_fd(), path) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        });
    }

    fn make_dir(&self, path: &[u8], done: IoDone<()>) {
        self.submit(path, done, |root, path| folder::make_dir(root.as_fd(), path));
    }

    fn read_dir(&self, path: &[u8], done: IoDone<Vec<Listed>>) {
        self.submit(path, done, |root, path| folder::read_dir(root.as_fd(), path));
    }

    fn info(&self, path: &[u8], done: IoDone<FileInfo>) {
        self.submit(path, done, |root, path| folder::info(root.as_fd(), path));
    }
}

/// Gives a kind to errors that the standard library has none for.
fn plain(error: Error) -> Error {
    use rustix::io::Errno;
    match Errno::from_io_error(&error) {
        Some(Errno::MFILE | Errno::NFILE) => Error::new(ErrorKind::ResourceBusy, "too many open files"),
        Some(Errno::LOOP) => walk::too_many_links(),
        // What opening a pipe or socket to write says.
        Some(Errno::NXIO) => folder::not_regular(),
        _ => error,
    }
}
