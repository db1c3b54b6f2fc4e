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

impl Pid {
    /// Gives its text to `read`, without allocating for names of usual length: whoever talks to actors makes this text
    /// over and over.
    pub fn with_text<R>(self, read: impl FnOnce(&str) -> R) -> R {
        let (node, host) = (self.node.as_str(), self.host.as_str());
        let digits = self.digits();
        let at = usize::from(!node.is_empty());
        let length = node.len() + at + host.len() + digits + 5;
        let mut short = [0; 96];
        let mut long = Vec::new();
        let text = match short.get_mut(..length) {
            Some(short) => short,
            None => {
                long.resize(length, 0);
                &mut long[..]
            }
        };
        let mut rest = &mut *text;
        for part in [b"{", node.as_bytes(), &b"@"[..at], host.as_bytes(), b"|0x"] {
            let (here, behind) = rest.split_at_mut(part.len());
            here.copy_from_slice(part);
            rest = behind;
        }
        write_number(self.unique, &mut rest[..digits]);
        rest[digits] = b'}';
        // Only texts and letters were put together.
        read(std::str::from_utf8(text).unwrap_or_default())
    }

    /// How many its number has: at least five.
    fn digits(self) -> usize {
        let digits = 16 - self.unique.leading_zeros() as usize / 4;
        digits.max(5)
    }
}

fn write_number(unique: NonZeroU64, digits: &mut [u8]) {
    let mut number = unique.get();
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

/// Writes the texts of one pid after the other. What the next one has in common with the one before stays where it is.
#[derive(Debug, Default)]
pub struct PidWriter {
    text: Vec<u8>,
    last: Option<Pid>,
}

impl PidWriter {
    /// The pid's text.
    pub fn write(&mut self, pid: Pid) -> &[u8] {
        let digits = pid.digits();
        let is_alike = |last: Pid| (last.node, last.host, last.digits()) == (pid.node, pid.host, digits);
        if self.last.is_some_and(is_alike) {
            let end = self.text.len() - 1;
            write_number(pid.unique, &mut self.text[end - digits..end]);
        } else {
            self.text.clear();
            pid.with_text(|text| self.text.extend_from_slice(text.as_bytes()));
        }
        self.last = Some(pid);
        &self.text
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
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
        let bar = inner.bytes().rposition(|byte| byte == b'|')?;
        let digits = inner.get(bar + 1..)?.strip_prefix("0x")?.as_bytes();
        if !(5..=16).contains(&digits.len()) {
            return None;
        }
        let mut unique = 0;
        for &digit in digits {
            unique = unique << 4 | u64::from((digit as char).to_digit(16)?);
        }
        let unique = NonZeroU64::new(unique)?;
        let place = inner.get(..bar)?;
        let mut at = None;
        for (position, byte) in place.bytes().enumerate() {
            match byte {
                b'@' if at.is_none() => at = Some(position),
                b'{' | b'}' | b'|' => return None,
                _ => {}
            }
        }
        let (node, host) = match at {
            Some(0) => return None,
            Some(at) => (place.get(..at)?, place.get(at + 1..)?),
            None => ("", place),
        };
        if host.is_empty() {
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
    fn writer_writes_what_each_pid_is_displayed_as() {
        let mut writer = PidWriter::default();
        let hosts = [HostId::new("app:processes"), HostId::new("app:others")];
        let nodes = [NodeId::LOCAL, NodeId::new("east")];
        let mut number = 1_u64;
        for step in 0..500_usize {
            let pid = Pid::new(nodes[step / 3 % 2], hosts[step / 4 % 2], unique(number >> (step % 64) | 1));
            assert_eq!(writer.write(pid), pid.to_string().as_bytes());
            number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        }
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
