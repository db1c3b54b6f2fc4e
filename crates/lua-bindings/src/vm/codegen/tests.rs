use std::rc::Rc;
use std::sync::{Mutex, MutexGuard};

use super::super::environment::tests::vm_with;
use super::super::{Loaded, Settings, Vm};
use super::*;

/// All tests count the pages of one process.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn start(native: NativeCode, budget: &Arc<Budget>) -> Rc<Vm> {
    vm_with(Settings { native, ..Settings::default() }, Arc::clone(budget))
}

fn is_supported() -> bool {
    // SAFETY: asks the processor.
    let is_supported = unsafe { ffi::luau_codegen_supported() } != 0;
    if !is_supported {
        println!("skipped: there is no native code for this machine");
    }
    is_supported
}

/// How many mappings the process has, and how much code that came out of no file. Where the system does not tell, none.
fn mappings() -> (usize, usize) {
    let text = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let code = |line: &str| {
        let range = line.strip_suffix(" ").unwrap_or(line).split_once(" r-xp 00000000 00:00 0")?;
        let (start, end) = range.1.trim().is_empty().then(|| range.0.split_once('-'))??;
        let address = |text| usize::from_str_radix(text, 16).ok();
        Some(address(end)? - address(start)?)
    };
    (text.lines().count(), text.lines().filter_map(code).sum())
}

fn script(mark: &str, number: usize) -> Arc<Definition> {
    let source = format!(
        "{mark}\nlocal function add(sum, i) return sum + i * {number} end\n\
         local sum = 0 for i = 1, 10 do sum = add(sum, i) end return sum"
    );
    Arc::new(Definition::new("app:worker", "worker.lua", &source))
}

fn load(vm: &Vm, definition: &Arc<Definition>) -> Rc<Loaded> {
    vm.protect(|vm, stack| vm.load(stack, definition)).unwrap().unwrap()
}

/// What the chunk returns.
fn result(vm: &Vm, loaded: &Loaded) -> f64 {
    let work = |_: &Vm, stack: Stack| {
        loaded.push_globals(stack);
        loaded.push_chunk(stack);
        stack.set_function_globals();
        assert!(stack.call_protected(0, 1));
        stack.number(stack.top()).unwrap()
    };
    vm.protect(work).unwrap()
}

fn live(budget: &Budget) -> usize {
    budget.live.load(Ordering::Relaxed)
}

#[test]
fn only_what_shall_be_native_is_compiled() {
    let _alone = alone();
    if !is_supported() {
        return;
    }
    let all = [script("", 1), script("--!native", 1), script("@native", 1)];
    for (which, expected) in [(NativeCode::Never, 0), (NativeCode::Marked, 2), (NativeCode::Always, 3)] {
        let budget = Budget::new(100);
        let vm = start(which, &budget);
        let (_, before) = mappings();
        for definition in &all {
            assert_eq!(result(&vm, &load(&vm, definition)), 55.0);
        }
        assert_eq!(live(&budget), expected, "{which:?}");
        if cfg!(target_os = "linux") {
            // Each chunk has pages of its own, and so has the generator.
            assert_eq!((mappings().1 - before) / 4096, expected + usize::from(expected > 0), "{which:?}");
        }
        drop(vm);
        assert_eq!((live(&budget), mappings().1), (0, before), "{which:?}");
    }
}

#[test]
fn beyond_the_budget_scripts_are_interpreted() {
    let _alone = alone();
    if !is_supported() {
        return;
    }
    let budget = Budget::new(3);
    let (one, other) = (start(NativeCode::Marked, &budget), start(NativeCode::Marked, &budget));
    let all: Vec<_> = (0..10).map(|number| script("--!native", number)).collect();
    for (number, definition) in all.iter().enumerate() {
        for vm in [&one, &other] {
            assert_eq!(result(vm, &load(vm, definition)), 55.0 * number as f64);
        }
        assert_eq!(live(&budget), (2 * number + 2).min(3));
    }
    // What one VM gives back, the other may take.
    drop(one);
    assert_eq!(live(&budget), 1);
    for number in 10..20 {
        let definition = script("--!native", number);
        assert_eq!(result(&other, &load(&other, &definition)), 55.0 * number as f64);
    }
    assert_eq!(live(&budget), 3);
}

#[test]
fn room_comes_back_with_the_versions_that_nobody_has() {
    let _alone = alone();
    if !is_supported() {
        return;
    }
    let budget = Budget::new(200);
    let vm = start(NativeCode::Marked, &budget);
    let mut without = 0;
    for number in 0..5000 {
        let before = live(&budget);
        let loaded = load(&vm, &script("--!native", number));
        assert_eq!(result(&vm, &loaded), 55.0 * number as f64);
        without += usize::from(live(&budget) == before && before == 200);
        if number % 50 == 0 {
            vm.collect_garbage();
        }
    }
    assert_eq!(without, 0, "so many were interpreted");
    vm.collect_garbage();
    assert!(live(&budget) <= 64, "{} are there", live(&budget));
}

/// More scripts than there are mappings: all of them natively, if they were not counted.
#[test]
fn any_number_of_scripts_leaves_most_mappings() {
    let _alone = alone();
    if !is_supported() || !cfg!(target_os = "linux") {
        return;
    }
    let is_full = std::env::var_os("PERILUNE_FULL").is_some();
    let (count, rounds) = if is_full { (100_000, 3) } else { (8_000, 2) };
    let budget = Budget::of_process();
    let vm = start(NativeCode::Always, &budget);
    let (before, _) = mappings();
    let mut scripts = vec![script("", 0); count];
    for round in 0..rounds {
        // Live apply: each old one goes when the new one has come.
        for (number, place) in scripts.iter_mut().enumerate() {
            let definition = script("", round * count + number);
            let loaded = load(&vm, &definition);
            *place = definition;
            if number % 1000 == 0 {
                assert_eq!(result(&vm, &loaded), 55.0 * (round * count + number) as f64);
                let more = mappings().0 - before;
                assert!(more < USUAL_MAPPINGS / PART + 200, "{more} mappings");
            }
        }
        assert!(live(&budget) > 1000, "only {} are native", live(&budget));
    }
}
