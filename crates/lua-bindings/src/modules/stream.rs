//! Streams in a script's hands, whatever is behind them. The scanner is beside this file.

mod scanner;

use std::cell::{Cell, Ref, RefCell};
use std::ffi::c_int;
use std::io::{self, SeekFrom};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use perilune_actor_core::{ErrorKind, Failure};

use crate::actor::HoldKey;
use crate::services::{IoDone, Stream, StreamInfo};
use crate::task::{Waits, await_result_as, check_wait};
use crate::vm::{Functions, ONE, Object, Outcome, Stack, Vm};

/// What is read at once unless the script says otherwise.
const CHUNK: usize = 64 << 10;

/// What is read at once whatever the script says: more than that is read in several goes.
const MAX_READ: f64 = (64 << 20) as f64;

/// Whoever has written so much is likely to write more at once. Fewer bytes are an answer, or a line of a log.
const FLOWS: usize = 4 << 10;

/// The shortest there is. With what systems add, about 50 µs: a program writes half of what a pipe holds meanwhile.
const PAUSE: Duration = Duration::from_micros(1);

/// After a pause in vain so many reads wait without one.
const DISCOURAGED: u32 = 4;

/// The largest whole number up to which a script's numbers have no gaps.
const MAX_OFFSET: f64 = 9_007_199_254_740_992.0;

/// A stream, as its object and its scanners share it. It is closed when the last of them is gone, or the actor.
struct Open {
    stream: Arc<dyn Stream>,
    /// `None` once it is closed.
    key: Cell<Option<HoldKey>>,
    closed: Cell<bool>,
    /// Reads whose coroutines have not gone on yet.
    reading: Cell<usize>,
    /// The last read has brought much, and so may the next one, soon.
    flows: Cell<bool>,
    /// How many reads are to wait without a pause.
    discouraged: Cell<u32>,
}

struct StreamObject(Rc<Open>);

impl Object for StreamObject {
    const TAG: c_int = 50;
    const NAME: &'static str = "stream";
}

/// What an actor holds of a stream: the duty to close it.
struct Closing(Arc<dyn Stream>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Open {
    fn close(&self) {
        self.closed.set(true);
        let key = self.key.take();
        if let (Some(key), Some(actor)) = (key, Vm::current().actor()) {
            actor.release(key);
        }
    }

    fn check(&self) -> Result<(), Failure> {
        match self.closed.get() {
            true => Err(closed()),
            false => Ok(()),
        }
    }

    /// Reads without waiting, if there is something and nobody has asked before.
    fn read_now<R>(&self, vm: &Vm, most: usize, see: impl FnOnce(io::Result<Option<&[u8]>>) -> R) -> Option<R> {
        if self.reading.get() > 0 {
            return None;
        }
        let mut buffer = vm.read_buffer.borrow_mut();
        buffer.resize(CHUNK, 0);
        let read = self.find(vm, &mut buffer[..most.min(CHUNK)]);
        self.flows.set(matches!(read, Some(Ok(FLOWS..))));
        let read = read?;
        let bytes = read.map(|count| buffer.get(..count).filter(|bytes| !bytes.is_empty()));
        Some(see(bytes))
    }

    /// Tries to read; once more after a pause, if much has come and nobody here waits for a turn.
    ///
    /// A read that waits is told of the first few bytes. If all threads share a processor, the writer may not get to write
    /// any more before they have been read, so that every few bytes cost several changes of threads.
    fn find(&self, vm: &Vm, into: &mut [u8]) -> Option<io::Result<usize>> {
        let read = self.stream.try_read(into);
        if read.is_some() || !self.flows.get() || !vm.is_alone() {
            return read;
        }
        if let Some(fewer) = self.discouraged.get().checked_sub(1) {
            self.discouraged.set(fewer);
            return None;
        }
        std::thread::sleep(PAUSE);
        let read = self.stream.try_read(into);
        if read.is_none() {
            self.discouraged.set(DISCOURAGED);
        }
        read
    }

    /// Reads, and waits for it. `see` has to call [`has_read`](Self::has_read).
    fn read_later(
        self: &Rc<Self>,
        stack: Stack,
        most: usize,
        see: impl FnOnce(Stack, io::Result<Option<Vec<u8>>>) -> Outcome + Send + 'static,
    ) -> Outcome {
        let begin = |done| {
            self.reading.set(self.reading.get() + 1);
            self.stream.read(most, done);
        };
        await_result_as(stack, waits_for(&*self.stream), begin, see)
    }

    fn has_read(&self, read: &io::Result<Option<Vec<u8>>>) {
        self.reading.set(self.reading.get().saturating_sub(1));
        let is_much = matches!(read, Ok(Some(bytes)) if bytes.len() >= FLOWS);
        self.flows.set(is_much && self.stream.process().is_some());
    }
}

const METHODS: Functions = &[
    (c"close", |stack| {
        stack.want_self::<StreamObject>("close")?.0.close();
        stack.done()
    }),
    (c"scanner", scanner::make),
];

const WAITING: Functions = &[(c"read", read), (c"write", write), (c"flush", flush), (c"seek", seek), (c"stat", stat)];

const META: Functions = &[(c"__tostring", |stack| {
    stack.want_self::<StreamObject>("tostring")?;
    stack.push_str(&format!("stream: {:p}", stack.pointer(1)));
    ONE
})];

pub(crate) fn register(stack: Stack) {
    stack.register_object::<StreamObject>(METHODS, WAITING, META);
    scanner::register(stack);
}

/// Pushes a stream for the running actor, which closes it when it ends.
pub(crate) fn push(stack: Stack, stream: Arc<dyn Stream>) {
    let open = Rc::new(Open {
        stream: Arc::clone(&stream),
        key: Cell::new(None),
        closed: Cell::new(false),
        reading: Cell::new(0),
        flows: Cell::new(false),
        discouraged: Cell::new(0),
    });
    // The object first: if there is no memory for it, nobody holds anything.
    stack.push_object(StreamObject(Rc::clone(&open)));
    if let Some(actor) = Vm::current().actor() {
        open.key.set(Some(actor.hold(Box::new(Closing(stream)))));
    }
}

/// An error of a stream or volume as a script sees it; `what` could not be done.
pub(crate) fn failure(what: &str, error: &io::Error) -> Failure {
    use io::ErrorKind as Io;
    let (kind, reason) = match error.kind() {
        Io::NotFound => (ErrorKind::NotFound, "not found"),
        Io::AlreadyExists => (ErrorKind::AlreadyExists, "already exists"),
        Io::PermissionDenied => (ErrorKind::PermissionDenied, "permission denied"),
        Io::ReadOnlyFilesystem => (ErrorKind::PermissionDenied, "file system is read-only"),
        Io::IsADirectory => (ErrorKind::Invalid, "is a folder"),
        Io::NotADirectory => (ErrorKind::Invalid, "not a folder"),
        Io::DirectoryNotEmpty => (ErrorKind::Invalid, "folder is not empty"),
        Io::InvalidFilename => (ErrorKind::Invalid, "name is too long or not allowed"),
        Io::InvalidInput | Io::InvalidData | Io::FileTooLarge | Io::Unsupported => (ErrorKind::Invalid, ""),
        Io::StorageFull => (ErrorKind::Unavailable, "no space left"),
        Io::QuotaExceeded => (ErrorKind::Unavailable, "no space left in the quota"),
        Io::OutOfMemory => (ErrorKind::Unavailable, "no memory left"),
        Io::ResourceBusy | Io::ExecutableFileBusy | Io::WouldBlock | Io::TimedOut => (ErrorKind::Unavailable, ""),
        _ => (ErrorKind::Internal, ""),
    };
    let text = error.to_string();
    // Words of whoever made the error say more than ours do, and ours more than the system's.
    let is_own = error.get_ref().is_some();
    let reason = if reason.is_empty() || is_own { &text } else { reason };
    let failure = Failure::new(kind, format!("could not {what}: {reason}"));
    if failure.kind == ErrorKind::Unavailable { failure.retryable() } else { failure }
}

fn closed() -> Failure {
    Failure::new(ErrorKind::Invalid, "stream is closed")
}

/// What a coroutine waits for that reads a stream.
fn waits_for(stream: &dyn Stream) -> Waits {
    stream.process().map_or(Waits::Operation, |process| Waits::Os { process, reads: true })
}

/// Does something with the stream at 1 and waits for what comes of it.
fn operate<T: Send + 'static>(
    stack: Stack,
    name: &'static str,
    begin: impl FnOnce(&dyn Stream, IoDone<T>),
    push: fn(Stack, T) -> Outcome,
) -> Outcome {
    let open = &stack.want_self::<StreamObject>(name)?.0;
    if let Err(failure) = open.check() {
        return stack.fail(failure);
    }
    let stream = Arc::clone(&open.stream);
    let waits = waits_for(&*stream);
    await_result_as(
        stack,
        waits,
        |done| begin(&*stream, done),
        move |stack, result: io::Result<T>| match result {
            Ok(value) => push(stack, value),
            Err(error) => {
                // Closing ends what is under way, with whatever error.
                let because = stack.want_self::<StreamObject>(name)?.0.check();
                stack.fail(because.map_or_else(|closed| closed, |()| failure(name, &error)))
            }
        },
    )
}

fn read(stack: Stack) -> Outcome {
    let open = Rc::clone(&stack.want_self::<StreamObject>("read")?.0);
    let count = if stack.is_nothing(2) { CHUNK as f64 } else { stack.want_number(2, "read")? };
    // Also refuses what is no number.
    if !(1.0..).contains(&count) {
        return stack.invalid("number of bytes must be positive");
    }
    if let Err(failure) = open.check() {
        return stack.fail(failure);
    }
    let most = count.min(MAX_READ) as usize;
    let vm = Vm::current();
    // Whether it is allowed does not depend on what is there.
    check_wait(vm, stack)?;
    if let Some(outcome) = open.read_now(vm, most, |read| push_read(stack, read)) {
        return outcome;
    }
    open.read_later(stack, most, |stack, read| {
        let open = &stack.want_self::<StreamObject>("read")?.0;
        open.has_read(&read);
        match open.check() {
            // Closing ends what is under way, with whatever error; and who closes wants nothing more.
            Err(closed) => stack.fail(closed),
            Ok(()) => push_read(stack, read.as_ref().map(Option::as_deref)),
        }
    })
}

fn push_read<E: std::borrow::Borrow<io::Error>>(stack: Stack, read: Result<Option<&[u8]>, E>) -> Outcome {
    match read {
        Ok(Some(bytes)) => stack.push_bytes(bytes),
        Ok(None) => stack.push_nil(),
        Err(error) => return stack.fail(failure("read", error.borrow())),
    }
    ONE
}

fn write(stack: Stack) -> Outcome {
    stack.want_self::<StreamObject>("write")?;
    let bytes = stack.want_bytes(2, "write")?.to_vec();
    operate(stack, "write", |stream, done| stream.write(bytes, done), |stack, ()| stack.done())
}

fn flush(stack: Stack) -> Outcome {
    operate(stack, "flush", |stream, done| stream.flush(done), |stack, ()| stack.done())
}

fn seek(stack: Stack) -> Outcome {
    stack.want_self::<StreamObject>("seek")?;
    let whence = if stack.is_nothing(2) { &b"cur"[..] } else { stack.want_bytes(2, "seek")? };
    if !matches!(whence, b"set" | b"cur" | b"end") {
        return stack.unknown(2, "seek", "set, cur or end");
    }
    let offset = if stack.is_nothing(3) { 0.0 } else { stack.want_number(3, "seek")? };
    if offset.fract() != 0.0 || offset.abs() > MAX_OFFSET {
        return stack.invalid("offset must be a whole number of bytes");
    }
    let to = match whence {
        b"set" if offset < 0.0 => return stack.invalid("offset from the beginning must not be negative"),
        b"set" => SeekFrom::Start(offset as u64),
        b"end" => SeekFrom::End(offset as i64),
        _ => SeekFrom::Current(offset as i64),
    };
    operate(
        stack,
        "seek",
        |stream, done| stream.seek(to, done),
        |stack, position| {
            stack.push_number(position as f64);
            ONE
        },
    )
}

fn stat(stack: Stack) -> Outcome {
    operate(
        stack,
        "stat",
        |stream, done| stream.info(done),
        |stack, info: StreamInfo| {
            stack.push_table(0, 5);
            let table = stack.top();
            stack.push_number(info.size as f64);
            stack.raw_set(table, c"size");
            stack.push_number(info.position as f64);
            stack.raw_set(table, c"position");
            for (name, is) in [(c"readable", info.readable), (c"writable", info.writable), (c"seekable", info.seekable)]
            {
                stack.push_boolean(is);
                stack.raw_set(table, name);
            }
            ONE
        },
    )
}
