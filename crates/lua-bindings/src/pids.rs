use std::cell::RefCell;

use perilune_actor_core::{Pid, PidText};

/// The pids behind texts that scripts of a VM used last, so that whoever writes to the same few over and over does not
/// have their texts taken apart each time.
///
/// A VM keeps equal texts in one place while anybody has them, so the place says where to look. What is found there is
/// compared, as the place may be another text's by now.
#[derive(Default)]
pub(crate) struct PidMemo(RefCell<Vec<Entry>>);

#[derive(Clone, Copy)]
struct Entry {
    text: [u8; LONGEST],
    length: u8,
    pid: Option<Pid>,
}

/// Bytes of the longest text that is remembered: an entry takes one line of a cache.
const LONGEST: usize = 46;

const _: () = assert!(size_of::<Entry>() == 64);

/// How many are remembered. A power of two.
const ENTRIES: usize = 1024;

impl PidMemo {
    /// The pid of a text that [`PidText::parse`] takes for one; `None` inside for a host or node that nobody knows.
    pub(crate) fn find(&self, text: &str) -> Option<Option<Pid>> {
        let place = place_of(text);
        if let Some(known) = self.0.borrow().get(place)
            && known.bytes() == text.as_bytes()
            && known.pid.is_some()
        {
            return Some(known.pid);
        }
        let pid = PidText::parse(text)?.resolve();
        // A host that nobody knows may come into being.
        if let Some(pid) = pid {
            self.remember(place, text, pid);
        }
        Some(pid)
    }

    fn remember(&self, place: usize, text: &str, pid: Pid) {
        let bytes = text.as_bytes();
        let mut entry = Entry::EMPTY;
        let (Some(kept), Ok(length)) = (entry.text.get_mut(..bytes.len()), u8::try_from(bytes.len())) else { return };
        kept.copy_from_slice(bytes);
        (entry.length, entry.pid) = (length, Some(pid));
        let mut entries = self.0.borrow_mut();
        if entries.is_empty() {
            entries.resize(ENTRIES, Entry::EMPTY);
        }
        if let Some(known) = entries.get_mut(place) {
            *known = entry;
        }
    }
}

impl Entry {
    const EMPTY: Self = Self { text: [0; LONGEST], length: 0, pid: None };

    fn bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// Spreads neighbours, which are what a VM gives to texts that were made one after the other.
fn place_of(text: &str) -> usize {
    let address = (text.as_ptr() as usize as u64) >> 3;
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - ENTRIES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use perilune_actor_core::HostId;

    use super::*;

    fn pid(number: u64) -> Pid {
        Pid::local(HostId::new("app:processes"), NonZeroU64::new(number).expect("not zero"))
    }

    #[test]
    fn other_text_at_the_same_place_is_another_pid() {
        let memo = PidMemo::default();
        let mut buffer = pid(1).to_string().into_bytes();
        for number in [1, 2, 1, 3] {
            buffer.copy_from_slice(pid(number).to_string().as_bytes());
            for _ in 0..2 {
                assert_eq!(memo.find(std::str::from_utf8(&buffer).unwrap()), Some(Some(pid(number))));
            }
        }
        buffer.fill(b'x');
        assert_eq!(memo.find(std::str::from_utf8(&buffer).unwrap()), None);
    }

    #[test]
    fn texts_of_any_length_are_found() {
        let memo = PidMemo::default();
        assert_eq!(memo.find(""), None);
        for length in [1, 20, 32, 33, 34, 35, 80, 300] {
            let pid = Pid::local(HostId::new(&"h".repeat(length)), NonZeroU64::MIN);
            let text = pid.to_string();
            for _ in 0..2 {
                assert_eq!(memo.find(&text), Some(Some(pid)));
            }
        }
    }

    #[test]
    fn host_that_comes_into_being_is_found_afterwards() {
        let memo = PidMemo::default();
        let text = "{made later|0x00001}";
        assert_eq!(memo.find(text), Some(None));
        let host = HostId::new("made later");
        assert_eq!(memo.find(text), Some(Some(Pid::local(host, NonZeroU64::MIN))));
    }
}
