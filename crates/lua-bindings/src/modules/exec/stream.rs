//! What a program writes, as a stream.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use perilune_exec_api::{ByteStream, ExecError, ExecErrorKind};

use crate::services::{ReadDone, Services, Stream};

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// How many chunks are read before a script asks for them, so that reading goes on while it looks at one.
const AHEAD: usize = 8;

/// The output of one program. Nothing is read before the script has asked for the first time.
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
    ahead: VecDeque<Vec<u8>>,
    /// Readers that found nothing there.
    waiting: VecDeque<(usize, ReadDone)>,
    /// What there is behind what was read: the end, or an error, for everybody who asks.
    last: Option<Result<(), Problem>>,
    /// Somebody reads.
    pumping: bool,
    closed: bool,
    /// A reader was told of the end.
    ended: bool,
}

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

impl State {
    /// Up to that many bytes, if there is anything to tell.
    fn take(&mut self, most: usize) -> Option<io::Result<Option<Vec<u8>>>> {
        let Some(mut chunk) = self.ahead.pop_front() else {
            let last = self.last.clone()?;
            self.ended = true;
            return Some(last.map(|()| None).map_err(io::Error::from));
        };
        if chunk.len() > most {
            let rest = chunk.split_off(most);
            self.ahead.push_front(rest);
        }
        Some(Ok(Some(chunk)))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads until there is enough for now.
    async fn pump(&self) {
        loop {
            let read = self.bytes.read(CHUNK).await;
            let mut state = self.state();
            match read {
                Ok(Some(chunk)) => state.ahead.push_back(chunk),
                Ok(None) => state.last = Some(Ok(())),
                Err(error) => {
                    state.last.get_or_insert(Err(Problem::new(&error)));
                }
            }
            let mut told = Vec::new();
            while let Some((most, _)) = state.waiting.front() {
                let most = *most;
                let Some(taken) = state.take(most) else { break };
                told.extend(state.waiting.pop_front().map(|(_, done)| (done, taken)));
            }
            let goes_on = state.last.is_none() && !state.closed && state.ahead.len() < AHEAD;
            state.pumping = goes_on;
            drop(state);
            for (done, taken) in told {
                done(taken);
            }
            if !goes_on {
                return;
            }
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
        // Not past those who were here before.
        let taken = if state.waiting.is_empty() { state.take(most) } else { None };
        let untold = match taken {
            Some(taken) => Some((done, taken)),
            None => {
                state.waiting.push_back((most, done));
                None
            }
        };
        // Early enough that the next read finds something.
        let starts = !state.pumping && state.last.is_none() && state.ahead.len() <= AHEAD / 2;
        state.pumping |= starts;
        drop(state);
        if let Some((done, taken)) = untold {
            done(taken);
        }
        if starts {
            let shared = Arc::clone(&self.shared);
            self.services.drive(Box::pin(async move { shared.pump().await }));
        }
    }

    fn close(&self) {
        self.shared.bytes.close();
        let mut state = self.shared.state();
        state.closed = true;
        state.ahead.clear();
        state.last = Some(Err(Problem::closed()));
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for (_, done) in waiting {
            done(Err(Problem::closed().into()));
        }
    }

    /// Whoever reads past the end waits for nothing.
    fn process(&self) -> Option<u32> {
        (!self.shared.state().ended).then_some(self.process)
    }
}
