use std::fmt;

use crate::symbol::Symbol;

/// Name of a host: the part of a runtime that an actor belongs to.
///
/// Copying and comparing cost as much as an integer. Each distinct name is kept for the life of the program, so make
/// one only for hosts that are configured, and use [`HostId::find`] for text from outside.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(Symbol);

impl HostId {
    /// The host of that name.
    pub fn new(name: &str) -> Self {
        Self(Symbol::new(name))
    }

    /// The host of that name, if anybody ever made it.
    pub fn find(name: &str) -> Option<Self> {
        Symbol::find(name).map(Self)
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0.text()
    }

    /// A small number that is the same for equal hosts, for tables indexed by host.
    pub fn index(self) -> usize {
        self.0.index()
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostId({:?})", self.as_str())
    }
}

/// Name of a node; [`NodeId::LOCAL`] is this one. Kept for the life of the program like [`HostId`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Option<Symbol>);

impl NodeId {
    /// This node.
    pub const LOCAL: Self = Self(None);

    /// The node of that name; the empty name is this node.
    pub fn new(name: &str) -> Self {
        Self((!name.is_empty()).then(|| Symbol::new(name)))
    }

    /// The node of that name, if anybody ever made it.
    pub fn find(name: &str) -> Option<Self> {
        if name.is_empty() { Some(Self::LOCAL) } else { Symbol::find(name).map(|symbol| Self(Some(symbol))) }
    }

    /// The name, empty for this node.
    pub fn as_str(self) -> &'static str {
        self.0.map_or("", Symbol::text)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({:?})", self.as_str())
    }
}

/// Where a new actor is put among the workers its host may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// Beside whom it is going to talk to ([`Spawn::beside`](crate::Spawn::beside)), unless it would have to wait long
    /// there. When that is not known: beside its parent while that worker has little to do, else on the worker with the
    /// least.
    #[default]
    Auto,
    /// Beside its parent: messages between the two never cross threads.
    Local,
    /// The workers in turn.
    Spread,
}

impl Placement {
    /// Every placement.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Local, Self::Spread];

    /// The word for it in configuration and scripts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Local => "local",
            Self::Spread => "spread",
        }
    }

    /// The placement with that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|placement| placement.as_str() == word)
    }
}

/// What a scheduler is told about a host.
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// Its name, the first part of its actors' pids.
    pub id: HostId,
    /// How many of the scheduler's workers it may use; 0 = all.
    pub workers: usize,
    /// How many live actors it may have; 0 = without limit.
    pub max_actors: usize,
    /// Where its actors are put unless the spawn says otherwise.
    pub placement: Placement,
}

impl HostSpec {
    /// A host on all workers, without limit.
    pub fn new(id: HostId) -> Self {
        Self { id, workers: 0, max_actors: 0, placement: Placement::Auto }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placement_has_a_word_that_reads_back() {
        for placement in Placement::ALL {
            assert_eq!(Placement::parse(placement.as_str()), Some(placement));
        }
        for word in ["", "Auto", "local ", "round-robin"] {
            assert_eq!(Placement::parse(word), None, "{word}");
        }
    }
}
