//! What a program writes, as a stream.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use perilune_exec_api::{ByteStream, ExecError, ExecErrorKind};

use crate::services::{ReadDone, Services, Stream};

/// The output of one program, of which nothing is read before the script asks for it.
pub(super) struct Output {
    shared: Arc<Shared>,
    services: Arc<dyn Services>,
    process: u32,
}

struct Shared {
    bytes: Arc<dyn ByteStream>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Who waits, and for how much at most. While there is anybody, one task reads for all of them.
    waiting: VecDeque<(usize, ReadDone)>,
    fetching: bool,
    /// What there is behind all that was read: the end, or an error, for everybody who asks.
    last: Option<Last>,
}

type Last = Result<(), Problem>;

#[derive(Clone)]
struct Problem(io::ErrorKind, String);

impl Problem {
    fn new(error: &ExecError) -> Self {
        let kind = match error.kind() {
            ExecErrorKind::Closed => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::Other,
        };
        Self(kind, error.to_string())
    }

    fn closed() -> Self {
        Self(io::ErrorKind::InvalidInput, "stream is closed".into())
    }
}

impl From<Problem> for io::Error {
    fn from(Problem(kind, text): Problem) -> Self {
        Self::new(kind, text)
    }
}

fn answer<T>(last: Last, end: T) -> io::Result<T> {
    last.map(|()| end).map_err(io::Error::from)
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads for those who wait, the first of whom wants `most`, until nobody does.
    async fn fetch(&self, mut most: usize) {
        loop {
            let next = match self.bytes.read(most).await {
                Ok(Some(bytes)) => self.tell_first(bytes),
                Ok(None) => return self.tell_all(Ok(())),
                Err(error) => return self.tell_all(Err(Problem::new(&error))),
            };
            match next {
                Some(next) => most = next,
                None => return,
            }
        }
    }

    /// Gives what was read to whoever has waited longest. How much the next one wants, if there is one.
    fn tell_first(&self, bytes: Vec<u8>) -> Option<usize> {
        let mut state = self.state();
        let first = state.waiting.pop_front();
        let next = state.waiting.front().map(|(most, _)| *most);
        // Before the first is told, who may ask again at once.
        state.fetching = next.is_some();
        drop(state);
        if let Some((_, done)) = first {
            done(Ok(Some(bytes)));
        }
        next
    }

    /// Nothing comes after this, unless something was last before.
    fn tell_all(&self, last: Last) {
        let mut state = self.state();
        state.fetching = false;
        let last = state.last.get_or_insert(last).clone();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for (_, done) in waiting {
            done(answer(last.clone(), None));
        }
    }
}

impl Output {
    pub(super) fn new(bytes: Arc<dyn ByteStream>, services: Arc<dyn Services>, process: u32) -> Self {
        Self { shared: Arc::new(Shared { bytes, state: Mutex::default() }), services, process }
    }
}

impl Stream for Output {
    fn read(&self, most: usize, done: ReadDone) {
        let mut state = self.shared.state();
        if let Some(last) = state.last.clone() {
            drop(state);
            return done(answer(last, None));
        }
        state.waiting.push_back((most, done));
        let fetching = std::mem::replace(&mut state.fetching, true);
        drop(state);
        if !fetching {
            let shared = Arc::clone(&self.shared);
            self.services.drive(Box::pin(async move { shared.fetch(most).await }));
        }
    }

    fn try_read(&self, into: &mut [u8]) -> Option<io::Result<usize>> {
        {
            let state = self.shared.state();
            if let Some(last) = state.last.clone() {
                return Some(answer(last, 0));
            }
            if !state.waiting.is_empty() {
                return None;
            }
        }
        let last = match self.shared.bytes.try_read(into)? {
            Ok(0) => Ok(()),
            Ok(count) => return Some(Ok(count)),
            Err(error) => Err(Problem::new(&error)),
        };
        let last = self.shared.state().last.get_or_insert(last).clone();
        Some(answer(last, 0))
    }

    fn close(&self) {
        self.shared.bytes.close();
        let closed = Err(Problem::closed());
        self.shared.state().last = Some(closed.clone());
        self.shared.tell_all(closed);
    }

    /// Whoever reads past the end waits for nothing.
    fn process(&self) -> Option<u32> {
        self.shared.state().last.is_none().then_some(self.process)
    }
}
