use perilune_actor_core::{ErrorKind, Failure};
use perilune_lua_bindings::{Definition, Origin};

use crate::application::{Diagnostic, Diagnostics};
use crate::registry::Snapshot;

/// A script's failure as a person should see it: the line it was raised at, how it came there, and who failed.
pub(crate) fn failure(origin: &Origin<'_>, failure: &Failure) -> String {
    let who = format!("process {}, entry {}", origin.pid, origin.definition.id);
    describe(origin.definition, failure, &who)
}

/// The same for a process that could not be started, and so has no pid.
pub(crate) fn start_failure(definition: &Definition, failure: &Failure) -> String {
    let mut text = describe(definition, failure, &format!("entry {}, which did not start", definition.id));
    if failure.kind == ErrorKind::NotFound {
        text.push_str(&format!(
            "\n  = help: end {} with `return {{ {1} = {1} }}`",
            definition.chunk, definition.method
        ));
    }
    text
}

fn describe(definition: &Definition, failure: &Failure, who: &str) -> String {
    let mut text = match place(definition, failure) {
        Some((definition, line, message)) => {
            Diagnostic::for_script(&definition.chunk, &definition.source, line, message).to_string()
        }
        None => format!("error: {}", failure.message),
    };
    if !matches!(failure.kind, ErrorKind::Internal | ErrorKind::Unknown) {
        text.push_str(&format!("\n  = kind: {}", failure.kind.as_str()));
    }
    if let Some(stack) = failure.stack.as_deref().filter(|stack| stack.lines().count() > 1) {
        text.push_str("\n  = called from:");
        for line in stack.lines().skip(1) {
            text.push_str(&format!("\n      {line}"));
        }
    }
    text.push_str(&format!("\n  = {who}"));
    text
}

/// The script and line that a failure's message, or else its stack, names; and the message without them. The script is
/// the one that ran, which need not be the newest.
fn place<'a>(definition: &'a Definition, failure: &Failure) -> Option<(&'a Definition, u32, String)> {
    let (text, message) = match split_position(&failure.message) {
        Some((chunk, line, message)) => ((chunk, line), message.to_owned()),
        None => {
            let (chunk, line, _) = split_position(failure.stack.as_deref()?.lines().next()?)?;
            ((chunk, line), failure.message.clone())
        }
    };
    Some((find_chunk(definition, text.0)?, text.1, message))
}

/// A definition or one of the libraries that it imports, directly or not.
fn find_chunk<'a>(definition: &'a Definition, chunk: &str) -> Option<&'a Definition> {
    let mut all = vec![definition];
    let mut next = 0;
    while let Some(definition) = all.get(next).copied() {
        if definition.chunk == chunk {
            return Some(definition);
        }
        next += 1;
        for (_, library) in &definition.imports {
            if !all.iter().any(|known| std::ptr::eq(*known, &**library)) {
                all.push(library);
            }
        }
    }
    None
}

/// `chunk:12: text`, or `chunk:12 in function f`.
fn split_position(text: &str) -> Option<(&str, u32, &str)> {
    let bytes = text.as_bytes();
    for (colon, _) in text.match_indices(':') {
        let digits = bytes[colon + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let rest = &text[colon + 1 + digits..];
        if digits > 0 && (rest.is_empty() || rest.starts_with([':', ' '])) {
            let line = text[colon + 1..colon + 1 + digits].parse().ok()?;
            return Some((&text[..colon], line, rest.trim_start_matches([':', ' '])));
        }
    }
    None
}

/// A syntax error, at its line.
pub fn script_error(definition: &Definition, failure: &Failure) -> Diagnostic {
    match perilune_lua_bindings::compile_error_line(&definition.chunk, &failure.message) {
        Some((line, message)) => {
            let line = u32::try_from(line).unwrap_or(u32::MAX);
            Diagnostic::for_script(&definition.chunk, &definition.source, line, message)
        }
        None => Diagnostic::new(crate::application::Severity::Error, &definition.chunk, &failure.message),
    }
}

/// The errors of all scripts that do not compile, but for one.
pub(crate) fn compile_errors(snapshot: &Snapshot, except: Option<&str>) -> Diagnostics {
    let mut found = Diagnostics::default();
    for definition in snapshot.definitions().filter(|definition| Some(definition.id.as_str()) != except) {
        if let Err(failure) = definition.compile() {
            found.push(script_error(definition, &failure));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_is_found_in_messages_and_stacks() {
        assert_eq!(split_position("a/b.lua:12: boom"), Some(("a/b.lua", 12, "boom")));
        assert_eq!(split_position("a.lua:7 in function f"), Some(("a.lua", 7, "in function f")));
        assert_eq!(split_position("app:entry:3: boom"), Some(("app:entry", 3, "boom")));
        assert_eq!(split_position("no position: here"), None);
        assert_eq!(split_position("12:30 is a time"), Some(("12", 30, "is a time")));
    }
}
