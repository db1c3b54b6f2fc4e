use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::failure::Failure;

/// A value on its way from one actor to another, owned by nobody's Lua state.
///
/// A table that occurs again (shared, or inside itself) is written once, at its first place, and as
/// [`Value::Same`] afterwards; the number counts tables in the order in which a reader going depth first, array part
/// before pairs, key before value, meets them. Values without repeated tables are therefore plain trees.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    #[default]
    Nil,
    /// True or false.
    Boolean(bool),
    /// A double.
    Number(f64),
    /// An integer; a script whose numbers are doubles sees the nearest one.
    Integer(i64),
    /// Any bytes.
    String(Arc<[u8]>),
    /// Mutable bytes in Lua, copied like everything else.
    Buffer(Box<[u8]>),
    /// Three floats.
    Vector([f32; 3]),
    /// A table with everything below it.
    Table(Box<Table>),
    /// The table met as number n.
    Same(u32),
    /// A structured error.
    Error(Arc<Failure>),
    /// A host object that may be copied, in the form its module gives it.
    Tagged(Box<Tagged>),
    /// A value that need not travel, because its receiver is on the same worker and understands it. Only for whoever
    /// [`Context::shares_local`](crate::Context::shares_local) says so of.
    Local(Local),
}

/// What only the actors of one worker make sense of. Equal to nothing but itself.
#[derive(Clone)]
pub struct Local(Arc<dyn Any + Send + Sync>);

impl Local {
    /// Wraps what those actors agree on.
    pub fn new<T: Any + Send + Sync>(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// What was wrapped, if it is a `T`.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }

    /// Whether nobody else has this value.
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Local")
    }
}

impl PartialEq for Local {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Array part and remaining pairs of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Values at 1, 2, 3 …; holes are nil.
    pub array: Vec<Value>,
    /// Everything else, in no order that means anything.
    pub pairs: Vec<(Value, Value)>,
}

/// A host object as plain data: the module that made it knows how to make it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagged {
    /// Which kind of object, for example `time.Time`.
    pub tag: &'static str,
    /// What it takes to make it again.
    pub data: Value,
}

impl Value {
    /// The bytes of a string.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::String(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text of a string that is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The number, whichever way it is stored.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Number(n) => Some(n),
            Self::Integer(n) => Some(n as f64),
            _ => None,
        }
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.as_bytes().into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(array: Vec<Value>) -> Self {
        Self::Table(Box::new(Table { array, pairs: Vec::new() }))
    }
}

impl FromIterator<(Value, Value)> for Value {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(pairs: I) -> Self {
        Self::Table(Box::new(Table { array: Vec::new(), pairs: pairs.into_iter().collect() }))
    }
}
