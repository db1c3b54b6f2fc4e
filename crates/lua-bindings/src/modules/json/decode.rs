use std::fmt;

use perilune_actor_core::{ErrorKind, Failure};
use serde_core::de::{Deserialize, DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;

use super::MAX_DEPTH;
use crate::vm::Stack;

/// How many values of a list or a map are read before its table is made, so that it has the right size at once.
const AT_ONCE: usize = 64;

/// Pushes what a text says.
pub(super) fn push(stack: Stack, text: &[u8]) -> Result<(), Failure> {
    let top = stack.top();
    let mut reader = Deserializer::from_slice(text);
    // `Node` counts itself.
    reader.disable_recursion_limit();
    let read = Node { stack, depth: 0 }.deserialize(&mut reader).and_then(|()| reader.end());
    read.map_err(|error| {
        stack.set_top(top);
        not_json(&error)
    })
}

pub(super) fn check(text: &[u8]) -> Result<(), Failure> {
    let mut reader = Deserializer::from_slice(text);
    // Strings that nobody wants are not looked into.
    let checked = std::str::from_utf8(text).map_err(|_| Error::custom("text is not UTF-8"));
    let checked = checked.and_then(|_| IgnoredAny::deserialize(&mut reader)).and_then(|_| reader.end());
    checked.map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> Failure {
    Failure::new(ErrorKind::Invalid, format!("not JSON: {error}"))
}

/// A value that is pushed as it is read.
#[derive(Clone, Copy)]
struct Node {
    stack: Stack,
    /// How many lists and maps are around it.
    depth: usize,
}

impl Node {
    fn inside<E: Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("more than {MAX_DEPTH} levels")));
        }
        // The values at once, the table, and what it takes to put one into it.
        self.stack.reserve(AT_ONCE as i32 + 8);
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = ();

    fn deserialize<D: serde_core::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.stack.push_nil();
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.stack.push_boolean(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.stack.push_number(value as f64);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.stack.push_number(value as f64);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.stack.push_number(value);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.stack.push_str(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let stack = self.stack;
        let node = self.inside()?;
        let mut count = 0;
        while count < AT_ONCE && items.next_element_seed(node)?.is_some() {
            count += 1;
        }
        let table = stack.top() - count as i32 + 1;
        stack.push_table(if count < AT_ONCE { count } else { 2 * AT_ONCE }, 0);
        stack.insert(table);
        for key in (1..=count as i32).rev() {
            stack.raw_seti(table, key);
        }
        if count < AT_ONCE {
            return Ok(());
        }
        let mut key = count as i32;
        while items.next_element_seed(node)?.is_some() {
            // Lists are no longer than texts.
            key += 1;
            if stack.is_nothing(table + 1) {
                stack.pop(1);
            } else {
                stack.raw_seti(table, key);
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let stack = self.stack;
        let node = self.inside()?;
        let mut count = 0;
        while count < AT_ONCE / 2 && fields.next_key_seed(node)?.is_some() {
            fields.next_value_seed(node)?;
            count += 1;
        }
        let first = stack.top() - 2 * count as i32 + 1;
        stack.push_table(0, if count < AT_ONCE / 2 { count } else { AT_ONCE });
        let table = stack.top();
        // In order: of fields with the same name, the last one counts.
        for key in (first..table).step_by(2) {
            stack.copy(key);
            stack.copy(key + 1);
            stack.raw_set_top(table);
        }
        stack.insert(first);
        stack.set_top(first);
        if count < AT_ONCE / 2 {
            return Ok(());
        }
        while fields.next_key_seed(node)?.is_some() {
            fields.next_value_seed(node)?;
            stack.raw_set_top(first);
        }
        Ok(())
    }
}
