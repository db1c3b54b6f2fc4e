#![doc = include_str!("../README.md")]

mod condition;
mod engine;
mod expression;
mod field;
mod matcher;
mod operand;
mod operator;
mod read;
mod set;
mod shown;
mod source;
mod suggest;

pub use condition::{Comparand, Condition, ConditionError};
pub use engine::RuleEngine;
pub use expression::{Expression, ExpressionError};
pub use field::{Field, FieldError};
pub use operator::Operator;
pub use read::PolicyKind;
pub use set::RuleSet;
pub use source::{PolicySource, When};
