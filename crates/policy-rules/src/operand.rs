use std::cmp::Ordering;

use perilune_policy::Value;

/// A value while a policy is evaluated: borrowed from the request or the policy wherever it can be.
#[derive(Debug)]
pub(crate) enum Operand<'a> {
    Text(&'a str),
    Value(&'a Value),
    Made(Value),
}

impl<'a> Operand<'a> {
    pub(crate) const NIL: Operand<'static> = Operand::Made(Value::Nil);

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Value(value) => value.as_str(),
            Self::Made(value) => value.as_str(),
        }
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.value() {
            Some(Value::Boolean(value)) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Value]> {
        self.value()?.as_list()
    }

    pub(crate) fn is_nil(&self) -> bool {
        self.value().is_some_and(Value::is_nil)
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.value().map_or("a string", Value::type_name)
    }

    pub(crate) fn equals(&self, other: &Operand<'_>) -> bool {
        match (self.value(), other.value()) {
            (Some(a), Some(b)) => a == b,
            _ => self.text().is_some() && self.text() == other.text(),
        }
    }

    /// How two numbers or two strings are ordered. Inside, `None` for what is no number at all.
    ///
    /// # Errors
    /// Anything else.
    pub(crate) fn order(&self, other: &Operand<'_>) -> Result<Option<Ordering>, TypeMismatch> {
        if let (Some(a), Some(b)) = (self.text(), other.text()) {
            return Ok(Some(a.cmp(b)));
        }
        match (self.value(), other.value()) {
            (Some(a), Some(b)) if a.is_number() && b.is_number() => Ok(a.order(b)),
            _ => Err(TypeMismatch),
        }
    }

    /// Whether this is an item of the list `list`.
    ///
    /// # Errors
    /// It is no list.
    pub(crate) fn is_in(&self, list: &Operand<'_>) -> Result<bool, TypeMismatch> {
        let items = list.list().ok_or(TypeMismatch)?;
        Ok(items.iter().any(|item| self.equals(&Operand::Value(item))))
    }

    /// Whether this list has that item, or this string that text.
    ///
    /// # Errors
    /// Anything else.
    pub(crate) fn contains(&self, item: &Operand<'_>) -> Result<bool, TypeMismatch> {
        match (self.text(), item.text()) {
            (Some(text), Some(part)) => Ok(text.contains(part)),
            _ => item.is_in(self),
        }
    }

    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Self::Text(_) => None,
            Self::Value(value) => Some(value),
            Self::Made(value) => Some(value),
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Value(value) => value.clone(),
            Self::Made(value) => value,
        }
    }
}

/// The operator has no meaning for values of these types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TypeMismatch;
