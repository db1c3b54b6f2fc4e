//! Text for other programs. Both directions work on the stack itself: a large document is never held twice.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use perilune_actor_core::{ErrorKind, Failure};

use crate::vm::{Kind, ONE, Outcome, Stack, Vm};

/// Deepest nesting, which is that of payloads too; also what keeps the native stack safe.
const MAX_DEPTH: usize = 200;

/// Longest text without a limit of the runtime's own: longer strings Lua does not have.
const MAX_BYTES: usize = 1 << 30;

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 2);
    stack.set_functions(&[
        (c"encode", |stack| {
            if stack.kind(1) == Kind::None {
                return stack.wrong(1, "encode", "value");
            }
            give(stack, encode(stack, 1))
        }),
        (c"decode", |stack| {
            stack.want_bytes(1, "decode")?;
            give(stack, decode(stack, 1))
        }),
    ]);
}

fn give(stack: Stack, pushed: Result<(), Failure>) -> Outcome {
    match pushed {
        Ok(()) => ONE,
        Err(failure) => stack.fail(failure),
    }
}

/// The value at `index` as text of at most `limit` bytes.
///
/// # Errors
/// What JSON has no word for, and too much of it.
pub(crate) fn text(stack: Stack, index: i32, limit: usize) -> Result<String, Failure> {
    encode::text(stack, index, limit).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Pushes the value at `index` as text.
///
/// # Errors
/// What JSON has no word for, and too much of it.
pub(crate) fn encode(stack: Stack, index: i32) -> Result<(), Failure> {
    stack.push_bytes(&encode::text(stack, index, limit())?);
    Ok(())
}

/// Pushes what the text at `index` says.
///
/// # Errors
/// It is no JSON, or too long or too deep.
pub(crate) fn decode(stack: Stack, index: i32) -> Result<(), Failure> {
    decode::push(stack, bounded(stack.bytes(index).unwrap_or_default())?)
}

/// Whether a text is JSON.
///
/// # Errors
/// It is not, or too long.
pub(crate) fn check(text: &[u8]) -> Result<(), Failure> {
    decode::check(bounded(text)?)
}

fn bounded(text: &[u8]) -> Result<&[u8], Failure> {
    if text.len() > limit() { Err(too_large()) } else { Ok(text) }
}

fn limit() -> usize {
    match Vm::current().settings.limits.max_payload_bytes {
        0 => MAX_BYTES,
        limit => limit.min(MAX_BYTES),
    }
}

fn too_large() -> Failure {
    Failure::new(ErrorKind::Invalid, "payload too large")
}
