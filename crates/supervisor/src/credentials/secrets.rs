use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

/// Shorter ones would be found in text that has nothing to do with them.
pub(super) const SHORTEST: usize = 8;

/// Lines of a secret that has several, a key say, are looked for one by one if they are not shorter.
const SHORTEST_LINE: usize = 16;

/// Exact values, all looked for at once.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    values: Vec<Vec<u8>>,
    searcher: Option<AhoCorasick>,
    longest: usize,
}

impl Secrets {
    /// Adds values, but for those that are too short. True unless there are too many of them for one search.
    pub(super) fn add(&mut self, values: impl IntoIterator<Item = impl AsRef<[u8]>>) -> bool {
        for value in values {
            let value = value.as_ref();
            let lines = value.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            let lines = lines.filter(|line| line.len() >= SHORTEST_LINE);
            for part in std::iter::once(value).filter(|value| value.len() >= SHORTEST).chain(lines) {
                if !self.values.iter().any(|known| known == part) {
                    self.values.push(part.to_vec());
                }
            }
        }
        self.longest = self.values.iter().map(Vec::len).max().unwrap_or(0);
        self.searcher = None;
        if !self.values.is_empty() {
            // Of secrets that overlap in a text, every byte has to go. Only this kind finds all of them.
            self.searcher = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&self.values).ok();
        }
        self.searcher.is_some() || self.values.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Where secrets are, in order. What overlaps is one; what only touches is two.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let Some(searcher) = &self.searcher else { return found };
        // They come by their ends.
        for hit in searcher.find_overlapping_iter(text) {
            let mut start = hit.start();
            while let Some(last) = found.pop_if(|last| start < last.end) {
                start = start.min(last.start);
            }
            found.push(start..hit.end());
        }
        found
    }

    /// The length of the longest end of `text` that a secret begins with, without being all of it.
    pub(super) fn unfinished(&self, text: &[u8]) -> usize {
        let longest = self.longest.saturating_sub(1).min(text.len());
        (1..=longest)
            .rev()
            .find(|length| {
                let end = text.get(text.len() - length..).unwrap_or_default();
                self.values.iter().any(|value| value.len() > *length && value.starts_with(end))
            })
            .unwrap_or(0)
    }
}
