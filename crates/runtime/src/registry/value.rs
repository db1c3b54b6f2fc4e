//! Entries as scripts give and get them.

use std::path::PathBuf;
use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure, Table, Value};
use perilune_lua_bindings::EntryValue;

use crate::application::{
    ConfigData, ConfigValue, Definition, Entry, EntryId, Located, Origin, Position, is_known_kind,
};

/// How deep lists and maps may be nested, as in files.
const DEPTH: usize = 100;
/// What an entry may grow to when tables that occur several times are written out, in bytes, and what a value counts.
const MOST_BYTES: usize = 32 << 20;
const VALUE_BYTES: usize = 256;
/// The largest script, as in files.
const SOURCE_LIMIT: usize = 16 << 20;
/// The longest id.
const ID_LIMIT: usize = 1024;

pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Invalid, message)
}

// --- to scripts

pub(crate) fn show_entry(entry: &Entry) -> EntryValue {
    EntryValue { id: entry.id.to_string(), kind: entry.kind.clone(), meta: show(&entry.meta), data: show(&entry.data) }
}

/// A configuration value as a script sees it.
pub(crate) fn show(value: &ConfigValue) -> Value {
    match &value.data {
        ConfigData::Null => Value::Nil,
        ConfigData::Bool(value) => Value::Boolean(*value),
        ConfigData::Integer(value) => Value::Integer(*value),
        ConfigData::Float(value) => Value::Number(*value),
        ConfigData::String(text) => Value::String(Arc::clone(text).into()),
        ConfigData::List(items) => items.iter().map(show).collect::<Vec<_>>().into(),
        ConfigData::Map(pairs) => {
            let pairs = pairs.iter().filter(|(_, value)| value.data != ConfigData::Null);
            pairs.map(|(key, value)| (Value::String(Arc::clone(&key.text).into()), show(value))).collect()
        }
    }
}

// --- from scripts

/// Reads an entry and what its kind asks for.
///
/// # Errors
/// `Invalid`, naming entry and key.
pub(crate) fn read_entry(value: &EntryValue) -> Result<Entry, Failure> {
    let id = read_id(&value.id)?;
    let fail = |problem: String| invalid(format!("entry `{id}` {problem}"));
    if value.kind.is_empty() {
        return Err(fail("needs a non-empty string as `kind`".into()));
    }
    let meta = read("meta", &value.meta).map_err(fail)?;
    let data = read("data", &value.data).map_err(fail)?;
    if !matches!(meta.data, ConfigData::Map(_)) {
        return Err(fail(format!("needs a map as `meta`, not {}", meta.type_name())));
    }
    let is_map = matches!(data.data, ConfigData::Map(_));
    if !is_map && is_known_kind(&value.kind) {
        return Err(fail(format!("needs a map as `data`, not {}", data.type_name())));
    }
    let definition = match is_map {
        true => Definition::parse(&id, &value.kind, &data),
        false => Ok(Definition::Other),
    };
    let definition = definition.map_err(|errors| {
        let problems: Vec<_> = errors.into_iter().map(|error| error.within("data").to_string()).collect();
        fail(problems.join("; "))
    })?;
    if let Some(code) = definition.code() {
        if code.source.starts_with("file://") {
            return Err(fail(
                "needs the script itself as `data.source`; files are read when an application is loaded".into(),
            ));
        }
        if code.source.len() > SOURCE_LIMIT {
            return Err(fail(format!("has more than {} MiB as `data.source`", SOURCE_LIMIT >> 20)));
        }
    }
    let entry = Entry {
        id: id.clone(),
        kind: value.kind.clone(),
        meta,
        data,
        definition,
        origin: Origin { file: PathBuf::from(id.as_str()), line: 1 },
        source_path: None,
        all_modules: false,
        runs_as_main_chunk: false,
    };
    entry.command().map_err(|error| fail(error.to_string()))?;
    Ok(entry)
}

/// Reads the id of an entry.
///
/// # Errors
/// `Invalid` for one without namespace or name.
pub(crate) fn read_id(text: &str) -> Result<EntryId, Failure> {
    let id = EntryId::parse(text);
    if id.namespace().is_empty() || id.name().is_empty() {
        return Err(invalid(format!("`id` must be of the form namespace:name, not `{}`", shortened(text))));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(format!("`id` must have no control characters: {:?}", shortened(text))));
    }
    if text.len() > ID_LIMIT {
        return Err(invalid(format!("`id` must be no longer than {ID_LIMIT} bytes: `{}`", shortened(text))));
    }
    Ok(id)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Reads a configuration value; `key` is where it is. Maps are in order of their keys.
pub(crate) fn read(key: &str, value: &Value) -> Result<ConfigValue, String> {
    let mut reader = Reader { tables: Vec::new(), open: Vec::new(), left: MOST_BYTES };
    let data = reader.value(value, &Path { key, outer: None }, true)?;
    Ok(ConfigValue { position: Position::SCRIPT, data })
}

struct Reader<'a> {
    /// All tables by their number.
    tables: Vec<&'a Table>,
    /// The numbers of those that are being read.
    open: Vec<usize>,
    left: usize,
}

/// Where a value is, for messages.
struct Path<'a> {
    key: &'a str,
    outer: Option<&'a Path<'a>>,
}

impl Path<'_> {
    fn text(&self) -> String {
        match self.outer {
            Some(outer) => format!("{}.{}", outer.text(), self.key),
            None => self.key.to_owned(),
        }
    }
}

impl<'a> Reader<'a> {
    /// `first` says whether tables are met for the first time, and so get numbers.
    fn value(&mut self, value: &'a Value, path: &Path<'_>, first: bool) -> Result<ConfigData, String> {
        self.charge(VALUE_BYTES + value.as_bytes().map_or(0, <[u8]>::len))?;
        Ok(match value {
            Value::Nil => ConfigData::Null,
            Value::Boolean(value) => ConfigData::Bool(*value),
            Value::Integer(value) => ConfigData::Integer(*value),
            Value::Number(value) => number(*value),
            Value::String(_) => ConfigData::String(text(value).ok_or_else(|| not_text(path))?),
            Value::Table(table) if first => {
                self.tables.push(table);
                self.table(table, self.tables.len() - 1, path, true)?
            }
            // What is inside was looked at the first time, so nothing in it leads back to a table being read.
            Value::Table(table) => self.table(table, usize::MAX, path, false)?,
            Value::Same(number) => {
                let number = *number as usize;
                if self.open.contains(&number) {
                    return Err(format!("holds a table that contains itself: `{}`", path.text()));
                }
                match self.tables.get(number).copied() {
                    Some(table) => self.table(table, number, path, false)?,
                    None => ConfigData::Null,
                }
            }
            _ => {
                return Err(format!(
                    "cannot hold what is in `{}`: only text, numbers, booleans and tables",
                    path.text()
                ));
            }
        })
    }

    fn charge(&mut self, bytes: usize) -> Result<(), String> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or_else(|| format!("is larger than {} MiB", MOST_BYTES >> 20))?;
        Ok(())
    }

    fn table(&mut self, table: &'a Table, number: usize, path: &Path<'_>, first: bool) -> Result<ConfigData, String> {
        if self.open.len() >= DEPTH {
            return Err(format!("is nested more than {DEPTH} levels deep"));
        }
        self.open.push(number);
        let data = match (table.array.is_empty(), table.pairs.is_empty()) {
            (false, true) => self.list(table, path, first),
            (true, _) => self.map(table, path, first),
            (false, false) => Err(format!("holds a table with both places and names: `{}`", path.text())),
        };
        self.open.pop();
        data
    }

    fn list(&mut self, table: &'a Table, path: &Path<'_>, first: bool) -> Result<ConfigData, String> {
        let mut items = Vec::with_capacity(table.array.len());
        for (item, place) in table.array.iter().zip(1u32..) {
            let place = place.to_string();
            let data = self.value(item, &Path { key: &place, outer: Some(path) }, first)?;
            items.push(ConfigValue { position: Position::SCRIPT, data });
        }
        Ok(ConfigData::List(items))
    }

    fn map(&mut self, table: &'a Table, path: &Path<'_>, first: bool) -> Result<ConfigData, String> {
        let mut pairs = Vec::with_capacity(table.pairs.len());
        for (key, value) in &table.pairs {
            let Some(key) = text(key) else {
                return Err(format!("holds a table whose keys are neither text nor 1, 2, 3 …: `{}`", path.text()));
            };
            self.charge(key.len())?;
            let data = self.value(value, &Path { key: &key, outer: Some(path) }, first)?;
            let position = Position::SCRIPT;
            pairs.push((Located { text: key, position }, ConfigValue { position, data }));
        }
        // A script's table has no order; this one makes equal entries equal.
        pairs.sort_by(|(left, _), (right, _)| left.text.cmp(&right.text));
        Ok(ConfigData::Map(pairs))
    }
}

fn text(value: &Value) -> Option<Arc<str>> {
    value.as_str().map(Arc::from)
}

fn not_text(path: &Path<'_>) -> String {
    format!("holds text that is not UTF-8: `{}`", path.text())
}

fn number(value: f64) -> ConfigData {
    const EXACT: f64 = (1u64 << 53) as f64;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        return ConfigData::Integer(value as i64);
    }
    ConfigData::Float(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(data: Value) -> EntryValue {
        let meta = Value::from_iter([]);
        EntryValue { id: "app:x".into(), kind: "thing".into(), meta, data }
    }

    fn check(data: Value, expected: &str) {
        let told =
            read_entry(&entry(data)).map_or_else(|failure| failure.message, |entry| format!("{:?}", show(&entry.data)));
        assert!(told.contains(expected), "{told}");
    }

    fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
        pairs.into_iter().map(|(key, value)| (Value::from(key), value)).collect()
    }

    #[test]
    fn values_come_back_as_they_were_given() {
        let list = Value::from(vec![Value::from("a"), Value::Integer(2), Value::Number(2.5), Value::Boolean(true)]);
        let data = map([("list", list), ("map", map([("deep", Value::from("x"))]))]);
        assert_eq!(show_entry(&read_entry(&entry(data.clone())).unwrap()), entry(data));
    }

    #[test]
    fn what_no_configuration_can_hold_is_named() {
        check(map([("a", map([("b", Value::Buffer(Box::default()))]))]), "`data.a.b`");
        check(map([("a", Value::String(b"\xff"[..].into()))]), "text that is not UTF-8: `data.a`");
        check([(Value::Number(1.5), Value::Boolean(true))].into_iter().collect(), "neither text nor");
        let mixed = Table { array: vec![Value::from("x")], pairs: vec![(Value::from("k"), Value::from("v"))] };
        check(map([("a", Value::Table(Box::new(mixed)))]), "both places and names: `data.a`");
    }

    #[test]
    fn tables_that_occur_again_are_written_out() {
        let shared = map([("x", Value::Integer(1))]);
        let data = Value::from(vec![shared.clone(), Value::Same(1), Value::from(vec![Value::Same(1)])]);
        let expected = Value::from(vec![shared.clone(), shared.clone(), Value::from(vec![shared])]);
        assert_eq!(show(&read_entry(&entry(data)).unwrap().data), expected);
    }

    #[test]
    fn tables_inside_repeated_tables_are_found_by_their_numbers() {
        // 0: {1: {2: {}}, Same(1), Same(2)}
        let inner = map([("leaf", Value::Boolean(true))]);
        let outer = Value::from(vec![inner.clone()]);
        let data = Value::from(vec![outer.clone(), Value::Same(1), Value::Same(2)]);
        assert_eq!(show(&read_entry(&entry(data)).unwrap().data), Value::from(vec![outer.clone(), outer, inner]));
    }

    #[test]
    fn cycles_depth_and_growth_are_refused() {
        check(map([("a", Value::from(vec![Value::Same(0)]))]), "contains itself: `data.a.1`");
        check(map([("a", map([("b", Value::Same(1))]))]), "contains itself: `data.a.b`");
        let deep = (0..150).fold(Value::Integer(1), |inner, _| Value::from(vec![inner]));
        check(deep, "nested more than 100 levels");
        // Each table holds the one before twice: 2^60 values when written out.
        let twice = |number: u32| Value::from(vec![Value::Same(number), Value::Same(number)]);
        let growing: Vec<_> = std::iter::once(map([("x", Value::Integer(1))])).chain((1..60).map(twice)).collect();
        check(Value::from(growing), "is larger than 32 MiB");
        let text = Value::from(&*"x".repeat(1 << 20));
        let many = std::iter::once(map([("x", text)])).chain((0..100).map(|_| Value::Same(1)));
        check(Value::from(many.collect::<Vec<_>>()), "is larger than 32 MiB");
    }

    #[test]
    fn ids_have_both_parts() {
        for (text, is_valid) in [
            ("app:x", true),
            ("a.b:c:d", true),
            ("x", false),
            (":x", false),
            ("app:", false),
            ("", false),
            (":", false),
            ("a:b\n", false),
        ] {
            assert_eq!(read_id(text).is_ok(), is_valid, "{text}");
        }
        assert!(read_id(&format!("app:{}", "x".repeat(2000))).is_err());
    }

    #[test]
    fn errors_name_entry_and_key() {
        let code = |kind: &str, data| {
            let value = EntryValue { kind: kind.into(), ..entry(data) };
            read_entry(&value).map_or_else(|failure| failure.message, |_| "read".into())
        };
        assert_eq!(code("process.lua", map([])), "entry `app:x` lacks the required key `data.source`");
        assert_eq!(
            code("process.lua", map([("source", Value::Integer(1)), ("modules", Value::from("time"))])),
            "entry `app:x` needs a string as `data.source`, not a number; needs a list as `data.modules`, not a string"
        );
        assert!(code("process.lua", map([("source", Value::from("file://x.lua"))])).contains("`data.source`"));
        assert_eq!(code("process.lua", map([("source", Value::from("")), ("modules", map([]))])), "read");
        assert_eq!(code("process.lua", Value::Integer(1)), "entry `app:x` needs a map as `data`, not a number");
        assert_eq!(code("thing", Value::Integer(1)), "read");
        let nan = code("process.host", map([("host", map([("workers", Value::Number(f64::NAN))]))]));
        assert_eq!(nan, "entry `app:x` needs a whole number from 0 as `data.host.workers`, not this number");
    }
}
