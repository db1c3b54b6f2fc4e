use perilune_policy::Map;

use crate::application::{ConfigData, ConfigValue, Position, parse_document, set_path};
use crate::policies;

/// Who wants to do what, as it is written on a command line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyQuestion {
    /// The id of the principal, which Lua calls actor.
    pub actor: String,
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// The ids of the groups whose policies are asked.
    pub groups: Vec<String>,
    /// The ids of the policies that are asked too.
    pub policies: Vec<String>,
    pub(crate) meta: Map,
    pub(crate) attributes: Map,
}

/// Why a question cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyQuestionError {
    /// A value that is not written as `key=value`, or is too large.
    #[error("`{given}`: {reason}")]
    Value {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A group or policy that does not exist.
    #[error("{0}")]
    Unknown(String),
}

impl PolicyQuestion {
    /// A question about a principal without metadata.
    pub fn new(actor: impl Into<String>, action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            action: action.into(),
            resource: resource.into(),
            groups: Vec::new(),
            policies: Vec::new(),
            meta: Map::EMPTY,
            attributes: Map::EMPTY,
        }
    }

    /// The question with this metadata of the principal, each written as `key=value`. Dots in a key lead into maps. A
    /// value is a number, a boolean, `null` or a list as YAML has them, and otherwise the text as it stands. Of two with
    /// the same key, the later one counts.
    ///
    /// # Errors
    /// Text of another form.
    pub fn with_meta<T: AsRef<str>>(self, pairs: impl IntoIterator<Item = T>) -> Result<Self, PolicyQuestionError> {
        Ok(Self { meta: read(pairs)?, ..self })
    }

    /// The question with these attributes of the call, written as metadata are.
    ///
    /// # Errors
    /// Text of another form.
    pub fn with_attributes<T: AsRef<str>>(
        self,
        pairs: impl IntoIterator<Item = T>,
    ) -> Result<Self, PolicyQuestionError> {
        Ok(Self { attributes: read(pairs)?, ..self })
    }
}

fn read<T: AsRef<str>>(pairs: impl IntoIterator<Item = T>) -> Result<Map, PolicyQuestionError> {
    let mut all = ConfigValue::empty_map(Position::START);
    let mut last = String::new();
    for pair in pairs {
        last = pair.as_ref().to_owned();
        let fail = |reason: &str| PolicyQuestionError::Value { given: last.clone(), reason: reason.into() };
        let (key, text) = last.split_once('=').ok_or_else(|| fail("write it as key=value"))?;
        if key.split('.').any(str::is_empty) {
            return Err(fail("the key needs a name before and after each dot"));
        }
        // Deeper ones are refused below; these would be too deep to be looked at.
        if key.matches('.').count() > perilune_policy::Value::MAX_DEPTH {
            return Err(fail("the key has too many dots"));
        }
        set_path(&mut all, key, ConfigValue { position: Position::START, data: value(text) });
    }
    policies::map(&all).map_err(|reason| PolicyQuestionError::Value { given: last, reason })
}

/// Text that YAML would take for a map, such as a pid, or for a comment, is text.
fn value(text: &str) -> ConfigData {
    let plain = || ConfigData::String(text.into());
    match parse_document(text) {
        Ok(None) if matches!(text.trim(), "" | "~" | "null") => ConfigData::Null,
        Ok(Some(ConfigValue { data: ConfigData::String(_), .. })) if !text.starts_with(['"', '\'']) => plain(),
        Ok(Some(ConfigValue { data: ConfigData::Map(_), .. }) | None) | Err(_) => plain(),
        Ok(Some(value)) => value.data,
    }
}

#[cfg(test)]
mod tests {
    use perilune_policy::{List, Value};

    use super::*;

    fn check(text: &str, expected: impl Into<Value>) {
        let question = PolicyQuestion::new("a", "b", "c").with_meta([format!("x={text}")]).unwrap();
        assert_eq!(question.meta.get("x").cloned().unwrap_or_default(), expected.into(), "{text}");
    }

    #[test]
    fn values_are_scalars_lists_or_the_text_itself() {
        check("true", true);
        check("42", 42);
        check("1.5", 1.5);
        check("'42'", "42");
        check("analyst", "analyst");
        check("[a, 1]", List::new([Value::from("a"), 1.into()]).unwrap());
        check("", Value::Nil);
        check("null", Value::Nil);
        check("{app:processes|0x00001}", "{app:processes|0x00001}");
        check("a: b", "a: b");
        check("#1", "#1");
        check("a #1", "a #1");
        check("a=b", "a=b");
        check("[", "[");
        check("*", "*");
        check("'", "'");
    }

    #[test]
    fn dots_lead_into_maps_and_the_later_one_counts() {
        let read = |pairs: &[&str]| PolicyQuestion::new("a", "b", "c").with_attributes(pairs).map(|q| q.attributes);
        let expected = Value::map([("b", Value::from(2)), ("c", 3.into())]).unwrap();
        assert_eq!(read(&["a.b=1", "a.b=2", "a.c=3"]), Ok(Map::new([("a", expected)]).unwrap()));
        let reason = |pair: &str| read(&["ok=1", pair]).unwrap_err().to_string();
        assert_eq!(reason("a"), "`a`: write it as key=value");
        for pair in ["=1", ".a=1", "a.=1", "a..b=1"] {
            assert_eq!(reason(pair), format!("`{pair}`: the key needs a name before and after each dot"));
        }
        assert!(reason(&format!("a{}=1", ".a".repeat(100_000))).ends_with("the key has too many dots"));
        assert!(reason(&format!("a{}=1", ".a".repeat(64))).ends_with("is nested more than 64 levels deep"));
    }
}
