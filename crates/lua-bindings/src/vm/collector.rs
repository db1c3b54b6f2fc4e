//! The garbage of VMs in which hardly anything happens.
//!
//! A VM collects while something is allocated in it. With several on one worker that is not enough: what was made in one
//! of them would stay for as long as all that happens, happens in others. So a part of the worker's time goes into rounds
//! of the collector in all of them, wherever it is busy.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::Vm;
use crate::modules::process;

/// The part of its time that a worker spends on this, at most.
const SHARE: u32 = 64;
/// Less at once is not worth it, and nobody is held up for longer.
const LEAST: Duration = Duration::from_micros(10);
const MOST: Duration = Duration::from_millis(1);

/// After so many short slices the clock is looked at.
const SLICES: u32 = 64;

/// A few microseconds of work, as the collector counts it.
const KIBIBYTES: u16 = 8;

/// A VM with no more than that is not looked at: what it takes by itself, and its actors if they do nothing.
const BYTES_OF_VM: usize = 4 << 20;
const BYTES_OF_ACTOR: usize = 2 << 10;

/// Of the first round nobody knows whether it had begun before the garbage was made.
const ROUNDS: u8 = 2;

/// What the collector has to do in a VM.
#[derive(Default)]
pub(super) struct Chores {
    slices: Cell<u32>,
    /// There may be garbage that was made since the rounds began that are under way.
    has_garbage: Cell<bool>,
    rounds: Cell<u8>,
}

impl Chores {
    #[inline]
    pub(super) fn note_garbage(&self) {
        self.has_garbage.set(true);
    }
}

/// Whose turn it is, in the first VM of a worker.
#[derive(Default)]
pub(super) struct Rota {
    /// VMs by their places, 0 being the first one; the last is next.
    turns: RefCell<Vec<usize>>,
    looked: Cell<Option<Instant>>,
}

impl Vm {
    /// Whether [`collect_elsewhere`](Self::collect_elsewhere) wants to be called. To be asked before every slice.
    #[inline]
    pub(crate) fn is_collector_due(&self) -> bool {
        let slices = &self.others.chores.slices;
        let left = slices.get();
        slices.set(left.checked_sub(1).unwrap_or(SLICES));
        left == 0 || self.is_slice_over()
    }

    /// Collects garbage in the VMs of the worker whose first one this is, for a part of the time since the last call.
    /// `busy`, in which a slice is about to begin, sees to its own; so with one VM there is nothing to do. No actor may be
    /// running.
    pub(crate) fn collect_elsewhere(&self, busy: &Self, now: Instant) {
        let (vms, rota) = (self.others.vms.borrow(), &self.others.rota);
        if vms.is_empty() {
            return;
        }
        let since = rota.looked.get().unwrap_or(now);
        let share = now.saturating_duration_since(since) / SHARE;
        if share < LEAST {
            return rota.looked.set(Some(since));
        }
        rota.looked.set(Some(now));
        let until = Instant::now() + share.min(MOST);
        let vm = |place: usize| place.checked_sub(1).and_then(|place| vms.get(place)).map_or(self, |vm| &**vm);
        let mut turns = rota.turns.borrow_mut();
        if turns.is_empty() {
            turns.extend((0..=vms.len()).filter(|place| vm(*place).has_chores()));
            // First where much is used by few.
            turns.sort_by_key(|place| vm(*place).used_bytes() / (vm(*place).others.actors() + 1));
        }
        while let Some(place) = turns.last() {
            if !std::ptr::eq(vm(*place), busy) && !vm(*place).collect_until(until) {
                return;
            }
            turns.pop();
        }
    }

    fn has_chores(&self) -> bool {
        let chores = &self.others.chores;
        let lean = BYTES_OF_VM + self.others.actors() * BYTES_OF_ACTOR;
        chores.rounds.get() > 0 || (chores.has_garbage.get() && self.used_bytes() > lean)
    }

    /// Whether everything was collected that was garbage when this began.
    fn collect_until(&self, until: Instant) -> bool {
        let chores = &self.others.chores;
        let _current = self.make_current();
        if chores.rounds.get() == 0 && self.has_chores() {
            chores.has_garbage.set(false);
            chores.rounds.set(ROUNDS);
            if self.others.actors() == 0 {
                self.forget_shared();
                process::forget_told(self);
            }
        }
        while let Some(left) = chores.rounds.get().checked_sub(1) {
            if self.main.collect_some(KIBIBYTES) {
                chores.rounds.set(left);
            }
            if Instant::now() >= until {
                break;
            }
        }
        chores.rounds.get() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::Settings;
    use super::super::codegen::Budget;
    use super::super::environment::tests::vm_with;
    use super::super::others::Resident;
    use super::*;

    const BYTES: usize = 20 << 20;

    fn fill(vm: &Vm) {
        let _current = vm.make_current();
        vm.protect(|_, stack| stack.push_buffer(&vec![0; BYTES])).unwrap();
    }

    struct Worker {
        first: Rc<Vm>,
        now: Instant,
    }

    impl Worker {
        fn new(actors_per_vm: usize) -> Self {
            let settings = Settings { actors_per_vm, ..Settings::default() };
            Self { first: vm_with(settings, Budget::of_process()), now: Instant::now() }
        }

        /// Whether ten seconds with a slice of `busy` every millisecond brings the bytes of that VM below so many.
        fn frees(&mut self, busy: &Vm, vm: &Vm, bytes: usize) -> bool {
            (0..10_000).any(|_| {
                self.now += Duration::from_millis(1);
                self.first.collect_elsewhere(busy, self.now);
                vm.used_bytes() < bytes
            })
        }
    }

    #[test]
    fn garbage_goes_though_nothing_happens_in_its_vm() {
        let mut worker = Worker::new(1);
        let residents: Vec<Resident> = (0..3).map(|_| worker.first.settle()).collect();
        for (place, vm) in residents.iter().enumerate() {
            let busy = &residents[(place + 1) % 3];
            vm.collect_garbage();
            let full = vm.used_bytes() + BYTES;
            fill(vm);
            assert!(!worker.frees(busy, vm, full), "nobody has run there since");
            vm.begin_slice();
            assert!(!worker.frees(vm, vm, full), "it sees to its own");
            assert!(worker.frees(busy, vm, full));
        }
    }

    #[test]
    fn end_of_an_actor_and_of_a_message_is_garbage() {
        let mut worker = Worker::new(1);
        let mut residents: Vec<Resident> = (0..2).map(|_| worker.first.settle()).collect();
        let (vm, ended) = (worker.first.settle(), worker.first.settle());
        vm.collect_garbage();
        let full = vm.used_bytes() + BYTES;
        fill(&vm);
        drop(residents.pop());
        drop(ended);
        assert!(!worker.frees(&residents[0], &vm, full), "it was somebody else who ended");
        let message = vm.protect(|vm, stack| {
            stack.push_table(0, 0);
            vm.pass(stack)
        });
        assert!(!worker.frees(&residents[0], &vm, full));
        drop(message);
        assert!(worker.frees(&residents[0], &vm, full));
        fill(&vm);
        let there = Rc::clone(&worker.first.others.vms.borrow()[1]);
        drop(vm);
        assert!(worker.frees(&residents[0], &there, full));
    }

    #[test]
    fn the_one_with_much_for_few_is_first_and_nobody_is_forgotten() {
        let mut worker = Worker::new(2);
        let residents: Vec<Resident> = (0..8).map(|_| worker.first.settle()).collect();
        let (busy, small, large) = (&residents[0], &residents[2], &residents[4]);
        for (vm, times) in [(small, 1), (large, 3)] {
            vm.collect_garbage();
            (0..times).for_each(|_| fill(vm));
            vm.begin_slice();
        }
        let full = small.used_bytes();
        assert!(worker.frees(busy, large, full));
        assert!(small.used_bytes() >= full);
        assert!(worker.frees(busy, small, BYTES));
    }

    #[test]
    fn a_worker_with_one_vm_is_left_alone() {
        let mut worker = Worker::new(2);
        let vm = worker.first.settle();
        vm.collect_garbage();
        let full = vm.used_bytes() + BYTES;
        fill(&vm);
        vm.begin_slice();
        assert!(!worker.frees(&vm, &vm, full));
        assert_eq!((0..10 * (SLICES + 1)).filter(|_| vm.is_collector_due()).count(), 10);
        vm.alarm().ring();
        assert!((0..10).all(|_| vm.is_collector_due()), "a slice may have been long");
    }
}
