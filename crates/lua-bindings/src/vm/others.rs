//! More VMs for one worker: what an actor costs must not depend on how many others there are.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use super::collector::{Chores, Rota};
use super::{CURRENT, Vm};

/// How many actors a VM has, and, in the first one of a worker, the other VMs.
#[derive(Default)]
pub(super) struct Others {
    actors: Cell<usize>,
    /// What the collector has to do here.
    pub(super) chores: Chores,
    pub(super) vms: RefCell<Vec<Rc<Vm>>>,
    /// Which of them had room last.
    open: Cell<usize>,
    pub(super) rota: Rota,
}

impl Others {
    pub(super) fn actors(&self) -> usize {
        self.actors.get()
    }
}

/// An actor of a VM, as far as the VM counts them.
pub(crate) struct Resident(Rc<Vm>);

impl Deref for Resident {
    type Target = Vm;

    fn deref(&self) -> &Vm {
        &self.0
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        let others = &self.0.others;
        others.actors.set(others.actors.get() - 1);
        others.chores.note_garbage();
    }
}

impl Vm {
    /// A place for one more actor of the worker whose first VM this is: beside the one that starts it, if that one is running
    /// and there is room, and in any other VM then. If no VM can be made, the first one gets crowded.
    pub(crate) fn settle(self: &Rc<Self>) -> Resident {
        let starter = (!CURRENT.get().is_null()).then(|| Self::current().actor()).flatten().map(|actor| &actor.vm.0);
        let vm = match starter.filter(|vm| vm.has_room()) {
            Some(vm) => Rc::clone(vm),
            None if self.has_room() => Rc::clone(self),
            None => self.other_with_room(),
        };
        vm.others.actors.set(vm.others.actors.get() + 1);
        Resident(vm)
    }

    fn has_room(&self) -> bool {
        self.others.actors.get() < self.settings.actors_per_vm.max(1)
    }

    fn other_with_room(self: &Rc<Self>) -> Rc<Self> {
        let mut vms = self.others.vms.borrow_mut();
        let open = self.others.open.get();
        let found = (open..vms.len()).chain(0..open).find(|place| vms[*place].has_room());
        let place = found.unwrap_or(vms.len());
        if found.is_none() {
            let before = self.make_current();
            let (services, budget, alarm) = (&self.services, self.codegen.budget(), &self.alarm);
            let made = Self::make(Arc::clone(services), self.settings.clone(), Arc::clone(budget), Arc::clone(alarm));
            drop(before);
            match made {
                Ok(vm) => vms.push(vm),
                Err(_) => return Rc::clone(self),
            }
        }
        self.others.open.set(place);
        Rc::clone(&vms[place])
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::super::codegen::Budget;
    use super::super::environment::tests::vm_with;
    use super::*;

    fn first() -> Rc<Vm> {
        vm_with(Settings { actors_per_vm: 2, ..Settings::default() }, Budget::of_process())
    }

    fn is_same(one: &Resident, other: &Resident) -> bool {
        Rc::ptr_eq(&one.0, &other.0)
    }

    #[test]
    fn a_full_vm_gets_no_more_and_room_is_used_again() {
        let first = first();
        let mut all: Vec<_> = (0..6).map(|_| first.settle()).collect();
        let places: Vec<_> =
            all.iter().map(|resident| all.iter().position(|it| is_same(it, resident)).unwrap()).collect();
        assert_eq!(places, [0, 0, 2, 2, 4, 4]);
        assert!(Rc::ptr_eq(&all[0].0, &first));
        // One goes from the middle, and one from the first, which is asked first.
        drop(all.remove(2));
        drop(all.remove(1));
        assert!(is_same(&first.settle(), &all[0]));
        let back = first.settle();
        assert!(is_same(&back, &all[0]));
        assert!(is_same(&first.settle(), &all[1]));
        assert_eq!(first.others.vms.borrow().len(), 2);
        drop(all);
        drop(back);
        assert!(first.others.vms.borrow().iter().all(|vm| vm.others.actors.get() == 0));
        assert_eq!(first.others.actors.get(), 0);
    }

    #[test]
    fn alarm_is_heard_in_all_of_them() {
        let first = first();
        let all: Vec<_> = (0..3).map(|_| first.settle()).collect();
        assert!(all.iter().all(|vm| !vm.is_slice_over()));
        first.alarm().ring();
        assert!(all.iter().all(|vm| vm.is_slice_over()));
        all[2].begin_slice();
        assert!(!all[2].is_slice_over() && all[0].is_slice_over());
    }

    #[test]
    fn the_one_that_was_current_stays_so() {
        let first = first();
        let all: Vec<_> = (0..3).map(|_| first.settle()).collect();
        assert!(std::ptr::eq(Vm::current(), &*first));
        let inner = all[2].make_current();
        assert!(std::ptr::eq(Vm::current(), &*all[2]));
        drop(inner);
        assert!(std::ptr::eq(Vm::current(), &*first));
    }
}
