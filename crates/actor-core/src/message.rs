use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::pid::Pid;
use crate::value::Value;

/// What a message is about; mailboxes route by it. Compared byte by byte.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Topic(Text);

/// Every message has a topic, and mailboxes compare it: those of usual length are compared as a whole, without a loop.
// INVARIANT: a text that fits is always short, and has zeros behind it; so equal texts are equal values.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Arc<str>),
}

const SHORT: usize = 22;

const _: () = assert!(size_of::<Topic>() == 24);

impl Topic {
    /// A topic scripts may use: not empty, and not starting with `@`, which the runtime keeps for itself.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        match text.as_bytes().first() {
            None => Err(TopicError::Empty),
            Some(b'@') => Err(TopicError::Reserved),
            Some(_) => Ok(Self(Text::new(text))),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Short { length, bytes } => {
                let bytes = bytes.get(..usize::from(*length)).unwrap_or_default();
                std::str::from_utf8(bytes).unwrap_or_default()
            }
            Text::Long(text) => text,
        }
    }
}

impl Text {
    fn new(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..text.len()) {
            Some(start) => {
                start.copy_from_slice(text.as_bytes());
                Self::Short { length: text.len() as u8, bytes }
            }
            None => Self::Long(text.into()),
        }
    }
}

impl PartialOrd for Topic {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Topic {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({:?})", self.as_str())
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that is no topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// It is empty.
    #[error("topic cannot be empty")]
    Empty,
    /// It starts with `@`.
    #[error("topics starting with @ are reserved")]
    Reserved,
}

/// A message with its sender and its topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// Who sent it; `None` when it was no actor.
    pub from: Option<Pid>,
    /// What it is about.
    pub topic: Topic,
    /// What it says.
    pub payload: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(text: &str) -> Topic {
        Topic::new(text).expect("a topic")
    }

    #[test]
    fn topics_of_every_length_are_their_texts() {
        let texts: Vec<_> = (1..=60).flat_map(|length| ["x".repeat(length), "x".repeat(length - 1) + "\0"]).collect();
        for text in &texts {
            assert_eq!(topic(text).as_str(), text);
            for other in &texts {
                assert_eq!(topic(text) == topic(other), text == other, "{text:?} {other:?}");
                assert_eq!(topic(text).cmp(&topic(other)), text.cmp(other), "{text:?} {other:?}");
            }
        }
        assert_eq!(topic("ünïcödé, twenty-two").as_str(), "ünïcödé, twenty-two");
    }

    #[test]
    fn no_text_and_reserved_text_are_no_topics() {
        assert_eq!(Topic::new(""), Err(TopicError::Empty));
        assert_eq!(Topic::new("@any"), Err(TopicError::Reserved));
    }
}
