//! A volume in memory that answers from another thread, as a real one does.
//!
//! Some names are special. What begins with `drip` is read three bytes at a time; `never` is read in vain until it is
//! closed; `broken` fails after a few bytes, and so does writing to `full`. `opened` is as large as streams are open. What
//! is in `tide` and `ebb` is there now and then, and to wait for it fails.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result, SeekFrom};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use perilune_lua_bindings::{FileInfo, FileKind, IoDone, Listed, OpenMode, ReadDone, Stream, StreamInfo, Volume};

type Work = Box<dyn FnOnce() + Send>;
type Content = Arc<Mutex<Vec<u8>>>;

pub(crate) struct MemoryVolume {
    work: Sender<Work>,
    /// Folders have no content.
    items: Arc<Mutex<BTreeMap<String, Option<Content>>>>,
    opened: Arc<AtomicUsize>,
}

impl MemoryVolume {
    pub(crate) fn start() -> Arc<Self> {
        let (work, works) = channel::<Work>();
        std::thread::spawn(move || works.iter().for_each(|work| work()));
        Arc::new(Self { work, items: Arc::default(), opened: Arc::default() })
    }

    fn answer<T: Send + 'static>(
        &self,
        path: &[u8],
        done: IoDone<T>,
        work: impl FnOnce(&mut BTreeMap<String, Option<Content>>, String) -> Result<T> + Send + 'static,
    ) {
        let items = Arc::clone(&self.items);
        let path = normal(path);
        let _ = self.work.send(Box::new(move || done(path.and_then(|path| work(&mut items.lock().unwrap(), path)))));
    }
}

fn normal(path: &[u8]) -> Result<String> {
    let path = String::from_utf8_lossy(path).trim_matches('/').to_owned();
    match path.split('/').any(|part| part == "..") {
        true => Err(Error::new(ErrorKind::PermissionDenied, "path leaves the volume")),
        false => Ok(path),
    }
}

fn find(items: &BTreeMap<String, Option<Content>>, path: &str) -> Result<Option<Content>> {
    match items.get(path) {
        _ if path.is_empty() => Ok(None),
        Some(found) => Ok(found.clone()),
        None => Err(ErrorKind::NotFound.into()),
    }
}

fn find_file(items: &BTreeMap<String, Option<Content>>, path: &str) -> Result<Content> {
    find(items, path)?.ok_or_else(|| ErrorKind::IsADirectory.into())
}

impl Volume for MemoryVolume {
    fn open(&self, path: &[u8], mode: OpenMode, done: IoDone<Arc<dyn Stream>>) {
        let (work, opened) = (self.work.clone(), Arc::clone(&self.opened));
        self.answer(path, done, move |items, path| {
            if mode.create && !path.is_empty() {
                items.entry(path.clone()).or_insert_with(|| Some(Content::default()));
            }
            let content = find_file(items, &path)?;
            if mode.truncate {
                content.lock().unwrap().clear();
            }
            opened.fetch_add(1, Ordering::SeqCst);
            let place = Arc::new(Mutex::new(0));
            Ok(Arc::new(Memory {
                path,
                mode,
                content,
                place,
                work,
                waiting: Mutex::default(),
                opened,
                closed: AtomicBool::new(false),
                tries: AtomicUsize::new(0),
            }) as _)
        });
    }

    fn read_file(&self, path: &[u8], most: usize, done: IoDone<Vec<u8>>) {
        self.answer(path, done, move |items, path| {
            let bytes = find_file(items, &path)?.lock().unwrap().clone();
            match bytes.len() > most {
                true => Err(Error::new(ErrorKind::FileTooLarge, format!("is larger than {most} bytes"))),
                false => Ok(bytes),
            }
        });
    }

    fn write_file(&self, path: &[u8], data: Vec<u8>, done: IoDone<()>) {
        self.answer(path, done, move |items, path| match items.get(&path) {
            Some(None) => Err(ErrorKind::IsADirectory.into()),
            _ if path == "full" => Err(ErrorKind::StorageFull.into()),
            _ => {
                items.insert(path, Some(Arc::new(Mutex::new(data))));
                Ok(())
            }
        });
    }

    fn remove(&self, path: &[u8], done: IoDone<()>) {
        self.answer(path, done, |items, path| {
            let is_dir = find(items, &path)?.is_none();
            if is_dir && items.keys().any(|key| key.starts_with(&format!("{path}/"))) {
                return Err(ErrorKind::DirectoryNotEmpty.into());
            }
            items.remove(&path);
            Ok(())
        });
    }

    fn exists(&self, path: &[u8], done: IoDone<bool>) {
        self.answer(path, done, |items, path| Ok(find(items, &path).is_ok()));
    }

    fn make_dir(&self, path: &[u8], done: IoDone<()>) {
        self.answer(path, done, |items, path| match items.insert(path.clone(), None) {
            None => Ok(()),
            Some(before) => {
                items.insert(path, before);
                Err(ErrorKind::AlreadyExists.into())
            }
        });
    }

    fn read_dir(&self, path: &[u8], done: IoDone<Vec<Listed>>) {
        self.answer(path, done, |items, path| {
            if find(items, &path)?.is_some() {
                return Err(ErrorKind::NotADirectory.into());
            }
            let around = if path.is_empty() { String::new() } else { format!("{path}/") };
            let inside = items.iter().filter_map(|(name, item)| Some((name.strip_prefix(&around)?, kind(item))));
            let inside = inside.filter(|(name, _)| !name.contains('/'));
            Ok(inside.map(|(name, kind)| Listed { name: name.into(), kind }).collect())
        });
    }

    fn info(&self, path: &[u8], done: IoDone<FileInfo>) {
        let opened = Arc::clone(&self.opened);
        self.answer(path, done, move |items, path| {
            let modified = Some(UNIX_EPOCH + Duration::from_millis(1500));
            if path == "opened" {
                let size = opened.load(Ordering::SeqCst) as u64;
                return Ok(FileInfo { kind: FileKind::Other, size, modified: None });
            }
            let item = find(items, &path)?;
            let size = item.as_ref().map_or(0, |content| content.lock().unwrap().len() as u64);
            Ok(FileInfo { kind: kind(&item), size, modified })
        });
    }
}

fn kind(item: &Option<Content>) -> FileKind {
    if item.is_some() { FileKind::File } else { FileKind::Directory }
}

struct Memory {
    path: String,
    mode: OpenMode,
    content: Content,
    place: Arc<Mutex<usize>>,
    work: Sender<Work>,
    /// Reads of `never`.
    waiting: Mutex<Vec<ReadDone>>,
    opened: Arc<AtomicUsize>,
    closed: AtomicBool,
    tries: AtomicUsize,
}

impl Memory {
    /// Whether there is something to this try: every other time, and for `ebb` not the third time either.
    fn is_high(&self) -> Option<bool> {
        let number = |is_high: fn(usize) -> bool| Some(is_high(self.tries.fetch_add(1, Ordering::SeqCst)));
        match &*self.path {
            "tide" => number(|tried| tried.is_multiple_of(2)),
            "ebb" => number(|tried| tried == 0 || tried > 2 && !tried.is_multiple_of(2)),
            _ => None,
        }
    }

    fn answer<T: Send + 'static>(
        &self,
        done: IoDone<T>,
        work: impl FnOnce(&mut Vec<u8>, &mut usize) -> Result<T> + Send + 'static,
    ) {
        let (content, place) = (Arc::clone(&self.content), Arc::clone(&self.place));
        let _ = self.work.send(Box::new(move || done(work(&mut content.lock().unwrap(), &mut place.lock().unwrap()))));
    }
}

impl Stream for Memory {
    fn read(&self, most: usize, done: ReadDone) {
        if self.path == "never" {
            return self.waiting.lock().unwrap().push(done);
        }
        if self.path == "tide" || self.path == "ebb" {
            return done(Err(Error::other("waits")));
        }
        let most = if self.path.starts_with("drip") { most.min(3) } else { most };
        let (readable, is_broken) = (self.mode.read, self.path == "broken");
        self.answer(done, move |content, place| {
            if !readable {
                return Err(Error::new(ErrorKind::Unsupported, "not opened for reading"));
            }
            let rest = content.get(*place..).unwrap_or_default();
            let bytes = rest[..rest.len().min(most)].to_vec();
            *place += bytes.len();
            match bytes.is_empty() {
                true if is_broken => Err(Error::other("the disk is on fire")),
                true => Ok(None),
                false => Ok(Some(bytes)),
            }
        });
    }

    fn try_read(&self, into: &mut [u8]) -> Option<Result<usize>> {
        self.is_high().filter(|is_high| *is_high)?;
        let (content, mut place) = (self.content.lock().unwrap(), self.place.lock().unwrap());
        let rest = content.get(*place..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        *place += count;
        Some(Ok(count))
    }

    fn write(&self, bytes: Vec<u8>, done: IoDone<()>) {
        let (mode, is_full) = (self.mode, self.path == "full");
        self.answer(done, move |content, place| {
            if !mode.write {
                return Err(Error::new(ErrorKind::Unsupported, "not opened for writing"));
            }
            if is_full {
                return Err(ErrorKind::StorageFull.into());
            }
            let at = if mode.append { content.len() } else { *place };
            content.resize(content.len().max(at + bytes.len()), 0);
            content[at..at + bytes.len()].copy_from_slice(&bytes);
            *place = at + bytes.len();
            Ok(())
        });
    }

    fn flush(&self, done: IoDone<()>) {
        self.answer(done, |_, _| Ok(()));
    }

    fn seek(&self, to: SeekFrom, done: IoDone<u64>) {
        self.answer(done, move |content, place| {
            let (from, distance) = match to {
                SeekFrom::Start(to) => (0, to as i64),
                SeekFrom::Current(by) => (*place as i64, by),
                SeekFrom::End(by) => (content.len() as i64, by),
            };
            let to =
                u64::try_from(from + distance).map_err(|_| Error::new(ErrorKind::InvalidInput, "no such place"))?;
            *place = to as usize;
            Ok(to)
        });
    }

    fn info(&self, done: IoDone<StreamInfo>) {
        let mode = self.mode;
        self.answer(done, move |content, place| {
            let (size, position) = (content.len() as u64, *place as u64);
            Ok(StreamInfo { size, position, readable: mode.read, writable: mode.write, seekable: true })
        });
    }

    fn close(&self) {
        if !self.closed.swap(true, Ordering::SeqCst) {
            self.opened.fetch_sub(1, Ordering::SeqCst);
            for done in self.waiting.lock().unwrap().drain(..) {
                done(Err(Error::other("closed")));
            }
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.close();
    }
}
