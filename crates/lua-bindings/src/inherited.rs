use std::sync::Arc;

use perilune_actor_core::{Table, Value};
use perilune_policy::Subject;

/// What an actor has from the one that started it, and gives to those it starts.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Inherited {
    context: Arc<[(Arc<str>, Value)]>,
    /// For whom it acts, and within which policies.
    pub subject: Subject,
}

impl Inherited {
    /// The value under a key of the context.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let position = self.context.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        Some(&self.context[position].1)
    }

    /// All values, in order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.context.iter().map(|(key, value)| (&**key, value))
    }

    /// The same with more values; a key that is there already gets the new one, and nil changes nothing.
    #[must_use]
    pub fn with(&self, values: Vec<(Arc<str>, Value)>) -> Self {
        let mut all: Vec<_> = self.context.to_vec();
        for (key, value) in values {
            match all.binary_search_by(|(known, _)| known.cmp(&key)) {
                _ if value.is_nil() => {}
                Ok(position) => all[position].1 = value,
                Err(position) => all.insert(position, (key, value)),
            }
        }
        Self { context: all.into(), subject: self.subject.clone() }
    }

    /// What an actor gets on a host whose processes act for `subject`, unless who starts them acts for somebody.
    pub(crate) fn on_host(own: Option<Arc<Self>>, subject: Option<Subject>) -> Option<Arc<Self>> {
        let acts = |own: &Arc<Self>| own.subject.principal.is_some() || own.subject.scope.is_some();
        match subject {
            Some(subject) if !own.as_ref().is_some_and(acts) => {
                Some(Arc::new(own.as_deref().cloned().unwrap_or_default().with_subject(subject)))
            }
            _ => own,
        }
    }

    /// The same within other policies or for somebody else.
    #[must_use]
    pub fn with_subject(&self, subject: Subject) -> Self {
        Self { context: Arc::clone(&self.context), subject }
    }

    /// Everything as one table.
    pub(crate) fn to_value(&self) -> Value {
        let pairs = self.values().map(|(key, value)| (Value::from(key), value.clone())).collect();
        Value::Table(Box::new(Table { array: Vec::new(), pairs }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_values_win_and_nil_changes_nothing() {
        let values =
            |pairs: &[(&str, Value)]| pairs.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
        let outer = Inherited::default().with(values(&[("b", Value::from(1.0)), ("a", Value::from(2.0))]));
        let inner = outer.with(values(&[("b", Value::from(3.0)), ("a", Value::Nil), ("c", Value::from(4.0))]));
        let all: Vec<_> = inner.values().map(|(key, value)| (key, value.as_f64())).collect();
        assert_eq!(all, [("a", Some(2.0)), ("b", Some(3.0)), ("c", Some(4.0))]);
        assert_eq!(outer.get("b"), Some(&Value::from(1.0)));
        assert_eq!(outer.get("c"), None);
    }
}
