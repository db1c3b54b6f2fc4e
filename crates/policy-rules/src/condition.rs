use std::borrow::Cow;
use std::fmt;

use perilune_policy::{Fault, Request, Value};

use crate::field::Field;
use crate::matcher::Matcher;
use crate::operand::{Operand, TypeMismatch};
use crate::operator::Operator;
use crate::shown::Shown;

/// One thing that must hold for a policy to apply.
///
/// A field that is not there makes every operator false except [`Operator::Nexists`], the negative ones too.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    field: Field,
    operator: Operator,
    right: Right,
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Comparand {
    /// This value.
    Value(Value),
    /// Whatever that field holds.
    Field(Field),
}

#[derive(Clone, Debug, PartialEq)]
enum Right {
    Nothing,
    Value(Value),
    Field(Field),
    Matcher(Matcher),
}

/// Why an operator and what it should compare with make no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionError {
    /// The operator compares with nothing.
    #[error("`{0}` compares with nothing")]
    Superfluous(Operator),
    /// The operator needs something to compare with.
    #[error("`{0}` needs `value` or `value_from`")]
    Missing(Operator),
    /// No field can ever be compared with that value.
    #[error("{0}")]
    Value(Cow<'static, str>),
}

impl Condition {
    /// A condition on a field.
    ///
    /// # Errors
    /// A value too many or too few, or one of a type that the operator never accepts.
    pub fn new(field: Field, operator: Operator, with: Option<Comparand>) -> Result<Self, ConditionError> {
        let right = match with {
            None if operator.takes_value() => return Err(ConditionError::Missing(operator)),
            None => Right::Nothing,
            Some(_) if !operator.takes_value() => return Err(ConditionError::Superfluous(operator)),
            Some(Comparand::Field(other)) => Right::Field(other),
            Some(Comparand::Value(value)) => constant(operator, value).map_err(ConditionError::Value)?,
        };
        Ok(Self { field, operator, right })
    }

    pub(crate) fn reads_attributes(&self) -> bool {
        self.field.reads_attributes() || matches!(&self.right, Right::Field(field) if field.reads_attributes())
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// The operator has no meaning for what is there.
    pub(crate) fn holds(&self, request: &Request<'_>) -> Result<bool, Fault> {
        let Some(left) = self.field.find(request) else {
            return Ok(self.operator == Operator::Nexists);
        };
        let right = match &self.right {
            Right::Nothing => return Ok(self.operator == Operator::Exists),
            Right::Matcher(matcher) => return self.matches(&left, matcher),
            Right::Value(value) => Operand::Value(value),
            Right::Field(field) => match field.find(request) {
                Some(right) => right,
                None => return Ok(false),
            },
        };
        let holds = match self.operator {
            Operator::Eq => Ok(left.equals(&right)),
            Operator::Ne => Ok(!left.equals(&right)),
            Operator::Lt => left.order(&right).map(|order| order.is_some_and(|order| order.is_lt())),
            Operator::Lte => left.order(&right).map(|order| order.is_some_and(|order| order.is_le())),
            Operator::Gt => left.order(&right).map(|order| order.is_some_and(|order| order.is_gt())),
            Operator::Gte => left.order(&right).map(|order| order.is_some_and(|order| order.is_ge())),
            Operator::In => left.is_in(&right),
            Operator::Nin => left.is_in(&right).map(|is_in| !is_in),
            Operator::Contains => left.contains(&right),
            Operator::Ncontains => left.contains(&right).map(|contains| !contains),
            Operator::Matches | Operator::Nmatches => {
                let pattern = right.text().ok_or_else(|| self.mismatch(&left, &right))?;
                let matcher = Matcher::new(pattern)
                    .map_err(|reason| Fault::new(format!("what `{}` is matched with {reason}", self.field)))?;
                return self.matches(&left, &matcher);
            }
            Operator::Exists | Operator::Nexists => Ok(self.operator == Operator::Exists),
        };
        holds.map_err(|TypeMismatch| self.mismatch(&left, &right))
    }

    /// Why it does not hold, for whoever made the request.
    pub(crate) fn unmet(&self, request: &Request<'_>) -> String {
        let missing = |field: &Field| format!("`{self}` is false, for there is no `{field}`");
        let found = |field: &Field, value: &Operand<'_>| format!("`{field}` is {}", Shown(value));
        let Some(left) = self.field.find(request) else { return missing(&self.field) };
        match &self.right {
            // `nexists`, with nothing to compare.
            Right::Nothing => format!("`{self}` is false, for there is one"),
            Right::Value(_) | Right::Matcher(_) => format!("`{self}` is false: {}", found(&self.field, &left)),
            Right::Field(field) => match field.find(request) {
                None => missing(field),
                Some(right) => {
                    format!("`{self}` is false: {}, {}", found(&self.field, &left), found(field, &right))
                }
            },
        }
    }

    fn matches(&self, left: &Operand<'_>, matcher: &Matcher) -> Result<bool, Fault> {
        let Some(text) = left.text() else {
            let (field, operator, found) = (&self.field, self.operator, left.type_name());
            return Err(Fault::new(format!("`{field}` is {found}, and `{operator}` needs a string")));
        };
        Ok(matcher.matches(text)? == (self.operator == Operator::Matches))
    }

    fn mismatch(&self, left: &Operand<'_>, right: &Operand<'_>) -> Fault {
        let (field, operator) = (&self.field, self.operator);
        let (left, right) = (left.type_name(), right.type_name());
        Fault::new(format!("`{operator}` has no meaning for {left} (`{field}`) and {right}"))
    }
}

/// As one would say it: `actor.meta.role eq "analyst"`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.operator)?;
        match &self.right {
            Right::Nothing => Ok(()),
            Right::Value(value) => write!(f, " {}", Shown(&Operand::Value(value))),
            Right::Field(field) => write!(f, " {field}"),
            Right::Matcher(matcher) => write!(f, " {:?}", matcher.pattern()),
        }
    }
}

/// Refuses what can never be right, so that a mistake shows when policies are loaded and not as a denial.
fn constant(operator: Operator, value: Value) -> Result<Right, Cow<'static, str>> {
    let wrong = |needs: &str| Err(format!("must be {needs} for `{operator}`, not {}", value.type_name()).into());
    match (operator, &value) {
        (Operator::Matches | Operator::Nmatches, Value::String(pattern)) => Matcher::new(pattern).map(Right::Matcher),
        (Operator::Matches | Operator::Nmatches, _) => wrong("a regular expression"),
        (Operator::In | Operator::Nin, Value::List(_)) => Ok(Right::Value(value)),
        (Operator::In | Operator::Nin, _) => wrong("a list"),
        (Operator::Lt | Operator::Lte | Operator::Gt | Operator::Gte, value)
            if !value.is_number() && value.as_str().is_none() =>
        {
            wrong("a number or a string")
        }
        (_, Value::Nil) => wrong("something"),
        _ => Ok(Right::Value(value)),
    }
}
