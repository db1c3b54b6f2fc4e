use crate::task::{Ending, Waits, check_wait};
use crate::vm::{Kind, ONE, Outcome, Stack, Vm, raise};

/// `coroutine.spawn(fn, ...)`: a coroutine that the runtime drives. It runs first; the caller goes on when it waits or
/// ends.
pub(crate) fn spawn(stack: Stack) -> Outcome {
    stack.want_kind(1, "spawn", Kind::Function, "function")?;
    let vm = Vm::current();
    let Some(actor) = vm.actor() else { return raise("no context found") };
    let arguments = stack.top() - 1;
    let thread = stack.push_thread();
    let index = stack.top();
    for argument in 1..index {
        stack.copy_to(argument, thread);
    }
    stack.copy(index);
    let key = actor.keep(stack);
    actor.add_task(thread, Some(key), arguments);
    if check_wait(vm, stack).is_err() {
        // Where the caller cannot be suspended, the new coroutine has to wait for its turn.
        return ONE;
    }
    let token = actor.token();
    let outcome = actor.wait(vm, Waits::Operation);
    actor.finish(token, Ending::Custom(Box::new(|_| ONE)));
    actor.run_newest_first();
    outcome
}
