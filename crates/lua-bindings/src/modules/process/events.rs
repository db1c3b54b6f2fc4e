//! What a script learns of the ends of others.

use std::ffi::CStr;
use std::sync::Arc;
use std::time::SystemTime;

use perilune_actor_core::{Event, ExitReason, Failure, Pid};

use crate::copy;
use crate::modules::errors;
use crate::time::{Location, Moment};
use crate::vm::{Fixed, Kind, ONE, Outcome, Stack, Vm};

/// Names and texts of the kinds of events.
pub(super) const KINDS: [(&CStr, &str); 3] = [(c"EXIT", EXIT), (c"CANCEL", CANCEL), (c"LINK_DOWN", LINK_DOWN)];
const EXIT: &str = "pid.exit";
const CANCEL: &str = "pid.cancel";
const LINK_DOWN: &str = "pid.link.down";

/// What events of ends are made from. Most events are such, and many come at once: so each is a clone of a table that
/// has all keys, and no key is looked up by its text.
pub(crate) struct Templates {
    /// The events of those who have ended and of those who have failed.
    ended: Fixed,
    failed: Fixed,
    /// The results of those who have given nothing, something, and an error.
    nothing: Fixed,
    value: Fixed,
    error: Fixed,
    keys: Keys,
}

/// The names of fields, as the VM has them.
struct Keys {
    from: Fixed,
    result: Fixed,
    at: Fixed,
    value: Fixed,
    error: Fixed,
}

impl Templates {
    pub(crate) fn make(vm: &Vm, stack: Stack) -> Self {
        let key = |name: &str| {
            stack.push_str(name);
            vm.pop_fixed(stack)
        };
        let keys =
            Keys { from: key("from"), result: key("result"), at: key("at"), value: key("value"), error: key("error") };
        // The later revision of the API has no such field.
        let failed: &[&CStr] =
            if vm.settings.api == 1 { &[c"from", c"result", c"at", c"error"] } else { &[c"from", c"result", c"at"] };
        Self {
            ended: push_fields(vm, stack, &[c"from", c"result", c"at"], Some(EXIT)),
            failed: push_fields(vm, stack, failed, Some(EXIT)),
            nothing: push_result_fields(vm, stack, &[]),
            value: push_result_fields(vm, stack, &[c"value"]),
            error: push_result_fields(vm, stack, &[c"error"]),
            keys,
        }
    }
}

/// A table with those fields, which have no values worth having yet.
fn push_fields(vm: &Vm, stack: Stack, names: &[&CStr], kind: Option<&str>) -> Fixed {
    stack.push_table(0, names.len() + usize::from(kind.is_some()));
    fill(stack, names, kind);
    vm.pop_fixed(stack)
}

fn fill(stack: Stack, names: &[&CStr], kind: Option<&str>) {
    let table = stack.top();
    for name in names {
        stack.push_boolean(false);
        stack.raw_set(table, name);
    }
    if let Some(kind) = kind {
        stack.push_str(kind);
        stack.raw_set(table, c"kind");
    }
}

fn push_result_fields(vm: &Vm, stack: Stack, names: &[&CStr]) -> Fixed {
    stack.push_table(0, names.len());
    fill(stack, names, None);
    stack.push_ref(vm.result_metatable());
    stack.set_metatable(stack.top() - 1);
    vm.pop_fixed(stack)
}

pub(crate) fn push_event(vm: &Vm, stack: Stack, event: &Event) {
    stack.reserve(8);
    let templates = vm.event_templates(stack);
    let keys = &templates.keys;
    if push_told(vm, stack, keys, event) {
        return;
    }
    let at = match event {
        Event::Down { from, reason, at } => {
            let failure = reason.failure();
            let table = push_clone(stack, if failure.is_some() { templates.failed } else { templates.ended });
            stack.push_fixed(keys.from);
            vm.push_pid(stack, *from);
            stack.raw_set_top(table);
            stack.push_fixed(keys.result);
            push_result(stack, templates, reason);
            stack.raw_set_top(table);
            push_error(vm, stack, keys, failure);
            *at
        }
        Event::LinkDown { from, failure, at } => {
            let table = push_clone(stack, templates.failed);
            stack.push_str(LINK_DOWN);
            stack.raw_set(table, c"kind");
            stack.push_fixed(keys.from);
            vm.push_pid(stack, *from);
            stack.raw_set_top(table);
            stack.push_fixed(keys.result);
            push_result(stack, templates, &ExitReason::Failed(Arc::clone(failure)));
            stack.raw_set_top(table);
            push_error(vm, stack, keys, Some(failure));
            *at
        }
        Event::Cancel { from, deadline, reason, at } => {
            stack.push_table(0, 5);
            let table = stack.top();
            let text = |key, text: &str| {
                stack.push_str(text);
                stack.raw_set(table, key);
            };
            text(c"kind", CANCEL);
            if let Some(from) = from {
                from.with_text(|from| text(c"from", from));
            }
            if let Some(deadline) = deadline {
                text(c"deadline", &Moment::from_system(*deadline, Location::utc()).rfc3339_nano());
            }
            if let Some(reason) = reason {
                text(c"reason", reason);
            }
            *at
        }
        _ => {
            stack.push_table(0, 1);
            SystemTime::UNIX_EPOCH
        }
    };
    let table = stack.top();
    stack.push_fixed(keys.at);
    stack.push_number(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    stack.raw_set_top(table);
    note_told(vm, stack, keys, event);
}

/// The end that was pushed last, if it came without a value. Many may learn of one at the same time: so the second time
/// what was made is kept, and all others get a copy. No actor learns of the same end twice.
#[derive(Default)]
pub(crate) struct Told {
    end: Option<End>,
    /// Whether the tables are those of that end.
    is_made: bool,
    tables: Option<ToldTables>,
}

#[derive(Clone, Copy)]
struct ToldTables {
    event: Fixed,
    result: Fixed,
}

struct End {
    from: Pid,
    at: SystemTime,
    failure: Option<Arc<Failure>>,
}

impl End {
    fn is_told_by(&self, event: &Event) -> bool {
        let Event::Down { from, reason, at } = event else { return false };
        let is_reason = match (reason, &self.failure) {
            (ExitReason::Normal(None), None) => true,
            (ExitReason::Failed(failure), Some(own)) => Arc::ptr_eq(failure, own),
            _ => false,
        };
        (*from, *at) == (self.from, self.at) && is_reason
    }
}

/// Pushes an event whose like was kept.
fn push_told(vm: &Vm, stack: Stack, keys: &Keys, event: &Event) -> bool {
    let tables = {
        let told = vm.told.borrow();
        if !told.is_made || !told.end.as_ref().is_some_and(|end| end.is_told_by(event)) {
            return false;
        }
        told.tables
    };
    let Some(ToldTables { event, result }) = tables else { return false };
    let table = push_clone(stack, event);
    stack.push_fixed(keys.result);
    push_clone(stack, result);
    stack.raw_set_top(table);
    true
}

/// Takes note of the event on top, which was made anew.
fn note_told(vm: &Vm, stack: Stack, keys: &Keys, event: &Event) {
    let Event::Down { from, reason, at } = event else { return };
    let is_second = vm.told.borrow().end.as_ref().is_some_and(|end| end.is_told_by(event));
    if !is_second {
        let failure = reason.failure().cloned();
        let has_value = matches!(reason, ExitReason::Normal(Some(_)));
        let mut told = vm.told.borrow_mut();
        told.is_made = false;
        told.end = (!has_value).then_some(End { from: *from, at: *at, failure });
        return;
    }
    let table = stack.top();
    stack.clone_table(table);
    stack.push_fixed(keys.result);
    stack.raw_get_top(table);
    let result = stack.top();
    stack.clone_table(result);
    stack.remove(result);
    let known = vm.told.borrow().tables;
    let tables = known.unwrap_or_else(|| {
        let place = || {
            stack.push_boolean(false);
            vm.pop_fixed(stack)
        };
        ToldTables { event: place(), result: place() }
    });
    stack.set_fixed(tables.result);
    stack.set_fixed(tables.event);
    let mut told = vm.told.borrow_mut();
    told.tables = Some(tables);
    told.is_made = true;
}

/// Lets go of the end that was pushed last.
pub(crate) fn forget_told(vm: &Vm) {
    let mut told = vm.told.borrow_mut();
    (told.end, told.is_made) = (None, false);
    if let Some(ToldTables { event, result }) = told.tables {
        for fixed in [event, result] {
            vm.main().push_boolean(false);
            vm.main().set_fixed(fixed);
        }
    }
}

/// Pushes a clone of a table and says where it is.
fn push_clone(stack: Stack, template: Fixed) -> i32 {
    stack.push_fixed(template);
    let table = stack.top();
    stack.clone_table(table);
    stack.replace(table);
    table
}

/// Puts the error of a failure into the event on top.
fn push_error(vm: &Vm, stack: Stack, keys: &Keys, failure: Option<&Arc<Failure>>) {
    // The later revision of the API has no such field.
    if let Some(failure) = failure.filter(|_| vm.settings.api == 1) {
        let table = stack.top();
        stack.push_fixed(keys.error);
        errors::push_shared(stack, Arc::clone(failure));
        stack.raw_set_top(table);
    }
}

/// `{value = v}` or `{error = "text"}`, which prints as what it holds.
fn push_result(stack: Stack, templates: &Templates, reason: &ExitReason) {
    match reason {
        ExitReason::Normal(None) => {
            push_clone(stack, templates.nothing);
        }
        ExitReason::Normal(Some(value)) => {
            let result = push_clone(stack, templates.value);
            stack.push_fixed(templates.keys.value);
            copy::push(stack, value);
            stack.raw_set_top(result);
        }
        ExitReason::Failed(failure) => {
            let result = push_clone(stack, templates.error);
            stack.push_fixed(templates.keys.error);
            stack.push_str(&failure.message);
            stack.raw_set_top(result);
        }
    }
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
