//! The executor of this machine keeps the contract.

use perilune_exec_native::NativeExecutor;

struct Native;

impl perilune_exec_testkit::Harness for Native {
    type Executor = NativeExecutor;

    fn executor(&self) -> NativeExecutor {
        NativeExecutor::new()
    }
}

perilune_exec_testkit::conformance!(Native);
