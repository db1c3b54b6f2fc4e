use perilune_actor_core::{HostId, Value};

use super::*;
use crate::services::{Callable, Level, Origin, Services, Terminal};
use crate::vm::Settings;
use crate::vm::codegen::Budget;

struct NoServices;

impl Services for NoServices {
    fn process(&self, id: &str) -> Result<Arc<Definition>, Failure> {
        Err(Failure::new(ErrorKind::NotFound, id))
    }

    fn host(&self, id: &str) -> Result<HostId, Failure> {
        Err(Failure::new(ErrorKind::NotFound, id))
    }

    fn function(&self, _: &Origin<'_>, id: &str) -> Result<Callable, Failure> {
        Err(Failure::new(ErrorKind::NotFound, id))
    }

    fn print(&self, _: &Origin<'_>, _: &[u8]) {}

    fn log(&self, _: &Origin<'_>, _: Level, _: &str, _: &str, _: &[(String, Value)]) {}

    fn failed(&self, _: &Origin<'_>, _: &Failure) {}

    fn terminal(&self, _: HostId) -> Option<Arc<dyn Terminal>> {
        None
    }
}

/// One whose scripts reach nothing.
pub(in crate::vm) fn vm() -> Rc<Vm> {
    vm_with(Settings::default(), Budget::of_process())
}

pub(in crate::vm) fn vm_with(settings: Settings, budget: Arc<Budget>) -> Rc<Vm> {
    Vm::with_budget(Arc::new(NoServices), settings, budget).unwrap()
}

fn load(vm: &Vm, definition: &Arc<Definition>) -> Rc<Loaded> {
    vm.protect(|vm, stack| vm.load(stack, definition)).unwrap().unwrap()
}

fn version(number: usize) -> Arc<Definition> {
    let source = format!("local text = '{}' return function() return text .. {number} end", "x".repeat(1000));
    Arc::new(Definition::new("app:worker", "worker.lua", &source))
}

#[test]
fn versions_that_nobody_has_are_unloaded() {
    let vm = vm();
    let kept: Vec<_> = (0..10).map(version).collect();
    for definition in &kept {
        load(&vm, definition);
    }
    let mut most = 0;
    let mut bytes = 0;
    for number in 0..5000 {
        load(&vm, &version(number));
        most = most.max(vm.loaded.borrow().known.len());
        if number == 500 {
            vm.collect_garbage();
            bytes = vm.used_bytes();
        }
    }
    vm.collect_garbage();
    assert!(most <= FEW + 1, "{most} were loaded at once");
    assert!(vm.used_bytes() < bytes + (1 << 20), "{bytes} bytes grew to {}", vm.used_bytes());
    for definition in &kept {
        let known = vm.loaded.borrow().get(definition.serial()).expect("still there");
        assert!(Rc::ptr_eq(&known, &load(&vm, definition)));
    }
}

#[test]
fn versions_that_somebody_has_stay_and_are_looked_at_seldom() {
    let vm = vm();
    let kept: Vec<_> = (0..1000).map(version).collect();
    for definition in &kept {
        load(&vm, definition);
    }
    let loaded = vm.loaded.borrow();
    assert_eq!(loaded.known.len(), 1000);
    assert_eq!(loaded.look_at, 1024);
}

#[test]
fn other_libraries_do_not_compile_a_script_again() {
    let definition = version(0);
    let other = definition.with_imports(vec![("lib".into(), version(1))]);
    assert!(std::ptr::eq(definition.compile().unwrap(), other.compile().unwrap()));
    assert_ne!(definition.serial(), other.serial());
}
