use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Who is started again along with a child that failed. [`GroupRestart`](crate::GroupRestart) carries it out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartStrategy {
    /// Nobody.
    #[default]
    OneForOne,
    /// All others.
    OneForAll,
    /// Those that come after it in the order of children.
    RestForOne,
}

impl RestartStrategy {
    /// The places of those concerned when the child at `failed`, one of `count`, has failed. Empty if there is no
    /// such child.
    pub fn affected(self, failed: usize, count: usize) -> Range<usize> {
        if failed >= count {
            return 0..0;
        }
        match self {
            Self::OneForOne => failed..failed + 1,
            Self::OneForAll => 0..count,
            Self::RestForOne => failed..count,
        }
    }
}
