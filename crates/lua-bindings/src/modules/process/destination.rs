//! Whom a script means.

use perilune_actor_core::{ErrorKind, Failure, Pid, PidText};

use super::{Verb, failure};
use crate::access::{Access, Resource};
use crate::vm::{Stack, Vm};

/// What a text was found to stand for.
#[derive(Clone, Copy)]
pub(crate) enum Destination {
    Pid(Pid),
    /// A name, and its holder for as long as names are as they were then.
    Name {
        holder: Pid,
        version: u64,
    },
}

/// Who the text at `index` stands for, if the caller may do that to them: `None` for a pid of a host that does not exist.
pub(super) fn target(vm: &Vm, stack: Stack, index: i32, text: &str, verb: Verb) -> Result<Option<Pid>, Failure> {
    let pid = match known(vm, stack, index) {
        Some(pid) => Some(pid),
        None => find(vm, stack, index, text)?,
    };
    let resource = pid.map_or(Resource::Text(text), Resource::Actor);
    vm.authorize(&Access::new(verb.action, resource, verb.refusal, text))?;
    Ok(pid)
}

/// The same, if it is known already. What is not known may be no text at all.
#[inline]
pub(super) fn known_target(vm: &Vm, stack: Stack, index: i32, verb: Verb) -> Option<Result<Pid, Failure>> {
    let pid = known(vm, stack, index)?;
    if vm.may_everything() {
        return Some(Ok(pid));
    }
    let text = std::str::from_utf8(stack.string(index)?).ok()?;
    Some(vm.authorize(&Access::new(verb.action, Resource::Actor(pid), verb.refusal, text)).map(|()| pid))
}

#[inline(always)]
fn known(vm: &Vm, stack: Stack, index: i32) -> Option<Pid> {
    let destination = vm.destinations.find(stack, index)?;
    match destination {
        Destination::Pid(pid) => Some(pid),
        Destination::Name { holder, version } => {
            let holds = vm.with(|_, cx| cx.names_version() == Some(version) && cx.is_alive(holder));
            holds.unwrap_or(false).then_some(holder)
        }
    }
}

/// The actor whose pid the string at `index` is.
pub(super) fn pid(vm: &Vm, stack: Stack, index: i32) -> Option<Pid> {
    match vm.destinations.find(stack, index) {
        Some(Destination::Pid(pid)) => Some(pid),
        Some(Destination::Name { .. }) => None,
        None => parse(vm, stack, index, std::str::from_utf8(stack.bytes(index)?).ok()?)?,
    }
}

/// `None` if it is no pid.
fn parse(vm: &Vm, stack: Stack, index: i32, text: &str) -> Option<Option<Pid>> {
    let pid = PidText::parse(text)?.resolve();
    // A host that nobody knows may come into being.
    if let Some(pid) = pid {
        vm.destinations.remember(stack, index, Destination::Pid(pid));
    }
    Some(pid)
}

fn find(vm: &Vm, stack: Stack, index: i32, text: &str) -> Result<Option<Pid>, Failure> {
    if let Some(pid) = parse(vm, stack, index, text) {
        return Ok(pid);
    }
    // The version first: what changes afterwards is no longer of that version.
    let (version, holder) = vm.with(|_, cx| (cx.names_version(), cx.whereis(text)))?;
    let holder = holder
        .ok_or_else(|| failure(ErrorKind::NotFound, format!("could not resolve '{text}' as PID or registered name")))?;
    if let Some(version) = version {
        vm.destinations.remember(stack, index, Destination::Name { holder, version });
    }
    Ok(Some(holder))
}
