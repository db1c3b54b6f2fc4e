//! Values from bytes, for fuzzing: shaped like a policy more often than chance would have it.

use perilune_policy::Value;

const WORDS: [&str; 48] = [
    "policy",
    "groups",
    "actions",
    "resources",
    "effect",
    "conditions",
    "expression",
    "field",
    "operator",
    "value",
    "value_from",
    "allow",
    "deny",
    "*",
    "process.*",
    "app:*",
    "read",
    "a*b",
    "actor.id",
    "actor.meta.x",
    "actor.meta",
    "action",
    "resource",
    "meta.pid",
    "meta.a.b",
    "meta.",
    "eq",
    "ne",
    "lt",
    "lte",
    "gt",
    "gte",
    "in",
    "nin",
    "exists",
    "nexists",
    "contains",
    "ncontains",
    "matches",
    "nmatches",
    "(a+)+$",
    "(",
    r"\w{9}{9}",
    "actor.meta.x in ['a'] && !(meta.pid == 1)",
    "resource matches action",
    "((((",
    "",
    "ö",
];

/// The deepest a document gets.
const DEPTH: usize = 12;

/// The document that bytes stand for. Any bytes stand for one.
///
/// ```
/// use perilune_policy_testkit::document;
///
/// assert!(document(&[]).is_nil());
/// assert!(document(b"any bytes").as_map().is_some());
/// ```
pub fn document(bytes: &[u8]) -> Value {
    value(&mut bytes.iter().copied(), DEPTH)
}

fn value(bytes: &mut impl Iterator<Item = u8>, depth: usize) -> Value {
    let Some(first) = bytes.next() else { return Value::Nil };
    let size = usize::from(first >> 4);
    match first & 15 {
        0..=3 if depth > 0 => {
            let pairs = (0..size).map(|_| (word(bytes), value(bytes, depth - 1))).collect::<Vec<_>>();
            Value::map(pairs).unwrap_or_default()
        }
        4..=6 if depth > 0 => {
            let items = (0..size).map(|_| value(bytes, depth - 1)).collect::<Vec<_>>();
            Value::list(items).unwrap_or_default()
        }
        7 => Value::Nil,
        8 => (size % 2 == 0).into(),
        9 => i64::try_from(size).unwrap_or_default().into(),
        10 => f64::from_bits(u64::from_le_bytes(std::array::from_fn(|_| bytes.next().unwrap_or_default()))).into(),
        11 => {
            let text: Vec<u8> = bytes.by_ref().take(size * 4).collect();
            String::from_utf8_lossy(&text).into_owned().into()
        }
        _ => word(bytes).into(),
    }
}

fn word(bytes: &mut impl Iterator<Item = u8>) -> &'static str {
    WORDS[usize::from(bytes.next().unwrap_or_default()) % WORDS.len()]
}
