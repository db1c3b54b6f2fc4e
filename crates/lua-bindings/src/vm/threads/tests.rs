use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mlua::ffi;

use super::super::environment::tests::vm;
use super::super::stack::Kind;
use super::*;
use crate::definition::Definition;

/// Runs a chunk on a thread as an actor's main function, and gives the thread back in whatever state it is then.
fn live(vm: &Vm, source: &str) -> Stack {
    let definition = Arc::new(Definition::new("app:worker", "worker.lua", source));
    let (thread, thread_ref) = vm
        .protect(|vm, main| {
            let loaded = vm.load(main, &definition).unwrap();
            let (thread, thread_ref) = vm.take_thread(main);
            loaded.push_globals(thread);
            thread.set_globals();
            loaded.push_chunk(thread);
            (thread, thread_ref)
        })
        .unwrap();
    thread.resume(0);
    vm.give_back_thread(thread, thread_ref);
    thread
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
        let (second, thread_ref) = vm.protect(|vm, main| vm.take_thread(main)).unwrap();
        assert!(first == second, "not used again after {source}");
        assert_eq!((second.top(), second.kind(1)), (0, Kind::None));
        second.push_globals();
        second.push_ref(vm.base.get());
        assert_eq!(second.pointer(1), second.pointer(2), "former globals after {source}");
        second.set_top(0);
        vm.give_back_thread(second, thread_ref);
    }
}

#[test]
fn thread_runs_again_after_whatever_it_has_been_through() {
    let vm = vm();
    for source in LIVES {
        live(&vm, source);
        let thread = live(&vm, "assert(large == nil and co == nil) coroutine.yield(1)");
        let status = vm.protect(|vm, main| {
            let (again, _) = vm.take_thread(main);
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
    let (thread, thread_ref) = vm
        .protect(|vm, main| {
            let loaded = vm.load(main, &definition).unwrap();
            let (thread, thread_ref) = vm.take_thread(main);
            loaded.push_globals(thread);
            thread.set_globals();
            loaded.push_chunk(thread);
            (thread, thread_ref)
        })
        .unwrap();
    assert_eq!(thread.resume(0), ffi::LUA_YIELD);
    let main = vm.main();
    thread.copy_to(thread.top(), main);
    let closure = main.pop_ref();
    vm.give_back_thread(thread, thread_ref);
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
    let (thread, thread_ref) = vm.protect(|vm, main| vm.take_thread(main)).unwrap();
    thread.push_native(c"panics", |_| panic!("on purpose"), 0);
    assert!(catch_unwind(AssertUnwindSafe(|| thread.resume(0))).is_err());
    vm.give_back_thread(thread, thread_ref);
    assert!(vm.spare.0.borrow().is_empty());
}

#[test]
fn no_more_threads_are_kept_than_that() {
    let vm = vm();
    let threads: Vec<_> = (0..2 * MOST).map(|_| vm.protect(|vm, main| vm.take_thread(main)).unwrap()).collect();
    for (thread, thread_ref) in threads {
        vm.give_back_thread(thread, thread_ref);
    }
    assert_eq!(vm.spare.0.borrow().len(), MOST);
}
