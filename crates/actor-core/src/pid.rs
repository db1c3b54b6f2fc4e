use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::host::{HostId, NodeId};

/// Address of one actor. Never given to another actor as long as the runtime lives.
///
/// Written `{host|0x00001}`, or `{node@host|0x00001}` for an actor of another node. The number means nothing to users;
/// a scheduler may hide in it where the actor lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid {
    node: NodeId,
    host: HostId,
    unique: NonZeroU64,
}

impl Pid {
    /// An actor of this node.
    pub fn local(host: HostId, unique: NonZeroU64) -> Self {
        Self { node: NodeId::LOCAL, host, unique }
    }

    /// An actor of any node.
    pub fn new(node: NodeId, host: HostId, unique: NonZeroU64) -> Self {
        Self { node, host, unique }
    }

    /// The node the actor lives on.
    pub fn node(self) -> NodeId {
        self.node
    }

    /// The host the actor belongs to.
    pub fn host(self) -> HostId {
        self.host
    }

    /// What tells it from all other actors of its node, past ones included.
    pub fn unique(self) -> NonZeroU64 {
        self.unique
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        if self.node != NodeId::LOCAL {
            write!(f, "{}@", self.node.as_str())?;
        }
        write!(f, "{}|{:#07x}}}", self.host.as_str(), self.unique)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The parts of a pid's text, before asking whether such a host exists.
///
/// Text that parses is a pid and never a name, so this is also the test for names that are not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PidText<'a> {
    /// Empty for this node.
    pub node: &'a str,
    /// The host's name.
    pub host: &'a str,
    /// The number behind the bar.
    pub unique: NonZeroU64,
}

impl<'a> PidText<'a> {
    /// Takes the text apart; `None` when it is no pid.
    pub fn parse(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix('{')?.strip_suffix('}')?;
        let (place, number) = inner.rsplit_once('|')?;
        let digits = number.strip_prefix("0x")?;
        if !(5..=16).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let unique = NonZeroU64::new(u64::from_str_radix(digits, 16).ok()?)?;
        let (node, host) = match place.split_once('@') {
            Some(("", _)) => return None,
            Some(parts) => parts,
            None => ("", place),
        };
        if host.is_empty() || place.contains(['{', '}', '|']) {
            return None;
        }
        Some(Self { node, host, unique })
    }

    /// The pid, if its host and node are known to this program.
    pub fn resolve(self) -> Option<Pid> {
        Some(Pid::new(NodeId::find(self.node)?, HostId::find(self.host)?, self.unique))
    }
}

/// Text that is no pid, or names a host or node nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePidError {
    /// The text does not have the form of a pid.
    #[error("`{0}` is not a pid")]
    Malformed(String),
    /// It has, but its host or node does not exist.
    #[error("host of `{0}` is not known")]
    UnknownHost(String),
}

impl FromStr for Pid {
    type Err = ParsePidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = PidText::parse(text).ok_or_else(|| ParsePidError::Malformed(text.into()))?;
        parts.resolve().ok_or_else(|| ParsePidError::UnknownHost(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unique(n: u64) -> NonZeroU64 {
        NonZeroU64::new(n).expect("not zero")
    }

    #[test]
    fn text_form_survives_a_round_trip() {
        let host = HostId::new("app:processes");
        for pid in [
            Pid::local(host, unique(1)),
            Pid::local(host, unique(u64::MAX)),
            Pid::new(NodeId::new("east"), host, unique(0xfffff)),
        ] {
            assert_eq!(pid.to_string().parse(), Ok(pid));
        }
        assert_eq!(Pid::local(host, unique(1)).to_string(), "{app:processes|0x00001}");
    }

    #[test]
    fn other_text_is_no_pid() {
        HostId::new("h");
        for text in [
            "",
            "name",
            "{}",
            "{h|0x00000}",
            "{h|0x1}",
            "{h|00001}",
            "{|0x00001}",
            "{@h|0x00001}",
            "{n@|0x00001}",
            "{h|0x00001",
            "h|0x00001}",
            "{h|0x0000g}",
            "{h|0x+0001}",
            "{{h|0x00001}",
            "{h|x|0x00001}",
            "{h|0x12345678123456781}",
            "{h|0x00001} ",
        ] {
            assert_eq!(PidText::parse(text), None, "{text}");
        }
    }

    #[test]
    fn foreign_text_never_makes_a_host() {
        assert_eq!(
            "{no such host|0x00001}".parse::<Pid>(),
            Err(ParsePidError::UnknownHost("{no such host|0x00001}".into()))
        );
        assert_eq!(HostId::find("no such host"), None);
    }
}
