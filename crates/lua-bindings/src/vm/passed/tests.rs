use super::*;
use crate::vm::environment::tests::vm;

const LENGTH: usize = 1 << 20;

fn pass_text(vm: &Vm) -> Value {
    vm.protect(|vm, stack| {
        stack.push_bytes(&vec![b'x'; LENGTH]);
        vm.pass(stack)
    })
    .unwrap()
}

#[test]
fn text_lives_as_long_as_the_value_and_no_longer() {
    let vm = vm();
    vm.collect_garbage();
    let before = vm.used_bytes();
    let value = pass_text(&vm);
    vm.collect_garbage();
    assert!(vm.used_bytes() >= before + LENGTH);
    drop(value);
    vm.collect_garbage();
    assert!(vm.used_bytes() < before + LENGTH);
}

#[test]
fn value_that_another_thread_drops_goes_with_the_next_one() {
    let vm = vm();
    vm.collect_garbage();
    let before = vm.used_bytes();
    let value = pass_text(&vm);
    std::thread::spawn(move || drop(value)).join().unwrap();
    vm.collect_garbage();
    assert!(vm.used_bytes() >= before + LENGTH, "no other thread touches the VM");
    drop(pass_text(&vm));
    vm.collect_garbage();
    assert!(vm.used_bytes() < before + LENGTH);
}

#[test]
fn value_may_outlive_its_vm() {
    let first = vm();
    let value = pass_text(&first);
    let Value::Local(local) = &value else { panic!("it is passed") };
    drop(first);
    assert_eq!(Vm::read_passed(local), None);
    drop(value);
}

#[test]
fn other_vms_of_the_thread_read_what_was_passed_and_other_threads_do_not() {
    let first = vm();
    let second = vm();
    let _current = first.make_current();
    let table = first.protect(|vm, stack| {
        stack.push_table(2, 1);
        let table = stack.top();
        stack.push_number(7.0);
        stack.raw_set(table, c"seven");
        vm.pass(stack)
    });
    let (text, table) = (pass_text(&first), table.unwrap());
    let _current = second.make_current();
    for (value, read) in [
        (text, Value::String(vec![b'x'; LENGTH].into())),
        (table, [(Value::from("seven"), Value::from(7.0))].into_iter().collect()),
    ] {
        let Value::Local(local) = &value else { panic!("it is passed") };
        assert!(!second.protect(|vm, stack| vm.push_passed(stack, local, true)).unwrap());
        assert_eq!(Vm::read_passed(local), Some(read));
        assert_eq!(first.main().top(), 0);
        let elsewhere = local.clone();
        assert_eq!(std::thread::spawn(move || Vm::read_passed(&elsewhere)).join().unwrap(), None);
    }
}

#[test]
fn large_text_goes_to_and_fro_without_being_copied() {
    let (first, second) = (vm(), vm());
    let pass = |vm: &Vm, bytes: &Arc<[u8]>| {
        let _current = vm.make_current();
        let value = vm.protect(|vm, stack| {
            vm.push_shared(stack, bytes);
            vm.pass(stack)
        });
        let Ok(Value::Local(local)) = value else { panic!("it is passed") };
        local
    };
    let read = |local: &Local| {
        let Some(Value::String(bytes)) = Vm::read_passed(local) else { panic!("it is a text") };
        bytes
    };
    let text: Arc<[u8]> = vec![b'x'; 64 << 10].into();
    let there = read(&pass(&first, &text));
    let back = read(&pass(&second, &there));
    assert!(Arc::ptr_eq(&text, &there) && Arc::ptr_eq(&there, &back));
}

#[test]
fn table_is_handed_out_once_and_copied_otherwise() {
    let vm = vm();
    let value = vm.protect(|vm, stack| {
        stack.push_table(1, 0);
        vm.pass(stack)
    });
    let value = value.unwrap();
    let Value::Local(local) = &value else { panic!("it is passed") };
    let identity = |is_last| {
        vm.protect(|vm, stack| vm.push_passed(stack, local, is_last).then(|| stack.pointer(stack.top()))).unwrap()
    };
    let original = identity(true);
    assert_eq!(identity(true), original);
    assert_ne!(identity(false), original);
    let other = value.clone();
    assert_ne!(identity(true), original, "somebody else may still want it");
    drop(other);
}
