//! What a script learns of the ends of others.

use std::sync::Arc;
use std::time::SystemTime;

use perilune_actor_core::{Event, ExitReason, Failure};

use crate::copy;
use crate::modules::errors;
use crate::time::{Location, Moment};
use crate::vm::{Kind, ONE, Outcome, Stack, Vm};

/// Names and texts of the kinds of events.
pub(super) const KINDS: [(&std::ffi::CStr, &str); 3] =
    [(c"EXIT", EXIT), (c"CANCEL", CANCEL), (c"LINK_DOWN", LINK_DOWN)];
const EXIT: &str = "pid.exit";
const CANCEL: &str = "pid.cancel";
const LINK_DOWN: &str = "pid.link.down";

pub(crate) fn push_event(vm: &Vm, stack: Stack, event: &Event) {
    stack.reserve(6);
    stack.push_table(0, 6);
    let table = stack.top();
    let text = |key, text: &str| {
        stack.push_str(text);
        stack.raw_set(table, key);
    };
    let at = match event {
        Event::Down { from, reason, at } => {
            text(c"kind", EXIT);
            stack.push_pid(*from);
            stack.raw_set(table, c"from");
            push_result(vm, stack, reason);
            stack.raw_set(table, c"result");
            push_error(stack, table, reason.failure());
            *at
        }
        Event::LinkDown { from, failure, at } => {
            text(c"kind", LINK_DOWN);
            text(c"from", &from.to_string());
            push_result(vm, stack, &ExitReason::Failed(Arc::clone(failure)));
            stack.raw_set(table, c"result");
            push_error(stack, table, Some(failure));
            *at
        }
        Event::Cancel { from, deadline, reason, at } => {
            text(c"kind", CANCEL);
            if let Some(from) = from {
                text(c"from", &from.to_string());
            }
            if let Some(deadline) = deadline {
                text(c"deadline", &Moment::from_system(*deadline, Location::utc()).rfc3339_nano());
            }
            if let Some(reason) = reason {
                text(c"reason", reason);
            }
            *at
        }
        _ => SystemTime::UNIX_EPOCH,
    };
    stack.push_number(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    stack.raw_set(table, c"at");
}

fn push_error(stack: Stack, table: i32, failure: Option<&Arc<Failure>>) {
    // The later revision of the API has no such field.
    if let Some(failure) = failure.filter(|_| Vm::current().settings.api == 1) {
        errors::push_shared(stack, Arc::clone(failure));
        stack.raw_set(table, c"error");
    }
}

/// `{value = v}` or `{error = "text"}`, which prints as what it holds.
fn push_result(vm: &Vm, stack: Stack, reason: &ExitReason) {
    stack.push_table(0, 1);
    let result = stack.top();
    match reason {
        ExitReason::Normal(Some(value)) => {
            copy::push(stack, value);
            stack.raw_set(result, c"value");
        }
        ExitReason::Normal(None) => {}
        ExitReason::Failed(failure) => {
            stack.push_str(&failure.message);
            stack.raw_set(result, c"error");
        }
    }
    stack.push_ref(vm.result_metatable());
    stack.set_metatable(result);
}

/// `tostring(event.result)`.
pub(crate) fn result_text(stack: Stack) -> Outcome {
    stack.set_top(1);
    stack.want_kind(1, "tostring", Kind::Table, "result")?;
    if stack.raw_get(1, c"error") == Kind::Nil {
        stack.raw_get(1, c"value");
    }
    stack.to_text(stack.top());
    ONE
}
