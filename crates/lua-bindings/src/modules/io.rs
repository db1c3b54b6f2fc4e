use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure};

use crate::modules::line_of;
use crate::services::{Read, Terminal};
use crate::task::await_result;
use crate::vm::{ONE, Outcome, Stack, Vm};

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 8);
    stack.set_functions(&[
        (c"write", |stack| with_terminal(stack, |terminal, stack| terminal.write(&line_of(stack, b"")))),
        (c"print", |stack| {
            with_terminal(stack, |terminal, stack| {
                let mut line = line_of(stack, b"\t");
                line.push(b'\n');
                terminal.write(&line)
            })
        }),
        (c"eprint", |stack| {
            with_terminal(stack, |terminal, stack| {
                let mut line = line_of(stack, b"\t");
                line.push(b'\n');
                terminal.write_error(&line)
            })
        }),
        (c"flush", |stack| with_terminal(stack, |terminal, _| terminal.flush())),
        (c"args", args),
    ]);
    stack.set_waiting_functions(&[(c"read", read), (c"readline", |stack| start_read(stack, Read::Line))]);
}

fn failed(verb: &str, error: &std::io::Error) -> Failure {
    Failure::new(ErrorKind::Internal, format!("could not {verb}: {error}"))
}

fn terminal() -> Result<Arc<dyn Terminal>, Failure> {
    let vm = Vm::current();
    let terminal = vm.actor().and_then(|actor| vm.services.terminal(actor.pid.host()));
    terminal.ok_or_else(|| Failure::new(ErrorKind::Unavailable, "io is only available on a terminal host"))
}

fn with_terminal(stack: Stack, work: impl FnOnce(&dyn Terminal, Stack) -> std::io::Result<()>) -> Outcome {
    match terminal() {
        Err(failure) => stack.fail(failure),
        Ok(terminal) => match work(&*terminal, stack) {
            Ok(()) => stack.done(),
            Err(error) => stack.fail(failed("write", &error)),
        },
    }
}

fn args(stack: Stack) -> Outcome {
    let terminal = match terminal() {
        Ok(terminal) => terminal,
        Err(failure) => return stack.fail(failure),
    };
    let args = terminal.args();
    stack.push_table(args.len(), 0);
    let array = stack.top();
    for (arg, key) in args.iter().zip(1..) {
        stack.push_str(arg);
        stack.raw_seti(array, key);
    }
    ONE
}

fn read(stack: Stack) -> Outcome {
    const MOST: f64 = (64 << 20) as f64;
    let count = if stack.is_nothing(1) { 4096.0 } else { stack.want_number(1, "read")? };
    if !(1.0..=MOST).contains(&count) {
        return stack.invalid("number of bytes must be between 1 and 67108864");
    }
    start_read(stack, Read::Bytes(count as usize))
}

fn start_read(stack: Stack, what: Read) -> Outcome {
    let terminal = match terminal() {
        Ok(terminal) => terminal,
        Err(failure) => return stack.fail(failure),
    };
    await_result(stack, |done| terminal.read(what, done), push_read)
}

fn push_read(stack: Stack, read: std::io::Result<Option<Vec<u8>>>) -> Outcome {
    match read {
        Ok(Some(bytes)) => stack.push_bytes(&bytes),
        Ok(None) => stack.push_nil(),
        Err(error) => return stack.fail(failed("read", &error)),
    }
    ONE
}
