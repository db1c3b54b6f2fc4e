//! Conditions as one boolean expression over `actor`, `action`, `resource` and `meta`.

mod node;
mod parser;
mod token;

use std::fmt;
use std::sync::Arc;

use perilune_policy::{Fault, Request, Value};

use node::Node;

/// A boolean expression over a request. Reading one takes time by its length, evaluating it by its length and by what
/// it looks at.
///
/// ```
/// use perilune_policy_rules::Expression;
///
/// assert!(Expression::parse(r#"actor.meta.role in ["analyst", "admin"] && !(resource startsWith "secret:")"#).is_ok());
/// let error = Expression::parse("action = 'read'").unwrap_err();
/// assert_eq!(error.to_string(), "unexpected `=`; did you mean `==`?, at character 8");
/// ```
#[derive(Clone, Debug)]
pub struct Expression {
    text: Arc<str>,
    node: Node,
}

/// Why text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, at character {}", .offset + 1)]
#[non_exhaustive]
pub struct ExpressionError {
    /// How many characters are before the mistake.
    pub offset: usize,
    /// What is wrong.
    pub reason: String,
}

impl Expression {
    /// The longest expression, in bytes.
    pub const MAX_LENGTH: usize = 8 * 1024;

    /// How deep parentheses, brackets and negations may be nested.
    pub const MAX_DEPTH: usize = 32;

    /// Reads an expression.
    ///
    /// # Errors
    /// Text that is none, or is too long or too deeply nested.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let node = parser::parse(text).map_err(|(at, reason)| {
            let before = text.get(..at).unwrap_or(text);
            ExpressionError { offset: before.chars().count(), reason }
        })?;
        Ok(Self { text: text.into(), node })
    }

    /// Whether it is true for this request.
    ///
    /// # Errors
    /// An operator has no meaning for what is there, or the expression has a result that is not a boolean.
    pub fn holds(&self, request: &Request<'_>) -> Result<bool, Fault> {
        let result = self.node.evaluate(request)?;
        result
            .boolean()
            .ok_or_else(|| Fault::new(format!("the expression gives {}, not a boolean", result.type_name())))
    }
}

/// By their text.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The value as an index counted from 0.
fn whole(value: &Value) -> Option<Result<usize, ()>> {
    match *value {
        Value::Integer(number) => Some(usize::try_from(number).map_err(|_| ())),
        Value::Number(number) if number.fract() == 0.0 && (0.0..1e15).contains(&number) => Some(Ok(number as usize)),
        Value::Number(_) => Some(Err(())),
        _ => None,
    }
}
