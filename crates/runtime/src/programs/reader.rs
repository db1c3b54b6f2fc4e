//! Configuration values as whatever serde can make of them.

use std::fmt;

use serde::Deserializer;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::application::{ConfigData, ConfigValue, Located, did_you_mean};

/// Reads a value. Numbers are text where text is wanted, and an empty table is an empty list where that is.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a ConfigData);

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Wrong {
    /// From the inside to the outside.
    path: Vec<String>,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Unknown { key: String, near: Option<String>, known: &'static [&'static str] },
    Other(String),
}

/// A key that is not among those that are known.
pub(super) fn unknown_key(key: &str, known: &'static [&'static str]) -> Wrong {
    Wrong::unknown_field(key, known)
}

impl Wrong {
    /// It is inside of that.
    pub(super) fn within(mut self, key: impl Into<String>) -> Self {
        self.path.push(key.into());
        self
    }
}

impl Error for Wrong {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self { path: Vec::new(), problem: Problem::Other(text.to_string()) }
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        let near = did_you_mean(key, known.iter().copied()).map(str::to_owned);
        Self { path: Vec::new(), problem: Problem::Unknown { key: key.to_owned(), near, known } }
    }
}

impl std::error::Error for Wrong {}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: Vec<_> = self.path.iter().rev().map(String::as_str).collect();
        let path = path.join(".");
        match &self.problem {
            Problem::Other(text) if path.is_empty() => f.write_str(text),
            Problem::Other(text) => write!(f, "`{path}`: {text}"),
            Problem::Unknown { key, near, known } => {
                let dot = if path.is_empty() { "" } else { "." };
                write!(f, "unknown key `{path}{dot}{key}`")?;
                match near {
                    Some(near) => write!(f, "; did you mean `{near}`?"),
                    None => write!(f, "; there are `{}`", known.join("`, `")),
                }
            }
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            ConfigData::Null => visitor.visit_unit(),
            ConfigData::Bool(value) => visitor.visit_bool(*value),
            ConfigData::Integer(value) => match u64::try_from(*value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(*value),
            },
            ConfigData::Float(value) => visitor.visit_f64(*value),
            ConfigData::String(text) => visitor.visit_borrowed_str(text),
            ConfigData::List(items) => visitor.visit_seq(Items { items: items.iter(), place: 0 }),
            // What is read twice is read by this first. Lists that may be empty are frequent there, tables are not.
            ConfigData::Map(pairs) if pairs.is_empty() => visitor.visit_seq(Items { items: [].iter(), place: 0 }),
            ConfigData::Map(pairs) => visitor.visit_map(Pairs { pairs: pairs.iter(), last: None }),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            ConfigData::Integer(value) => visitor.visit_string(value.to_string()),
            ConfigData::Float(value) => visitor.visit_string(value.to_string()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            ConfigData::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            ConfigData::Map(pairs) => visitor.visit_map(Pairs { pairs: pairs.iter(), last: None }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            // Serde would take its items for fields.
            ConfigData::List(_) => Err(Wrong::custom(format!("must have names as keys: `{}`", fields.join("`, `")))),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            ConfigData::String(text) => {
                let word: StrDeserializer<'_, Wrong> = (&**text).into_deserializer();
                visitor.visit_enum(word)
            }
            ConfigData::Map(pairs) if pairs.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Pairs { pairs: pairs.iter(), last: None }))
            }
            _ => Err(Wrong::custom(format!("must be one of `{}`", variants.join("`, `")))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct
        identifier ignored_any
    }
}

struct Items<'a> {
    items: std::slice::Iter<'a, ConfigValue>,
    /// Of the one that was read last, from 1.
    place: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let Some(item) = self.items.next() else { return Ok(None) };
        self.place += 1;
        seed.deserialize(Reader(&item.data)).map(Some).map_err(|wrong| wrong.within(self.place.to_string()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Pairs<'a> {
    pairs: std::slice::Iter<'a, (Located, ConfigValue)>,
    /// The one whose key was read.
    last: Option<&'a (Located, ConfigValue)>,
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        self.last = self.pairs.next();
        let Some((key, _)) = self.last else { return Ok(None) };
        let word: StrDeserializer<'_, Wrong> = (&*key.text).into_deserializer();
        seed.deserialize(word).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((key, value)) = self.last.take() else { return Err(Wrong::custom("a value without a key")) };
        seed.deserialize(Reader(&value.data)).map_err(|wrong| wrong.within(&*key.text))
    }
}
