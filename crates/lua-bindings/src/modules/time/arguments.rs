use super::span;
use crate::time::Span;
use crate::vm::{Object, Raise, Stack, raise};

/// What a script passed to a function. Numbered from 1; the object that a method is called on is none of them.
pub(super) struct Arguments {
    stack: Stack,
    function: &'static str,
    /// How many places before the first argument.
    before: i32,
}

impl Arguments {
    pub(super) fn of_function(stack: Stack, function: &'static str) -> Self {
        Self { stack, function, before: 0 }
    }

    pub(super) fn of_method(stack: Stack, function: &'static str) -> Self {
        Self { stack, function, before: 1 }
    }

    pub(super) fn is_missing(&self, number: i32) -> bool {
        self.stack.is_nothing(self.before + number)
    }

    /// A number, whose fraction is cut.
    pub(super) fn integer(&self, number: i32) -> Result<i64, Raise> {
        // The first double beyond the integers; their last one is no double.
        const LIMIT: f64 = (1u64 << 63) as f64;
        let Some(value) = self.stack.number(self.before + number) else { return self.wrong(number, "number") };
        if (-LIMIT..LIMIT).contains(&value) { Ok(value as i64) } else { self.bad(number, "out of range") }
    }

    pub(super) fn bytes<'a>(&self, number: i32) -> Result<&'a [u8], Raise> {
        self.stack.bytes(self.before + number).map_or_else(|| self.wrong(number, "string"), Ok)
    }

    pub(super) fn text<'a>(&self, number: i32) -> Result<&'a str, Raise> {
        std::str::from_utf8(self.bytes(number)?).or_else(|_| self.bad(number, "text is not UTF-8"))
    }

    pub(super) fn object<'a, T: Object>(&self, number: i32) -> Result<&'a T, Raise> {
        self.stack.object(self.before + number).map_or_else(|| self.wrong(number, T::NAME), Ok)
    }

    /// Whatever counts as a duration.
    pub(super) fn span(&self, number: i32) -> Result<Span, Raise> {
        Ok(span::want(self.stack, self.before + number)?)
    }

    fn wrong<T>(&self, number: i32, expected: &str) -> Result<T, Raise> {
        self.bad(number, &format!("{expected} expected, got {}", self.stack.type_name(self.before + number)))
    }

    pub(super) fn bad<T>(&self, number: i32, problem: &str) -> Result<T, Raise> {
        raise(format!("bad argument #{number} to '{}' ({problem})", self.function))
    }
}
