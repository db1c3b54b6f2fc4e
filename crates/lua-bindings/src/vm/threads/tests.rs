use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mlua::ffi;

use super::super::environment::tests::vm;
use super::super::stack::Kind;
use super::*;
use crate::definition::Definition;

fn begin(vm: &Vm, definition: &Arc<Definition>) -> Thread {
    let begin = |vm: &Vm, main| {
        let loaded = vm.load(main, definition).unwrap();
        let thread = vm.take_thread(main, &loaded);
        loaded.push_chunk(thread.stack);
        thread
    };
    vm.protect(begin).unwrap()
}

/// A thread as it is before an actor has begun.
fn take(vm: &Vm) -> Thread {
    let definition = Arc::new(Definition::new("app:taker", "taker.lua", ""));
    let thread = begin(vm, &definition);
    thread.stack.set_top(0);
    thread
}

/// Runs a chunk on a thread as an actor's main function, and gives the thread back in whatever state it is then.
fn live(vm: &Vm, source: &str) -> Stack {
    let definition = Arc::new(Definition::new("app:worker", "worker.lua", source));
    let thread = begin(vm, &definition);
    thread.stack.resume(0);
    // No actor runs, so nobody has taken note of what became of the globals.
    vm.give_back_thread(Thread { has_globals: false, ..thread });
    thread.stack
}

const LIVES: [&str; 6] = [
    "large = string.rep('x', 1e6)",
    "return string.rep('x', 1e6), {}",
    "large = string.rep('x', 1e6) error(large)",
    "local large = string.rep('x', 1e6) coroutine.yield(large, {}, print)",
    // Many calls and values.
    "local function deep(n) if n == 0 then coroutine.yield() end return n + deep(n - 1) end \
     large = string.rep('x', 1e6) deep(150)",
    // Coroutines and closures that share a local with it.
    "local large = string.rep('x', 1e6) \
     co = coroutine.create(function() large ..= 'y' coroutine.yield() return large end) \
     coroutine.resume(co) coroutine.yield()",
];

#[test]
fn nothing_of_the_former_owner_is_left_on_a_thread() {
    let vm = vm();
    live(&vm, "");
    vm.collect_garbage();
    let bytes = vm.used_bytes();
    for source in LIVES {
        let first = live(&vm, source);
        vm.collect_garbage();
        assert!(vm.used_bytes() < bytes + 100_000, "{} bytes more after {source}", vm.used_bytes() - bytes);
        assert!(vm.spare.0.borrow().last().is_some_and(|spare| spare.stack == first), "not kept after {source}");
        assert_eq!((first.top(), first.kind(1)), (0, Kind::None));
        first.push_globals();
        first.push_ref(vm.base.get());
        assert_eq!(first.pointer(1), first.pointer(2), "former globals after {source}");
        first.set_top(0);
        let second = take(&vm);
        assert!(first == second.stack, "not used again after {source}");
        vm.give_back_thread(second);
    }
}

#[test]
fn thread_runs_again_after_whatever_it_has_been_through() {
    let vm = vm();
    let definition = Arc::new(Definition::new("app:taker", "taker.lua", ""));
    for source in LIVES {
        live(&vm, source);
        let thread = live(&vm, "assert(large == nil and co == nil) coroutine.yield(1)");
        let status = vm.protect(|vm, main| {
            let loaded = vm.load(main, &definition).unwrap();
            let again = vm.take_thread(main, &loaded).stack;
            assert!(again == thread);
            again.push_native(
                c"seven",
                |stack| {
                    stack.push_number(7.0);
                    super::super::ONE
                },
                0,
            );
            (again.resume(0), again.number(1))
        });
        assert_eq!(status.unwrap(), (ffi::LUA_OK, Some(7.0)), "after {source}");
    }
}

#[test]
fn values_that_outlive_a_thread_are_their_own() {
    let vm = vm();
    let definition = Arc::new(Definition::new(
        "app:worker",
        "worker.lua",
        "local n = 41 coroutine.yield(function() n += 1 return n end)",
    ));
    let thread = begin(&vm, &definition);
    assert_eq!(thread.stack.resume(0), ffi::LUA_YIELD);
    let main = vm.main();
    thread.stack.copy_to(thread.stack.top(), main);
    let closure = main.pop_ref();
    vm.give_back_thread(thread);
    // The next owner writes to where the shared local was.
    live(&vm, "local a, b, c, d = 1, 2, 3, 4 coroutine.yield(a, b, c, d)");
    main.push_ref(closure);
    assert!(main.call_protected(0, 1));
    assert_eq!(main.number(main.top()), Some(42.0));
    main.pop(1);
}

#[test]
fn thread_that_a_panic_went_through_is_not_used_again() {
    let vm = vm();
    let thread = take(&vm);
    thread.stack.push_native(c"panics", |_| panic!("on purpose"), 0);
    assert!(catch_unwind(AssertUnwindSafe(|| thread.stack.resume(0))).is_err());
    vm.give_back_thread(thread);
    assert!(vm.spare.0.borrow().is_empty());
}

#[test]
fn no_more_threads_are_kept_than_that() {
    let vm = vm();
    let threads: Vec<_> = (0..2 * MOST).map(|_| take(&vm)).collect();
    threads.into_iter().for_each(|thread| vm.give_back_thread(thread));
    assert_eq!(vm.spare.0.borrow().len(), MOST);
}

#[test]
fn globals_that_nobody_touched_are_used_again() {
    let vm = vm();
    let thread = take(&vm);
    let globals = |thread: Thread| {
        thread.stack.push_globals();
        let pointer = thread.stack.pointer(1);
        thread.stack.set_top(0);
        pointer
    };
    let (first, table) = (thread.stack, globals(thread));
    vm.give_back_thread(thread);
    // Of another definition, whose names are others.
    let mut definition = Definition::new("app:other", "other.lua", "return time");
    definition.modules.push("time".into());
    let again = begin(&vm, &Arc::new(definition));
    assert!(again.stack == first);
    assert_eq!(again.stack.resume(0), ffi::LUA_OK);
    assert_eq!(again.stack.kind(1), Kind::Table);
    again.stack.set_top(0);
    assert_eq!(globals(again), table);
    vm.give_back_thread(Thread { has_globals: false, ..again });
    assert!(globals(take(&vm)) != table);
}

#[test]
fn stack_that_became_large_does_not_stay_so() {
    let vm = vm();
    live(&vm, "");
    vm.collect_garbage();
    let bytes = vm.used_bytes();
    live(&vm, "local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end deep(15000)");
    assert!(vm.used_bytes() > bytes + 1_000_000);
    (0..12).for_each(|_| vm.collect_garbage());
    assert!(vm.used_bytes() < bytes + 100_000, "{} bytes more", vm.used_bytes() - bytes);
}
