use std::cmp::Ordering;
use std::sync::Arc;

/// A plain value: what principals know of themselves, what a call adds, and what policies compare with.
///
/// Cloning copies no text. Numbers are equal by value, whichever way they are stored, and an integer is never rounded
/// to be compared.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Value {
    /// Nothing. A field that holds it is absent.
    #[default]
    Nil,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A double.
    Number(f64),
    /// Text.
    String(Arc<str>),
    /// Values in order.
    List(List),
    /// Values by name.
    Map(Map),
}

/// Values in order, not nested deeper than [`Value::MAX_DEPTH`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List(Option<Arc<Nested<Value>>>);

/// Values by name, not nested deeper than [`Value::MAX_DEPTH`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map(Option<Arc<Nested<Pair>>>);

type Pair = (Arc<str>, Value);

// INVARIANT: never empty, and `depth` and `count` are within the limits unless the items are texts alone. So comparing
// and dropping values ends soon and needs little stack, whatever a script has built.
#[derive(Debug)]
struct Nested<T> {
    items: Box<[T]>,
    depth: usize,
    count: usize,
}

/// Why values cannot be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Lists in maps in lists, too many times.
    #[error("nested more than {} levels deep", Value::MAX_DEPTH)]
    TooDeep,
    /// Too many values, those inside of others counted each time they occur.
    #[error("more than {} values", Value::MAX_COUNT)]
    TooMany,
}

impl Value {
    /// How deep lists and maps may be nested.
    pub const MAX_DEPTH: usize = 64;

    /// How many values a list or map may hold, with all below it.
    pub const MAX_COUNT: usize = 65_536;

    /// A list.
    ///
    /// # Errors
    /// Too deep, or too large.
    pub fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Result<Self, ValueError> {
        List::new(items).map(Self::List)
    }

    /// A map; see [`Map::new`].
    ///
    /// # Errors
    /// Too deep, or too large.
    pub fn map<K: Into<Arc<str>>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, ValueError> {
        Map::new(pairs).map(Self::Map)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(list) => Some(list.items()),
            _ => None,
        }
    }

    /// The map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// Whether it is a number, whichever way it is stored.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Integer(_) | Self::Number(_))
    }

    /// The type with its article, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) | Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// The order of two numbers, or of two strings by their bytes; `None` for all else, and for what is not a number.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(b)),
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b),
            (Self::Integer(a), Self::Number(b)) => order_mixed(*a, *b),
            (Self::Number(a), Self::Integer(b)) => order_mixed(*b, *a).map(Ordering::reverse),
            (Self::String(a), Self::String(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    fn weight(&self) -> (usize, usize) {
        match self {
            Self::List(List(Some(list))) => (list.depth, list.count),
            Self::Map(Map(Some(map))) => (map.depth, map.count),
            _ => (0, 0),
        }
    }
}

/// Exact where a conversion would round: ids beyond 2^53 must not meet their neighbours.
fn order_mixed(integer: i64, number: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if number.is_nan() {
        None
    } else if number >= LIMIT {
        Some(Ordering::Less)
    } else if number < -LIMIT {
        Some(Ordering::Greater)
    } else {
        let whole = number.trunc();
        let fraction = whole.partial_cmp(&number)?;
        Some(integer.cmp(&(whole as i64)).then(fraction))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }
}

impl<T: PartialEq> PartialEq for Nested<T> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.depth == other.depth && self.items == other.items
    }
}

impl<T> Nested<T> {
    fn new(items: Vec<T>, value: impl Fn(&T) -> &Value) -> Result<Option<Arc<Self>>, ValueError> {
        let (mut depth, mut count) = (0, items.len());
        for item in &items {
            let (below, inside) = value(item).weight();
            depth = depth.max(below);
            count = count.saturating_add(inside);
        }
        if depth >= Value::MAX_DEPTH {
            return Err(ValueError::TooDeep);
        }
        if count > Value::MAX_COUNT {
            return Err(ValueError::TooMany);
        }
        Ok((!items.is_empty()).then(|| Arc::new(Self { items: items.into(), depth: depth + 1, count })))
    }
}

impl List {
    /// A list of these.
    ///
    /// # Errors
    /// Too deep, or too large.
    pub fn new<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Result<Self, ValueError> {
        let items = items.into_iter().map(Into::into).collect();
        Nested::new(items, |item| item).map(Self)
    }

    /// The values.
    pub fn items(&self) -> &[Value] {
        self.0.as_ref().map_or(&[], |list| &list.items)
    }
}

impl Map {
    /// The map of nothing.
    pub const EMPTY: Self = Self(None);

    /// A map of these. The last of pairs with one name counts, and a name with nil is left out.
    ///
    /// # Errors
    /// Too deep, or too large.
    pub fn new<K: Into<Arc<str>>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, ValueError> {
        Nested::new(sorted(pairs), |(_, value)| value).map(Self)
    }

    /// A map of texts, which is never too deep.
    pub fn texts<K: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let items = sorted(pairs.into_iter().map(|(name, text)| (name, Value::String(text.into()))));
        let count = items.len();
        Self((count > 0).then(|| Arc::new(Nested { items: items.into(), depth: 1, count })))
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let pairs = self.pairs();
        let at = pairs.binary_search_by(|(other, _)| (**other).cmp(name)).ok()?;
        Some(&pairs[at].1)
    }

    /// All pairs, by name.
    pub fn pairs(&self) -> &[(Arc<str>, Value)] {
        self.0.as_ref().map_or(&[], |map| &map.items)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

fn sorted<K: Into<Arc<str>>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    pairs.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
    pairs.retain(|(_, value)| !value.is_nil());
    pairs
}

macro_rules! from {
    ($($from:ty => $variant:ident),*) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}

from!(bool => Boolean, i32 => Integer, i64 => Integer, f64 => Number, &str => String, String => String,
    Arc<str> => String, List => List, Map => Map);

#[cfg(test)]
mod tests {
    use std::cmp::Ordering::{self, Equal, Greater, Less};

    use super::{Map, Value, ValueError};

    fn check(a: impl Into<Value>, b: impl Into<Value>, expected: Option<Ordering>) {
        let (a, b) = (a.into(), b.into());
        assert_eq!(a.order(&b), expected, "{a:?} and {b:?}");
        assert_eq!(b.order(&a), expected.map(Ordering::reverse), "{b:?} and {a:?}");
        assert_eq!(a == b, expected == Some(Equal), "{a:?} and {b:?}");
    }

    #[test]
    fn numbers_compare_by_exact_value() {
        const BIG: i64 = (1 << 53) + 1;
        check(1, 1.0, Some(Equal));
        check(-1, -1.5, Some(Greater));
        check(1, 1.5, Some(Less));
        check(BIG, BIG as f64, Some(Greater));
        check(i64::MAX, i64::MAX as f64, Some(Less));
        check(i64::MIN, i64::MIN as f64, Some(Equal));
        check(i64::MIN, -1e300, Some(Greater));
        check(i64::MAX, f64::INFINITY, Some(Less));
        check(0, -0.0, Some(Equal));
        check(0, f64::NAN, None);
        check(f64::NAN, f64::NAN, None);
    }

    #[test]
    fn strings_compare_by_bytes_and_types_do_not_mix() {
        check("a", "b", Some(Less));
        check("Z", "a", Some(Less));
        check("1", 1, None);
        check(true, "true", None);
        assert_eq!(Value::from(true), Value::from(true));
        assert_eq!(Value::list([1, 2]), Value::list([1.0, 2.0]));
        assert_ne!(Value::list([1, 2]), Value::list([2, 1]));
        assert_ne!(Value::list([0; 0]).unwrap(), Value::from(Map::default()));
    }

    #[test]
    fn maps_keep_the_last_of_a_name_and_drop_nil() {
        let pairs = [("b", Value::from(1)), ("a", Value::from(2)), ("b", Value::from(3)), ("c", Value::Nil)];
        let map = Map::new(pairs).unwrap();
        assert_eq!(map.get("b"), Some(&Value::from(3)));
        assert_eq!((map.get("c"), map.get(""), map.pairs().len()), (None, None, 2));
        assert_eq!(Map::new([("a", Value::from(1)), ("a", Value::Nil)]), Ok(Map::default()));
        assert_eq!(Map::texts([("x", "y")]), Map::new([("x", "y")]).unwrap());
    }

    #[test]
    fn nesting_and_size_are_bounded() {
        let mut deep = Value::list([1]).unwrap();
        for _ in 1..Value::MAX_DEPTH {
            deep = Value::map([("x", deep)]).unwrap();
        }
        assert_eq!(deep.clone(), deep);
        assert_eq!(Value::list([deep]), Err(ValueError::TooDeep));

        // Shared parts count each time: what is compared is the tree.
        let mut wide = Value::list([1, 2]).unwrap();
        let error = loop {
            match Value::list([wide.clone(), wide]) {
                Ok(wider) => wide = wider,
                Err(error) => break error,
            }
        };
        assert_eq!(error, ValueError::TooMany);
        assert_eq!(error.to_string(), "more than 65536 values");
    }
}
