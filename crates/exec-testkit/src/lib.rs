#![doc = include_str!("../README.md")]

mod fake;
mod harness;
mod program;
mod script;
mod stage;

#[doc(hidden)]
pub mod cases;

pub use fake::FakeExecutor;
pub use harness::Harness;
pub use program::Program;
pub use script::Script;
pub use stage::Stage;
