use std::fmt;

use crate::error::ExecError;

/// A signal of the operating system, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OsSignal(i32);

impl OsSignal {
    /// The terminal has gone; many programs read their settings again.
    pub const HUP: Self = Self(1);
    /// What Ctrl-C sends.
    pub const INT: Self = Self(2);
    /// The end, and nobody can object.
    pub const KILL: Self = Self(9);
    /// The polite request to end.
    pub const TERM: Self = Self(15);

    /// The signal of that number, from 1 to 64.
    pub fn new(number: i64) -> Result<Self, ExecError> {
        match i32::try_from(number) {
            Ok(number @ 1..=64) => Ok(Self(number)),
            _ => Err(ExecError::Invalid(format!("signal must be from 1 to 64, not {number}"))),
        }
    }

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for OsSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signal {}", self.0)
    }
}
