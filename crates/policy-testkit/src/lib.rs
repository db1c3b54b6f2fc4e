#![doc = include_str!("../README.md")]

mod check;
mod document;
mod expr;
mod generate;
mod harness;
mod model;
mod naive;
mod spec;
mod table;

#[doc(hidden)]
pub mod cases;

pub use check::{check_engine, check_scope};
pub use document::document;
pub use expr::Expr;
pub use generate::{maps, policies, policies_with_expressions, requests};
pub use harness::{Capabilities, Harness};
pub use model::{Broken, Expected, applies, expected};
pub use naive::{NaiveEngine, policy};
pub use spec::{Condition, PolicySpec, RequestSpec, When, With, list, map};
pub use table::{Finding, check_finding, check_table};
