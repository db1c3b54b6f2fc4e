#![doc = include_str!("../README.md")]

mod cache;
mod decision;
mod diagnostics;
mod engine;
mod error;
mod identity;
mod index;
mod part;
mod pattern;
mod pattern_map;
mod policy;
mod request;
mod scope;
mod subject;
mod value;

pub use cache::{DecisionCache, Key};
pub use decision::{Decision, Effect, Fault, Verdict};
pub use diagnostics::Diagnostics;
pub use engine::PolicyEngine;
pub use error::{ConfigPath, PolicyError, PolicyErrorKind, Step};
pub use identity::Identity;
pub use part::Part;
pub use pattern::{Pattern, PatternError, Target};
pub use policy::{Policy, Rule};
pub use request::{Principal, Request};
pub use scope::Scope;
pub use subject::{Strictness, Subject};
pub use value::{List, Map, Value, ValueError};
