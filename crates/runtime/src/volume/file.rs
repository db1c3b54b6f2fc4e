use std::collections::VecDeque;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use perilune_lua_bindings::{IoDone, OpenMode, ReadDone, Stream, StreamInfo};

use super::plain;
use super::pool::Pool;

/// What is set aside for a read without asking how much is left.
const SMALL: usize = 64 << 10;

/// An open file. What is asked of it waits in a line, and one thread at a time works on it.
pub(super) struct FileStream(Arc<Shared>);

struct Shared {
    mode: OpenMode,
    pool: Arc<Pool>,
    state: Mutex<State>,
}

struct State {
    /// `None` while somebody works on it, and once it is closed.
    file: Option<File>,
    busy: bool,
    closed: bool,
    line: VecDeque<Task>,
}

/// What to do with the file, or with its absence.
type Task = Box<dyn FnOnce(Result<&mut File>) + Send>;

impl FileStream {
    pub(super) fn new(file: File, mode: OpenMode, pool: Arc<Pool>) -> Self {
        let state = State { file: Some(file), busy: false, closed: false, line: VecDeque::new() };
        Self(Arc::new(Shared { mode, pool, state: Mutex::new(state) }))
    }

    fn submit<T: 'static>(&self, done: IoDone<T>, work: impl FnOnce(&mut File) -> Result<T> + Send + 'static) {
        let task: Task = Box::new(move |file| done(file.and_then(work).map_err(plain)));
        let mut state = self.0.state();
        if state.closed {
            drop(state);
            return task(Err(closed()));
        }
        state.line.push_back(task);
        if !std::mem::replace(&mut state.busy, true) {
            drop(state);
            Shared::queue(&self.0);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(this: &Arc<Self>) {
        let shared = Arc::clone(this);
        this.pool.run(Box::new(move || Self::turn(&shared)));
    }

    /// Does one task. For the next one the stream goes to the end of the pool's line, like everybody.
    fn turn(this: &Arc<Self>) {
        let (task, mut file) = {
            let mut state = this.state();
            (state.line.pop_front(), state.file.take())
        };
        if let Some(task) = task {
            task(file.as_mut().ok_or_else(closed));
        }
        let mut state = this.state();
        if state.closed {
            drop(state);
            // With the last of it.
            drop(file);
            return;
        }
        state.file = file;
        state.busy = !state.line.is_empty();
        if state.busy {
            drop(state);
            Self::queue(this);
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::InvalidInput, "stream is closed")
}

impl Stream for FileStream {
    fn read(&self, most: usize, done: ReadDone) {
        if !self.0.mode.read {
            return done(Err(Error::new(ErrorKind::Unsupported, "not open for reading")));
        }
        self.submit(done, move |file| read(file, most));
    }

    fn write(&self, bytes: Vec<u8>, done: IoDone<()>) {
        if !self.0.mode.write {
            return done(Err(Error::new(ErrorKind::Unsupported, "not open for writing")));
        }
        self.submit(done, move |file| file.write_all(&bytes));
    }

    fn flush(&self, done: IoDone<()>) {
        if !self.0.mode.write {
            return done(Err(Error::new(ErrorKind::Unsupported, "not open for writing")));
        }
        self.submit(done, |file| file.sync_data());
    }

    fn seek(&self, to: SeekFrom, done: IoDone<u64>) {
        self.submit(done, move |file| {
            file.seek(to).map_err(|error| match error.kind() {
                ErrorKind::InvalidInput => Error::new(ErrorKind::InvalidInput, "no such place"),
                _ => error,
            })
        });
    }

    fn info(&self, done: IoDone<StreamInfo>) {
        let OpenMode { read: readable, write: writable, .. } = self.0.mode;
        self.submit(done, move |file| {
            let (size, position) = (file.metadata()?.len(), file.stream_position()?);
            Ok(StreamInfo { size, position, readable, writable, seekable: true })
        });
    }

    /// A file that nobody works on is closed here and now, so that its descriptor is free when the call returns.
    fn close(&self) {
        let (file, line) = {
            let mut state = self.0.state();
            state.closed = true;
            (state.file.take(), std::mem::take(&mut state.line))
        };
        drop(file);
        for task in line {
            task(Err(closed()));
        }
    }
}

/// Reads once, or until so much is there: a regular file never lets anybody wait for more.
fn read(file: &mut File, most: usize) -> Result<Option<Vec<u8>>> {
    let mut room = most;
    if most > SMALL {
        let left = file.metadata()?.len().saturating_sub(file.stream_position()?);
        room = most.min(usize::try_from(left).unwrap_or(usize::MAX).max(SMALL));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(room)?;
    file.take(room as u64).read_to_end(&mut bytes)?;
    Ok((!bytes.is_empty()).then_some(bytes))
}

#[cfg(test)]
mod tests;
