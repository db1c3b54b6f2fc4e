//! `exec`: programs of the operating system.

mod process;
mod stream;

use std::cell::Cell;
use std::ffi::c_int;
use std::path::PathBuf;
use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure};
use perilune_exec_api::{CommandLine, ExecError, ExecErrorKind, ExecRequest, StdinEof};

pub(crate) use self::process::{ExitSeen, IdleSeen, Processes};
use crate::access::{Access, Resource};
use crate::services::ExecutorHandle;
use crate::vm::{Functions, Kind, ONE, Object, Outcome, Raise, Stack, Vm};

/// An executor in a script's hands.
struct ExecutorObject {
    id: String,
    handle: ExecutorHandle,
    released: Cell<bool>,
}

impl Object for ExecutorObject {
    const TAG: c_int = 80;
    const NAME: &'static str = "exec.Executor";
}

const EXECUTOR: Functions = &[
    (c"exec", |stack| {
        let created = create(stack)?;
        style(stack, created.map(|made| process::push(stack, made)))
    }),
    (c"release", |stack| {
        stack.want_self::<ExecutorObject>("release")?.released.set(true);
        stack.done()
    }),
];

pub(crate) fn register(stack: Stack) {
    let meta: Functions = &[(c"__tostring", |stack| {
        let text = format!("exec.Executor({})", stack.want_self::<ExecutorObject>("tostring")?.id);
        stack.push_str(&text);
        ONE
    })];
    stack.register_object::<ExecutorObject>(EXECUTOR, &[], meta);
    process::register(stack);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 1);
    stack.set_functions(&[(c"get", get)]);
}

/// What a call gives that raises what goes wrong, or under the later revision returns it.
fn style(stack: Stack, done: Result<(), Failure>) -> Outcome {
    match done {
        Ok(()) => ONE,
        Err(failure) if Vm::current().settings.api >= 2 => stack.fail(failure),
        Err(failure) => Err(failure.into()),
    }
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Invalid, message)
}

/// `exec.get(id)`.
fn get(stack: Stack) -> Outcome {
    let id = stack.want_text(1, "get")?;
    let vm = Vm::current();
    let found = (|| {
        if id.is_empty() {
            return Err(invalid("resource id is required"));
        }
        let actor = vm.actor().ok_or_else(|| invalid("no context found"))?;
        vm.services.executor(&actor.origin(), id)
    })();
    let pushed = found.map(|handle| {
        stack.push_object(ExecutorObject { id: id.to_owned(), handle, released: Cell::new(false) });
    });
    style(stack, pushed)
}

/// What [`create`] made.
struct Made {
    process: Arc<dyn perilune_exec_api::Process>,
    stdin_eof: StdinEof,
}

/// `executor:exec(command, options?)`: what is wrong with types is raised at once.
fn create(stack: Stack) -> Result<Result<Made, Failure>, Raise> {
    let executor = stack.want_self::<ExecutorObject>("exec")?;
    let command = stack.want_text(2, "exec")?;
    let options = Options::read(stack, 3)?;
    Ok((|| {
        if executor.released.get() {
            return Err(invalid("executor is released"));
        }
        if command.trim().is_empty() {
            return Err(invalid("command is required"));
        }
        let work_dir = options.work_dir.as_deref();
        let attributes = [("executor", executor.id.as_str()), ("work_dir", work_dir.unwrap_or_default())];
        let known = if work_dir.is_some() { &attributes[..] } else { &attributes[..1] };
        let access = Access::new("exec.run", Resource::Text(command), "permission denied: execute command", "");
        Vm::current().authorize(&access.with_attributes(known))?;
        let mut request = ExecRequest::new(CommandLine::Auto(command.to_owned()));
        request.work_dir = work_dir.map(PathBuf::from);
        request.env = options.env.into_iter().collect();
        // Whether nobody could write any more is known here alone.
        let stdin_eof = executor.handle.stdin_eof;
        request.stdin_eof = Some(match stdin_eof {
            StdinEof::AfterFirstWrite => stdin_eof,
            StdinEof::Idle(_) | StdinEof::Explicit => StdinEof::Explicit,
        });
        let process = executor.handle.executor.create(request).map_err(|error| failure(&error))?;
        Ok(Made { process, stdin_eof })
    })())
}

#[derive(Default)]
struct Options {
    work_dir: Option<String>,
    env: Vec<(String, String)>,
}

impl Options {
    fn read(stack: Stack, index: i32) -> Result<Self, Raise> {
        let mut options = Self::default();
        if stack.is_nothing(index) {
            return Ok(options);
        }
        stack.want_kind(index, "exec", Kind::Table, "table")?;
        let wrong = |problem: &str| Raise::Argument(index, format!("to 'exec' ({problem})"));
        stack.reserve(4);
        match stack.raw_get(index, c"work_dir") {
            Kind::Nil => {}
            Kind::String => options.work_dir = Some(stack.want_text(stack.top(), "exec")?.to_owned()),
            _ => return Err(wrong("work_dir must be a string")),
        }
        stack.pop(1);
        match stack.raw_get(index, c"env") {
            Kind::Nil => {}
            Kind::Table => options.env = read_env(stack, stack.top()).ok_or_else(|| wrong(ENV))?,
            _ => return Err(wrong("env must be a table")),
        }
        stack.pop(1);
        Ok(options)
    }
}

const ENV: &str = "env must map strings to strings, numbers or booleans";

fn read_env(stack: Stack, index: i32) -> Option<Vec<(String, String)>> {
    let (mut env, mut position) = (Vec::new(), 0);
    let text = |index| {
        stack.copy(index);
        let text = stack.bytes(stack.top()).and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned);
        stack.pop(1);
        text
    };
    while let Some(next) = stack.next(index, position) {
        position = next;
        let (key, value) = (stack.top() - 1, stack.top());
        let value = match stack.kind(value) {
            Kind::Boolean => Some(stack.truthy(value).to_string()),
            Kind::String | Kind::Number => text(value),
            _ => None,
        }?;
        let name = if stack.kind(key) == Kind::String { text(key) } else { None }?;
        env.push((name, value));
        stack.pop(2);
    }
    Some(env)
}

/// An executor's error as scripts see it: its message, and below it what the system said.
fn failure(error: &ExecError) -> Failure {
    let kind = match error.kind() {
        ExecErrorKind::NotFound | ExecErrorKind::InvalidWorkDir => ErrorKind::NotFound,
        ExecErrorKind::PermissionDenied | ExecErrorKind::NotAllowed => ErrorKind::PermissionDenied,
        ExecErrorKind::Timeout => ErrorKind::Timeout,
        ExecErrorKind::ResourceExhausted => ErrorKind::Unavailable,
        ExecErrorKind::Io => ErrorKind::Internal,
        _ => ErrorKind::Invalid,
    };
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(below) = cause {
        message = format!("{message}: {below}");
        cause = below.source();
    }
    let failure = Failure::new(kind, message);
    if error.is_retryable() { failure.retryable() } else { failure }
}
