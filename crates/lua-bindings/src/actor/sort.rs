//! Comparison functions of `table.sort`, which must come back.

use super::*;

impl ActorState {
    /// Whether the running coroutine is inside a comparison function of `table.sort`.
    #[inline]
    pub(crate) fn is_sorting(&self, vm: &Vm, stack: Stack) -> bool {
        let inside = self.with_rare(|rare| rare.sorting.inside).unwrap_or(false);
        (inside || vm.may_be_sorting()) && vm.is_inside_sort(stack)
    }

    /// Called when a slice has ended: a comparison that takes longer than any callback may ends the actor.
    pub(super) fn stuck_in_sort(&self, vm: &Vm) -> Option<Failure> {
        let before = self.with_rare(|rare| rare.sorting).unwrap_or_default();
        if !before.inside && !vm.may_be_sorting() {
            return None;
        }
        let stack = self.task(self.current.get() as usize, |task| Some(task.inner.last().unwrap_or(task.thread)))?;
        let inside = vm.is_inside_sort(stack);
        if !inside {
            if before.inside {
                self.rare().sorting = Sorting::default();
            }
            vm.end_sorting();
            return None;
        }
        let progress = vm.sort_progress();
        let same = before.inside && before.progress == progress;
        let stuck = if same { before.stuck + vm.slice() } else { Duration::ZERO };
        self.rare().sorting = Sorting { inside, progress, stuck };
        let budget = vm.settings.limits.callback_budget;
        (stuck > budget).then(|| crate::vm::over_budget(budget))
    }
}
