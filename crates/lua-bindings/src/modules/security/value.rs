//! Values that policies compare, from and to Lua.

use std::sync::Arc;

use perilune_actor_core::{Table, Value};
use perilune_policy::{List, Map, Value as Known};

use crate::copy;
use crate::vm::{Raise, Stack, Vm};

/// The table with string keys at `index`; nothing is an empty one.
pub(super) fn want_map(stack: Stack, index: i32, function: &str) -> Result<Map, Raise> {
    if stack.is_nothing(index) {
        return Ok(Map::EMPTY);
    }
    stack.want_kind(index, function, crate::vm::Kind::Table, "table")?;
    let value = copy::read(stack, index, Vm::current().settings.limits.max_payload_bytes)?;
    let wrong = |problem: &str| Raise::Argument(index, format!("to '{function}' ({problem})"));
    match &value {
        Value::Table(table) if table.array.is_empty() => map(table).map_err(|problem| wrong(&problem)),
        _ => Err(wrong("keys must be strings")),
    }
}

fn map(table: &Table) -> Result<Map, String> {
    let pairs = table.pairs.iter().map(|(key, value)| {
        let key: Arc<str> = key.as_str().ok_or("keys must be strings")?.into();
        Ok((key, known(value)?))
    });
    Map::new(pairs.collect::<Result<Vec<_>, String>>()?).map_err(|error| error.to_string())
}

fn known(value: &Value) -> Result<Known, String> {
    Ok(match value {
        Value::Nil => Known::Nil,
        Value::Boolean(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Number(value) => number(*value),
        Value::String(_) => value.as_str().ok_or("text is not UTF-8")?.into(),
        Value::Table(table) if table.pairs.is_empty() => {
            let items = table.array.iter().map(known).collect::<Result<Vec<_>, _>>()?;
            List::new(items).map_err(|error| error.to_string())?.into()
        }
        Value::Table(table) if table.array.is_empty() => map(table)?.into(),
        Value::Table(_) => return Err("a table has both a list and named values".into()),
        Value::Same(_) => return Err("a table occurs more than once".into()),
        _ => return Err("only plain values can be compared".into()),
    })
}

/// A whole number as one, so that it reads as people write it.
fn number(value: f64) -> Known {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT { (value as i64).into() } else { value.into() }
}

/// The same as a value that can be pushed.
pub(super) fn shown(map: &Map) -> Value {
    map.pairs().iter().map(|(key, value)| (Value::from(&**key), plain(value))).collect()
}

fn plain(value: &Known) -> Value {
    match value {
        Known::Boolean(value) => Value::Boolean(*value),
        Known::Integer(value) => Value::Integer(*value),
        Known::Number(value) => Value::Number(*value),
        Known::String(text) => Value::from(&**text),
        Known::List(list) => list.items().iter().map(plain).collect::<Vec<_>>().into(),
        Known::Map(map) => shown(map),
        _ => Value::Nil,
    }
}
