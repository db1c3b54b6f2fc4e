use std::cell::{Cell, RefCell};

use perilune_actor_core::Pid;

use super::Vm;
use super::stack::{Ref, Stack};

/// The texts of pids that were made last: who starts somebody is likely to learn of their end, and many may learn of one.
pub(super) struct Texts {
    /// Whose text is at which place of the table.
    pids: RefCell<Vec<Option<Pid>>>,
    table: Cell<Ref>,
}

/// How many are remembered. A power of two.
const PLACES: usize = 256;

impl Default for Texts {
    fn default() -> Self {
        Self { pids: RefCell::default(), table: Cell::new(Ref::NONE) }
    }
}

impl Vm {
    /// Pushes the text of a pid.
    pub(crate) fn push_pid(&self, stack: Stack, pid: Pid) {
        stack.reserve(2);
        let place = place_of(pid);
        let known = self.pid_texts.pids.borrow().get(place).is_some_and(|known| *known == Some(pid));
        self.push_texts(stack);
        let texts = stack.top();
        if known {
            stack.raw_geti(texts, place as i32 + 1);
        } else {
            stack.push_pid(pid);
            stack.copy(texts + 1);
            stack.raw_seti(texts, place as i32 + 1);
            // Last: making the text may have failed.
            if let Some(known) = self.pid_texts.pids.borrow_mut().get_mut(place) {
                *known = Some(pid);
            }
        }
        stack.replace(texts);
    }

    /// Pushes the table of texts, made on first use.
    fn push_texts(&self, stack: Stack) {
        let known = self.pid_texts.table.get();
        if !known.is_none() {
            return stack.push_ref(known);
        }
        stack.push_table(PLACES, 0);
        stack.copy(stack.top());
        self.pid_texts.table.set(stack.pop_ref());
        self.pid_texts.pids.borrow_mut().resize(PLACES, None);
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
