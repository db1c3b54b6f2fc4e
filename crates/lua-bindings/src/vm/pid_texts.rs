use std::cell::RefCell;

use perilune_actor_core::{Pid, PidWriter};

use super::Vm;
use super::stack::{Fixed, Stack};

/// The texts of pids that were made last: who starts somebody is likely to learn of their end, and many may learn of one.
#[derive(Default)]
pub(super) struct PidTexts {
    known: RefCell<Vec<(Option<Pid>, Fixed)>>,
    writer: RefCell<PidWriter>,
}

/// How many are remembered. A power of two.
const PLACES: usize = 256;

impl Vm {
    /// Pushes the text of a pid.
    pub(crate) fn push_pid(&self, stack: Stack, pid: Pid) {
        stack.reserve(2);
        let place = place_of(pid);
        let (known, text) = self.text_at(stack, place);
        if known == Some(pid) {
            return stack.push_fixed(text);
        }
        stack.push_bytes(self.pid_texts.writer.borrow_mut().write(pid));
        stack.copy(stack.top());
        stack.set_fixed(text);
        // Last: making the text may have failed.
        if let Some((known, _)) = self.pid_texts.known.borrow_mut().get_mut(place) {
            *known = Some(pid);
        }
    }

    /// Whose text is at that place, and what holds it.
    fn text_at(&self, stack: Stack, place: usize) -> (Option<Pid>, Fixed) {
        if let Some(known) = self.pid_texts.known.borrow().get(place) {
            return *known;
        }
        let made: Vec<_> = (0..PLACES)
            .map(|_| {
                stack.push_boolean(false);
                (None, self.pop_fixed(stack))
            })
            .collect();
        let first = made[place];
        *self.pid_texts.known.borrow_mut() = made;
        first
    }
}

fn place_of(pid: Pid) -> usize {
    let mixed = pid.unique().get().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (64 - PLACES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use perilune_actor_core::HostId;

    use super::super::environment::tests::vm;
    use super::*;

    #[test]
    fn every_pid_has_its_own_text() {
        let vm = vm();
        let hosts = [HostId::new("app:first"), HostId::new("app:second")];
        let pid = |host: usize, number: u64| Pid::local(hosts[host], NonZeroU64::MIN.saturating_add(number));
        // Same numbers on both hosts, more than are remembered, and all of them twice in a row.
        for turn in 0..4000_u64 {
            let pid = pid((turn / 2 % 2) as usize, turn * 7919 % 1009);
            for _ in 0..2 {
                vm.protect(|vm, stack| {
                    vm.push_pid(stack, pid);
                    assert_eq!(stack.top(), 1);
                    assert_eq!(stack.bytes(1), Some(pid.to_string().as_bytes()));
                })
                .unwrap();
            }
            if turn % 500 == 0 {
                vm.collect_garbage();
            }
        }
    }
}
