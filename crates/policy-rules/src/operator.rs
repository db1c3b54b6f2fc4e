use std::fmt;

/// How a condition compares its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operator {
    /// Equal: numbers by value, others by type and value.
    Eq,
    /// Not equal.
    Ne,
    /// Less: numbers, or strings by their bytes.
    Lt,
    /// Less or equal.
    Lte,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// An item of the list.
    In,
    /// No item of the list.
    Nin,
    /// There at all.
    Exists,
    /// Not there.
    Nexists,
    /// A list with that item, or a string with that text.
    Contains,
    /// Such a list or string without it.
    Ncontains,
    /// A string in which the regular expression is found.
    Matches,
    /// A string in which it is not.
    Nmatches,
}

impl Operator {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Eq,
        Self::Ne,
        Self::Lt,
        Self::Lte,
        Self::Gt,
        Self::Gte,
        Self::In,
        Self::Nin,
        Self::Exists,
        Self::Nexists,
        Self::Contains,
        Self::Ncontains,
        Self::Matches,
        Self::Nmatches,
    ];

    /// The fixed text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::In => "in",
            Self::Nin => "nin",
            Self::Exists => "exists",
            Self::Nexists => "nexists",
            Self::Contains => "contains",
            Self::Ncontains => "ncontains",
            Self::Matches => "matches",
            Self::Nmatches => "nmatches",
        }
    }

    /// The operator of that text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.as_str() == text)
    }

    /// Whether it compares with something.
    pub fn takes_value(self) -> bool {
        !matches!(self, Self::Exists | Self::Nexists)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
