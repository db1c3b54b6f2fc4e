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
fn value_may_outlive_its_vm_and_is_nothing_to_others() {
    let first = vm();
    let value = pass_text(&first);
    let second = vm();
    let Value::Local(local) = &value else { panic!("it is passed") };
    assert!(!second.protect(|vm, stack| vm.push_passed(stack, local, true)).unwrap());
    drop(first);
    drop(second);
    drop(value);
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
