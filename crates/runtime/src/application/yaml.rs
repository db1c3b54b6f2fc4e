use std::collections::HashSet;
use std::sync::Arc;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, ScanError, YamlData};

use super::value::{ConfigData, ConfigValue, Located, Position};
use super::yaml_weight::Weight;

/// How deep lists and maps may be nested.
const DEPTH: usize = 100;
/// The widest run of indentation and block indicators at the start of a line.
const INDENT: usize = 256;
/// What one file may grow to when its aliases are expanded, in bytes.
const EXPANDED: u64 = 64 << 20;

/// Why a text is no usable YAML document.
#[derive(Debug)]
pub(crate) struct YamlError {
    pub(crate) message: String,
    pub(crate) position: Position,
}

impl YamlError {
    fn new(position: Position, message: impl Into<String>) -> Self {
        YamlError { message: message.into(), position }
    }
}

impl From<ScanError> for YamlError {
    fn from(error: ScanError) -> Self {
        YamlError::new(position(*error.marker()), error.info())
    }
}

/// Reads one document; `None` when the text holds no value at all.
pub(crate) fn parse(text: &str) -> Result<Option<ConfigValue>, YamlError> {
    // INVARIANT: both checks come before the real parse. The parser recurses
    // once per level, and copies whole subtrees for each alias.
    check_indent(text)?;
    check_nul(text)?;
    let weight: u64 = Weight::load_from_str(text)?.iter().map(Weight::total).sum();
    if weight > EXPANDED {
        let message = "aliases expand to more than 64 MiB";
        return Err(YamlError::new(Position::START, message));
    }

    let documents = MarkedYaml::load_from_str(text)?;
    if let Some(second) = documents.get(1) {
        let message = "a second document begins here; a file holds one";
        return Err(YamlError::new(position(second.span.start), message));
    }
    match documents.first() {
        None => Ok(None),
        Some(document) => {
            let value = convert(document, Position::START, 0)?;
            Ok((value.data != ConfigData::Null).then_some(value))
        }
    }
}

/// Flow collections stop at 255 levels in the parser itself; every level of a
/// block needs a wider indent or an indicator of its own.
fn check_indent(text: &str) -> Result<(), YamlError> {
    let normal = text.replace("\r\n", "\n");
    for (index, line) in normal.split(['\n', '\r']).enumerate() {
        let mut chars = line.chars().peekable();
        let mut width = 0;
        while let Some(c) = chars.next() {
            let blank_follows = matches!(chars.peek(), None | Some(' ' | '\t'));
            match c {
                ' ' | '\t' => width += 1,
                '-' | '?' | ':' if blank_follows => width += 1,
                _ => break,
            }
            if width > INDENT && chars.peek().is_some_and(|c| !c.is_whitespace()) {
                let position = Position { line: number(index).saturating_add(1), column: number(width) };
                return Err(YamlError::new(position, "line is indented too deeply"));
            }
        }
    }
    Ok(())
}

/// The parser takes a NUL for the end of the text and would drop the rest.
fn check_nul(text: &str) -> Result<(), YamlError> {
    let Some((before, _)) = text.split_once('\0') else {
        return Ok(());
    };
    let line = before.rsplit('\n').next().unwrap_or_default();
    let position = Position {
        line: number(before.matches('\n').count()).saturating_add(1),
        column: number(line.chars().count()).saturating_add(1),
    };
    Err(YamlError::new(position, "NUL character"))
}

/// `key` is the place of the key before an absent value, which has none.
fn convert(node: &MarkedYaml, key: Position, depth: usize) -> Result<ConfigValue, YamlError> {
    let mut position = position(node.span.start);
    if depth > DEPTH {
        let message = format!("nested more than {DEPTH} levels deep");
        return Err(YamlError::new(position, message));
    }
    let data = match &node.data {
        YamlData::Value(scalar) => match scalar {
            Scalar::Null => {
                if node.span.start == node.span.end {
                    position = key;
                }
                ConfigData::Null
            }
            Scalar::Boolean(value) => ConfigData::Bool(*value),
            Scalar::Integer(value) => ConfigData::Integer(*value),
            Scalar::FloatingPoint(value) => ConfigData::Float(**value),
            Scalar::String(text) => ConfigData::String(Arc::from(&**text)),
        },
        YamlData::Sequence(items) => {
            ConfigData::List(items.iter().map(|item| convert(item, position, depth + 1)).collect::<Result<_, _>>()?)
        }
        YamlData::Mapping(pairs) => {
            let mut map = Vec::with_capacity(pairs.len());
            for (key, value) in pairs {
                let key = convert_key(key)?;
                let value = convert(value, key.position, depth + 1)?;
                map.push((key, value));
            }
            ConfigData::Map(merge(map)?)
        }
        YamlData::Tagged(_, inner) => return convert(inner, key, depth + 1),
        YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
            let message = if depth == 0 && node.span.start == node.span.end {
                // How the parser shows a document of comments.
                return Ok(ConfigValue { position, data: ConfigData::Null });
            } else {
                "value does not fit its tag, or an alias refers to what contains it"
            };
            return Err(YamlError::new(position, message));
        }
    };
    Ok(ConfigValue { position, data })
}

fn convert_key(node: &MarkedYaml) -> Result<Located, YamlError> {
    let position = position(node.span.start);
    let text: Arc<str> = match &node.data {
        YamlData::Value(Scalar::String(text)) => Arc::from(&**text),
        YamlData::Value(Scalar::Integer(value)) => value.to_string().into(),
        YamlData::Value(Scalar::FloatingPoint(value)) => value.to_string().into(),
        YamlData::Value(Scalar::Boolean(value)) => value.to_string().into(),
        _ => return Err(YamlError::new(position, "a key must be a string")),
    };
    Ok(Located { text, position })
}

/// Adds what `<<` refers to; keys written in the map itself win, then earlier
/// maps of a list.
fn merge(map: Vec<(Located, ConfigValue)>) -> Result<Vec<(Located, ConfigValue)>, YamlError> {
    let mut merged = Vec::new();
    let mut own = Vec::with_capacity(map.len());
    let mut seen = HashSet::new();
    for (key, value) in map {
        if &*key.text == "<<" {
            match value.data {
                ConfigData::List(items) => merged.extend(items),
                _ => merged.push(value),
            }
        } else if seen.insert(key.text.clone()) {
            own.push((key, value));
        } else {
            let message = format!("key `{}` is there twice", key.text);
            return Err(YamlError::new(key.position, message));
        }
    }
    for source in merged {
        let ConfigData::Map(pairs) = source.data else {
            let message = "`<<` takes a map or a list of maps";
            return Err(YamlError::new(source.position, message));
        };
        own.extend(pairs.into_iter().filter(|(key, _)| seen.insert(key.text.clone())));
    }
    Ok(own)
}

fn position(marker: saphyr::Marker) -> Position {
    Position { line: number(marker.line()).max(1), column: number(marker.col()).saturating_add(1) }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Reads a document whose positions matter to nobody but its message.
pub(crate) fn parse_text(text: &str) -> Result<Option<ConfigValue>, String> {
    parse(text).map_err(|error| format!("line {}: {}", error.position.line, error.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(value: &ConfigValue) -> String {
        let Position { line, column } = value.position;
        let data = match &value.data {
            ConfigData::Null => "null".to_owned(),
            ConfigData::Bool(value) => value.to_string(),
            ConfigData::Integer(value) => value.to_string(),
            ConfigData::Float(value) => format!("{value:?}"),
            ConfigData::String(text) => format!("{text:?}"),
            ConfigData::List(items) => {
                format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", "))
            }
            ConfigData::Map(pairs) => {
                let pair = |(key, value): &(Located, ConfigValue)| {
                    let Position { line, column } = key.position;
                    format!("{}@{line}:{column}={}", key.text, show(value))
                };
                format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
        };
        format!("{data}@{line}:{column}")
    }

    fn check(text: &str, expected: &str) {
        let shown = match parse(text) {
            Ok(Some(value)) => show(&value),
            Ok(None) => "nothing".to_owned(),
            Err(error) => {
                let Position { line, column } = error.position;
                format!("{} at {line}:{column}", error.message)
            }
        };
        let shown = shown.chars().take(200).collect::<String>();
        assert_eq!(shown, expected, "{:?}", text.chars().take(80).collect::<String>());
    }

    #[test]
    fn every_value_knows_its_place() {
        check(
            "a: 1\nb:\n  - name: x\n    ok: true\n  - 1.5\nc: 'ä'\n",
            "{a@1:1=1@1:4, b@2:1=[{name@3:5=\"x\"@3:11, ok@4:5=true@4:9}@3:5, 1.5@5:5]@3:3, c@6:1=\"ä\"@6:4}@1:1",
        );
        check("äö: {x: \t1}\r\nb: ~\r\nc:\r\n", "{äö@1:1={x@1:6=1@1:10}@1:5, b@2:1=null@2:4, c@3:1=null@3:1}@1:1");
        check("? [1]\n: 2", "a key must be a string at 1:3");
        check("1: a\ntrue: b\n", "{1@1:1=\"a\"@1:4, true@2:1=\"b\"@2:7}@1:1");
        check("!custom {a: !!str 1}", "{a@1:10=\"1\"@1:13}@1:1");
    }

    #[test]
    fn texts_without_a_value_are_nothing() {
        for text in ["", "\n\n", "# only a comment\n", "---\n", "---\n# x\n", "~"] {
            check(text, "nothing");
        }
    }

    #[test]
    fn anchors_and_merge_keys_are_expanded() {
        check(
            "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\nc: {<<: [{m: 4}, *x]}\n",
            "{a@1:1={k@1:8=1@1:11, l@1:14=2@1:17}@1:4, b@2:1={k@2:13=3@2:16, l@1:14=2@1:17}@2:4, c@3:1={m@3:11=4@3:14, k@1:8=1@1:11, l@1:14=2@1:17}@3:4}@1:1",
        );
        check("a: {<<: 1}", "`<<` takes a map or a list of maps at 1:9");
    }

    #[test]
    fn broken_documents_are_refused_with_their_place() {
        check("a: 1\na: 2\n", "duplicated key in mapping at 2:1");
        check("1: a\n'1': b\n", "key `1` is there twice at 2:1");
        check("a: 1\n---\nb: 2\n", "a second document begins here; a file holds one at 3:1");
        check("a: !!int x\n", "value does not fit its tag, or an alias refers to what contains it at 1:4");
        check("a: &a [*a]\n", "value does not fit its tag, or an alias refers to what contains it at 1:8");
        check("a: 1\nb: \0\nc: 2", "NUL character at 2:4");
        check("a: *nope\n", "while parsing node, found unknown anchor at 1:4");
        check("a: [1\nb: 2\n", "illegal placement of ':' indicator at 2:2");
    }

    #[test]
    fn growth_by_aliases_is_limited() {
        let mut lists = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..20 {
            let inner = format!("*a{}", level - 1);
            lists += &format!("a{level}: &a{level} [{}]\n", [inner.as_str(); 10].join(", "));
        }
        check(&lists, "aliases expand to more than 64 MiB at 1:1");

        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), ["*a"; 5000].join(", "));
        check(&long, "aliases expand to more than 64 MiB at 1:1");

        let mut keys = "- &a0 x\n".to_owned();
        for level in 1..40 {
            let inner = level - 1;
            keys += &format!("- &a{level} {{? [*a{inner}] : 1, ? [*a{inner}, 1] : 2}}\n");
        }
        check(&keys, "aliases expand to more than 64 MiB at 1:1");
    }

    #[test]
    fn deep_nesting_is_refused_without_exhausting_the_stack() {
        check(&"- ".repeat(500_000), "line is indented too deeply at 1:258");
        check(&format!("{}x", "- ".repeat(500_000)), "line is indented too deeply at 1:258");
        check(&format!("{}x", "? ".repeat(500_000)), "line is indented too deeply at 1:258");
        check(&"[".repeat(500_000), "recursion limit exceeded at 1:256");
        check(&"{a: ".repeat(500_000), "recursion limit exceeded at 1:1021");
        let open = "- ".repeat(127) + &"[".repeat(255) + "x" + &"]".repeat(255);
        check(&open, "nested more than 100 levels deep at 1:203");
        let block: String = (0..250).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        check(&block, "nested more than 100 levels deep at 102:102");
        let indentless: String = (0..120).map(|depth| format!("{0}- a:\n", "  ".repeat(depth))).collect();
        check(&indentless, "nested more than 100 levels deep at 51:103");
    }
}
