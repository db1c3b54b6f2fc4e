use std::fmt;

use perilune_policy::Value;

/// An expression as a tree, so that it can be evaluated without being read. Displays as text that means the same.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Expr {
    /// A value; neither a map nor something that contains one, for which there is no text.
    Value(Value),
    /// A field, by its dotted path.
    Field(String),
    /// A list of these.
    List(Vec<Expr>),
    /// The item of that number, counted from 0.
    Item(Box<Expr>, usize),
    /// Not that.
    Not(Box<Expr>),
    /// All of these.
    All(Vec<Expr>),
    /// Any of these.
    Any(Vec<Expr>),
    /// A comparison.
    Compare(Box<Expr>, &'static str, Box<Expr>),
}

/// The comparisons of expressions.
pub(crate) const COMPARISONS: [&str; 11] =
    ["==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches"];

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write_value(f, value),
            Self::Field(path) => f.write_str(path),
            Self::List(items) => write_joined(f, "[", items, ", ", "]"),
            Self::Item(list, at) => write!(f, "{list}[{at}]"),
            Self::Not(inner) => write!(f, "!{inner}"),
            Self::All(parts) => write_joined(f, "(", parts, " && ", ")"),
            Self::Any(parts) => write_joined(f, "(", parts, " || ", ")"),
            Self::Compare(left, operator, right) => write!(f, "({left} {operator} {right})"),
        }
    }
}

fn write_value(f: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Boolean(value) => write!(f, "{value}"),
        Value::Integer(number) => write!(f, "{number}"),
        Value::Number(number) => write!(f, "{number:?}"),
        Value::String(text) => write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        Value::List(list) => {
            f.write_str("[")?;
            for item in list.items() {
                write_value(f, item)?;
                f.write_str(",")?;
            }
            f.write_str("]")
        }
        _ => f.write_str("nil"),
    }
}

fn write_joined(f: &mut fmt::Formatter<'_>, open: &str, parts: &[Expr], join: &str, close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (at, part) in parts.iter().enumerate() {
        let join = if at == 0 { "" } else { join };
        write!(f, "{join}{part}")?;
    }
    f.write_str(close)
}
