//! The end of the pipe to the guardian that the runtime has.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use perilune_exec_api::ExecError;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::handle::Leader;
use crate::launch::{Launch, Launched, launch_then};
use crate::pipe::input_pipe;
use crate::roll;
use crate::wake::Wake;

use super::{enter, record};

/// How much the guardian may leave unread before it counts as lost: the news of some ten thousand trees.
const UNREAD: usize = 1 << 20;
/// How long a goodbye may take.
const FAREWELL: Duration = Duration::from_secs(1);

enum State {
    /// Nobody wants one.
    Idle,
    /// To be started this way.
    Armed(Box<Launch>),
    Starting,
    Up(Link),
    /// It has ended, could not be started, or was sent away.
    Gone,
}

struct Link {
    /// Does not block. Its close is what the guardian waits for.
    pipe: OwnedFd,
    process: Arc<Leader>,
    /// What the pipe had no room for.
    pending: Vec<u8>,
    /// Wakes the thread that writes it.
    wake: Arc<Wake>,
    /// Its end is wanted.
    is_leaving: bool,
}

static STATE: Mutex<State> = Mutex::new(State::Idle);
static CHANGED: Condvar = Condvar::new();
/// What `STATE` says, for those who only want to know that.
static UP: AtomicBool = AtomicBool::new(false);

pub(super) fn arm(helper: Launch) {
    let mut state = state();
    if matches!(*state, State::Idle) {
        *state = State::Armed(Box::new(helper));
    }
}

pub(super) fn is_up() -> bool {
    UP.load(Ordering::Acquire)
}

pub(super) fn is_informed() -> bool {
    matches!(&*state(), State::Up(link) if link.pending.is_empty())
}

/// Has it started before whatever is started next.
pub(super) fn ready() {
    let mut state = state();
    if !matches!(*state, State::Armed(_)) {
        return;
    }
    let State::Armed(helper) = std::mem::replace(&mut *state, State::Starting) else { return };
    drop(state);
    if let Err(error) = start(*helper) {
        fail(&error);
    }
}

fn start(mut helper: Launch) -> Result<(), ExecError> {
    let exhausted =
        |source: std::io::Error| ExecError::Exhausted { operation: "start the guardian", source: source.into() };
    let (theirs, ours) = input_pipe().map_err(exhausted)?;
    let wake = Arc::new(Wake::new().map_err(exhausted)?);
    // Its outputs are nobody's: whoever reads those of the runtime sees them end with it.
    helper.stdio = [Some(theirs), None, None];
    // The answer goes to where it is needed, not to whoever asks for the first process.
    drop(launch_then(helper, move |started| match started {
        Ok(launched) => welcome(ours, wake, launched),
        Err(error) => fail(&error),
    })?);
    Ok(())
}

/// It runs, and learns of all there is.
fn welcome(pipe: OwnedFd, wake: Arc<Wake>, launched: Launched) {
    let process = Arc::new(launched.into_process());
    let (theirs, wakes) = (process.clone(), wake.clone());
    let mut state = state();
    *state = match *state {
        State::Starting => {
            UP.store(true, Ordering::Release);
            State::Up(Link { pipe, process, pending: Vec::new(), wake, is_leaving: false })
        }
        // Everything has ended meanwhile. It finds its pipe closed, and nothing to do.
        _ => State::Gone,
    };
    drop(state);
    let watch = std::thread::Builder::new().name("perilune-guard".to_owned());
    if let Err(error) = watch.spawn(move || attend(&theirs, &wakes)) {
        // It guards all the same. What it does not read in time makes it lost, and its end is not noticed.
        tracing::warn!(%error, "the guardian of processes is not watched");
    }
    roll::each(enter);
}

fn fail(error: &ExecError) {
    *state() = State::Gone;
    CHANGED.notify_all();
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, cause, "no guardian: what programs start outlives this one if it is killed");
}

/// Never waits: what there is no room for is written later.
pub(super) fn send(record: &[u8]) {
    if let State::Up(link) = &mut *state() {
        link.send(record);
    }
}

impl Link {
    fn send(&mut self, record: &[u8]) {
        if self.is_leaving {
            return;
        }
        let had_pending = !self.pending.is_empty();
        self.pending.extend_from_slice(record);
        if had_pending {
            // Somebody writes as soon as there is room.
        } else if self.flush() && !self.pending.is_empty() {
            self.wake.wake();
        }
        if self.pending.len() > UNREAD {
            // Closing the pipe now would tell it that the runtime is gone.
            self.kill();
            self.pending = Vec::new();
        }
    }

    /// Writes what there is room for; whether anybody may read it.
    fn flush(&mut self) -> bool {
        while !self.pending.is_empty() {
            match rustix::io::write(&self.pipe, &self.pending) {
                Ok(count) => drop(self.pending.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return true,
                Err(_) => {
                    self.pending = Vec::new();
                    return false;
                }
            }
        }
        true
    }

    fn kill(&self) {
        let _ = self.process.signal(libc::SIGKILL);
    }
}

/// Writes what is left over, until the guardian ends, and collects its status.
fn attend(process: &Leader, wake: &Wake) {
    loop {
        let pipe = match &mut *state() {
            State::Up(link) => {
                let is_read = link.flush();
                (is_read && !link.pending.is_empty()).then(|| link.pipe.try_clone().ok()).flatten()
            }
            _ => None,
        };
        let mut fds = vec![PollFd::new(process, PollFlags::IN), PollFd::new(wake, PollFlags::IN)];
        fds.extend(pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        let waited = rustix::event::poll(&mut fds, None);
        let has_ended = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        if waited.is_ok() && has_ended {
            break;
        }
        wake.clear();
    }
    // Nobody signals it who does not hold the state.
    let mut state = state();
    process.wait();
    let before = std::mem::replace(&mut *state, State::Gone);
    drop(state);
    UP.store(false, Ordering::Release);
    CHANGED.notify_all();
    if matches!(before, State::Up(link) if !link.is_leaving) {
        tracing::warn!("the guardian has ended: what programs start outlives this one if it is killed");
    }
}

pub(super) fn goodbye() {
    let mut state = state();
    match &mut *state {
        State::Up(link) => {
            link.send(&record::goodbye());
            link.is_leaving = true;
        }
        other => {
            *other = State::Gone;
            return;
        }
    }
    let until = Instant::now() + FAREWELL;
    while let State::Up(link) = &*state {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // It would take the end of this program for a violent one.
            link.kill();
            return;
        }
        state = CHANGED.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}
