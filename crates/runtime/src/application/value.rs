use std::sync::Arc;

/// A place in a configuration file, in characters, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl Position {
    /// The beginning of a file; also the place of values no file holds.
    pub const START: Position = Position { line: 1, column: 1 };
    /// The place of values that a running script gave.
    pub const SCRIPT: Position = Position { line: 0, column: 0 };
}

/// A configuration value that remembers where it was written.
///
/// Comparing two values ignores their positions.
#[derive(Clone, Debug)]
pub struct ConfigValue {
    /// Where it begins. For a value read from a `file://` reference, where the
    /// reference stands.
    pub position: Position,
    /// The value itself.
    pub data: ConfigData,
}

/// The kinds of value a configuration file can hold.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigData {
    /// Nothing; typed getters take it for a missing key.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(Arc<str>),
    /// Values in order.
    List(Vec<ConfigValue>),
    /// Values by key, in the order they were written.
    Map(Vec<(Located, ConfigValue)>),
}

/// A key or another single word, and where it was written.
#[derive(Clone, Debug)]
pub struct Located {
    /// The word.
    pub text: Arc<str>,
    /// Where it begins.
    pub position: Position,
}

impl PartialEq for ConfigValue {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data
    }
}

impl PartialEq for Located {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Why a configuration value cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// A required key is absent.
    #[error("lacks the required key `{key}`")]
    Missing {
        /// The key, with the keys around it joined by dots.
        key: String,
        /// Where the map begins that should hold it.
        position: Position,
    },
    /// The value has another type.
    #[error("needs {expected} as `{key}`, not {found}")]
    Type {
        /// The key, with the keys around it joined by dots.
        key: String,
        /// What was wanted, with its article.
        expected: &'static str,
        /// What was there, with its article.
        found: &'static str,
        /// Where the value begins.
        position: Position,
    },
}

impl ValueError {
    /// Where to point.
    pub fn position(&self) -> Position {
        match self {
            ValueError::Missing { position, .. } | ValueError::Type { position, .. } => *position,
        }
    }

    /// The key concerned, with the keys around it joined by dots.
    pub fn key(&self) -> &str {
        match self {
            ValueError::Missing { key, .. } | ValueError::Type { key, .. } => key,
        }
    }

    /// The same error seen from the map that holds the failing one as `outer`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        match &mut self {
            ValueError::Missing { key, .. } | ValueError::Type { key, .. } => {
                *key = format!("{outer}.{key}");
            }
        }
        self
    }
}

impl ConfigValue {
    /// An empty map, as of a key nobody wrote.
    pub fn empty_map(position: Position) -> Self {
        ConfigValue { position, data: ConfigData::Map(Vec::new()) }
    }

    /// The pairs of a map; empty for every other value.
    pub fn pairs(&self) -> &[(Located, ConfigValue)] {
        match &self.data {
            ConfigData::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// The value under `key`, unless that is absent or null.
    pub fn get(&self, key: &str) -> Option<&ConfigValue> {
        let (_, value) = self.pairs().iter().find(|(k, _)| &*k.text == key)?;
        (value.data != ConfigData::Null).then_some(value)
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            ConfigData::String(text) => Some(text),
            _ => None,
        }
    }

    /// The string under `key`.
    pub fn string(&self, key: &str) -> Result<Option<&Arc<str>>, ValueError> {
        self.typed(key, "a string", |value| match &value.data {
            ConfigData::String(text) => Some(text),
            _ => None,
        })
    }

    /// The string under `key`, which must hold at least one character.
    pub fn required_string(&self, key: &str) -> Result<&Arc<str>, ValueError> {
        let text = self.required(key, self.string(key)?)?;
        match &**text {
            "" => Err(self.mismatch(key, "a non-empty string", "an empty one")),
            _ => Ok(text),
        }
    }

    /// The boolean under `key`.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>, ValueError> {
        self.typed(key, "true or false", |value| match value.data {
            ConfigData::Bool(value) => Some(value),
            _ => None,
        })
    }

    /// The whole number under `key`, which must not be negative.
    pub fn count(&self, key: &str) -> Result<Option<u64>, ValueError> {
        self.typed(key, "a whole number from 0", |value| match value.data {
            ConfigData::Integer(value) => u64::try_from(value).ok(),
            _ => None,
        })
    }

    /// The number of bytes under `key`: a whole number, or text such as `64MiB`
    /// or `1GB`. Units count in steps of 1024 either way.
    pub fn bytes(&self, key: &str) -> Result<Option<u64>, ValueError> {
        const EXPECTED: &str = "a number of bytes such as 1048576 or 64MiB";
        self.typed(key, EXPECTED, |value| match &value.data {
            ConfigData::Integer(value) => u64::try_from(*value).ok(),
            ConfigData::String(text) => parse_bytes(text),
            _ => None,
        })
    }

    /// The list under `key`.
    pub fn list(&self, key: &str) -> Result<Option<&[ConfigValue]>, ValueError> {
        self.typed(key, "a list", |value| match &value.data {
            ConfigData::List(items) => Some(items.as_slice()),
            // An empty table of a script is as much a list as it is a map.
            ConfigData::Map(pairs) if pairs.is_empty() && value.position == Position::SCRIPT => Some(&[]),
            _ => None,
        })
    }

    /// The map under `key`, as the value that holds it.
    pub fn map(&self, key: &str) -> Result<Option<&ConfigValue>, ValueError> {
        self.typed(key, "a map", |value| matches!(value.data, ConfigData::Map(_)).then_some(value))
    }

    /// Turns the absence of `key` into an error.
    pub fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, ValueError> {
        value.ok_or_else(|| ValueError::Missing { key: key.to_owned(), position: self.position })
    }

    /// The type of this value with its article, for messages.
    pub fn type_name(&self) -> &'static str {
        match self.data {
            ConfigData::Null => "null",
            ConfigData::Bool(_) => "a boolean",
            ConfigData::Integer(_) | ConfigData::Float(_) => "a number",
            ConfigData::String(_) => "a string",
            ConfigData::List(_) => "a list",
            ConfigData::Map(_) => "a map",
        }
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        expected: &'static str,
        pick: impl FnOnce(&'a ConfigValue) -> Option<T>,
    ) -> Result<Option<T>, ValueError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        // Where the type can be right, only the value is not.
        let found = match value.type_name() {
            "a number" if expected.contains("number") => "this number",
            "a string" if expected.contains("such as") => "this text",
            name => name,
        };
        match pick(value) {
            Some(picked) => Ok(Some(picked)),
            None => Err(self.mismatch(key, expected, found)),
        }
    }

    /// The error for a value of `key` that is not as expected.
    pub(crate) fn mismatch(&self, key: &str, expected: &'static str, found: &'static str) -> ValueError {
        ValueError::Type {
            key: key.to_owned(),
            expected,
            found,
            position: self.get(key).map_or(self.position, |value| value.position),
        }
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::parse_bytes;

    #[test]
    fn byte_counts_are_read_with_and_without_units() {
        for (text, expected) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("2k", Some(2048)),
            ("3 MiB", Some(3 << 20)),
            ("1GB", Some(1 << 30)),
            ("", None),
            ("MB", None),
            ("-1", None),
            ("1.5MB", None),
            ("1parsec", None),
            ("99999999999999999999", None),
            ("99999999999999GB", None),
        ] {
            assert_eq!(parse_bytes(text), expected, "{text:?}");
        }
    }
}
