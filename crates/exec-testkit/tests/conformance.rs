//! The scripted executor keeps the contract that it stands in for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use perilune_exec_api::CommandLine;
use perilune_exec_testkit::{FakeExecutor, Harness, Program};

/// Programs by the number that is their name.
#[derive(Default)]
struct Fake(Arc<Mutex<HashMap<String, Program>>>);

impl Harness for Fake {
    type Executor = FakeExecutor;

    fn executor(&self) -> FakeExecutor {
        let programs = self.0.clone();
        FakeExecutor::new(move |argv| programs.lock().unwrap().get(&argv[0])?.script())
    }

    fn command(&self, program: &Program) -> CommandLine {
        let mut programs = self.0.lock().unwrap();
        let name = format!("program-{}", programs.len());
        programs.insert(name.clone(), program.clone());
        CommandLine::argv(name, [""; 0])
    }

    fn virtual_time(&self) -> bool {
        true
    }
}

perilune_exec_testkit::conformance!(Fake::default());
