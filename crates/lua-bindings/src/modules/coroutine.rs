use mlua::ffi;

use crate::task::{Ending, MAX_TASKS, Waits, check_wait};
use crate::vm::{Break, Kind, ONE, Outcome, Return, Stack, Vm, raise};

/// `coroutine.spawn(fn, ...)`: a coroutine that the runtime drives. It runs first; the caller goes on when it waits or
/// ends.
pub(crate) fn spawn(stack: Stack) -> Outcome {
    stack.want_kind(1, "spawn", Kind::Function, "function")?;
    let vm = Vm::current();
    let Some(actor) = vm.actor() else { return raise("no context found") };
    if actor.task_count() >= MAX_TASKS {
        return raise("too many coroutines");
    }
    let count = stack.top();
    let can_wait = check_wait(vm, stack).is_ok();
    let thread = stack.push_thread();
    if !can_wait {
        thread.push_ref(vm.starter());
    }
    for argument in 1..=count {
        stack.copy_to(argument, thread);
    }
    if !can_wait {
        // The caller cannot be suspended, so the new coroutine has to wait for its turn. It begins all the same: one that
        // has not begun could be resumed by the script.
        let status = thread.resume(count);
        vm.take_break();
        vm.take_broken();
        if status != ffi::LUA_BREAK {
            return raise("cannot start a coroutine here");
        }
    }
    stack.copy(count + 1);
    let key = actor.keep(stack);
    actor.add_task(thread, Some(key), if can_wait { count - 1 } else { 0 });
    if !can_wait {
        return ONE;
    }
    let token = actor.token();
    let outcome = actor.wait(vm, Waits::Operation);
    actor.finish(token, Ending::Custom(Box::new(|_| ONE)));
    actor.run_newest_first();
    outcome
}

/// Suspends a coroutine that has just begun until its turn comes.
pub(crate) fn wait_for_turn(_: Stack) -> Outcome {
    Vm::current().set_break(Break::Wait);
    Ok(Return::Wait)
}
