use std::borrow::Cow;
use std::mem;
use std::ops::Range;

use super::redact::REPLACEMENT;
use super::{SecretRedactor, SharedRedactor};

/// Makes secrets unreadable in what comes piece by piece, wherever it is cut.
///
/// Patterns are about lines, so with them a line comes out when it is complete, or too long. Without, only an end that could
/// be the beginning of a secret is kept back.
#[derive(Debug)]
pub struct RedactStream {
    redactor: SecretRedactor,
    /// Whose the redactor is, and which one of it.
    shared: Option<(SharedRedactor, u64)>,
    longest_line: usize,
    /// What may be the beginning of a secret.
    kept: Vec<u8>,
    /// So much at the beginning of `kept` belongs to a secret that was replaced already.
    covered: usize,
    /// A line that is not complete, with patterns only.
    line: Vec<u8>,
    /// Whether the lines of a private key are passing by.
    in_key: bool,
}

impl RedactStream {
    pub(super) fn new(redactor: SecretRedactor, longest_line: usize) -> Self {
        let longest_line = longest_line.max(1);
        let (kept, line) = (Vec::new(), Vec::new());
        Self { redactor, shared: None, longest_line, kept, covered: 0, line, in_key: false }
    }

    /// Looks for what that one learns from its `version` on, too.
    pub(super) fn that_learns(self, shared: SharedRedactor, version: u64) -> Self {
        Self { shared: Some((shared, version)), ..self }
    }

    /// Takes the next bytes and returns what can be shown; the very same bytes if there is nothing to hide.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.learn();
        let bytes = self.exact(bytes);
        if !self.redactor.has_patterns() {
            return bytes;
        }
        let mut shown = Vec::with_capacity(bytes.len());
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            let room = self.longest_line.saturating_sub(self.line.len()).max(1).min(rest.len());
            let (window, _) = rest.split_at(room);
            let newline = memchr::memchr(b'\n', window);
            let (part, after) = rest.split_at(newline.map_or(room, |at| at + 1));
            rest = after;
            self.line.extend_from_slice(part);
            if newline.is_some() || self.line.len() >= self.longest_line {
                self.show_line(&mut shown);
            }
        }
        Cow::Owned(shown)
    }

    /// What was kept back: nothing more comes.
    pub fn finish(&mut self) -> Vec<u8> {
        self.learn();
        let kept = mem::take(&mut self.kept);
        let covered = mem::take(&mut self.covered);
        let found = self.regions(&kept, covered);
        let mut shown = Vec::with_capacity(kept.len());
        replace(&kept, &found, covered, kept.len(), &mut shown);
        if self.redactor.has_patterns() {
            self.line.append(&mut shown);
            self.show_line(&mut shown);
        }
        shown
    }

    fn learn(&mut self) {
        if let Some((shared, version)) = &mut self.shared
            && shared.version() != *version
        {
            (self.redactor, *version) = shared.newest();
        }
    }

    /// Replaces exact values, up to what may be the beginning of one.
    fn exact<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.redactor.secrets().is_empty() {
            return Cow::Borrowed(bytes);
        }
        let text = if self.kept.is_empty() {
            Cow::Borrowed(bytes)
        } else {
            let mut joined = mem::take(&mut self.kept);
            joined.extend_from_slice(bytes);
            Cow::Owned(joined)
        };
        let covered = mem::take(&mut self.covered);
        let found = self.regions(&text, covered);
        let end = text.len() - self.redactor.secrets().unfinished(&text);
        // One that is covered was shown already, even if nothing else of this text can be yet.
        let is_shown = |region: &&Range<usize>| region.start < end || covered > 0 && region.start == 0;
        if let Some(last) = found.iter().take_while(is_shown).last().filter(|last| last.end > end) {
            self.covered = last.end - end;
        } else if found.is_empty() && end == text.len() {
            return text;
        }
        if let Some(kept) = text.get(end..) {
            self.kept = kept.to_vec();
        }
        if found.is_empty() {
            return match text {
                Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(..end).unwrap_or_default()),
                Cow::Owned(mut joined) => {
                    joined.truncate(end);
                    Cow::Owned(joined)
                }
            };
        }
        let mut shown = Vec::with_capacity(text.len());
        // A region that begins in what is kept is found again.
        let before = found.partition_point(|region| region.start < end);
        replace(&text, found.get(..before).unwrap_or_default(), covered, end, &mut shown);
        Cow::Owned(shown)
    }

    /// Where secrets are in a text whose first `covered` bytes belong to one.
    fn regions(&self, text: &[u8], covered: usize) -> Vec<Range<usize>> {
        let mut found = self.redactor.secrets().find(text);
        if covered > 0 {
            let joined = found.iter().take_while(|region| region.start < covered).count();
            let end = found.drain(..joined).map(|region| region.end).max().unwrap_or(covered).max(covered);
            found.insert(0, 0..end);
        }
        found
    }

    fn show_line(&mut self, shown: &mut Vec<u8>) {
        let line = mem::take(&mut self.line);
        let shape = KeyLine::of(&line);
        let hide = self.in_key && !matches!(shape, KeyLine::Other) || matches!(shape, KeyLine::Begin);
        self.in_key = match shape {
            KeyLine::Begin => true,
            KeyLine::Body => self.in_key,
            KeyLine::End | KeyLine::Other => false,
        };
        if hide {
            shown.extend_from_slice(REPLACEMENT.as_bytes());
            shown.extend_from_slice(line_end(&line));
        } else {
            shown.extend_from_slice(&self.redactor.patterns_in(&line));
        }
        if line.capacity() <= RETAINED {
            self.line = line;
            self.line.clear();
        }
    }
}

/// Buffers that have grown beyond this are not kept for the next line.
const RETAINED: usize = 4 << 10;

/// Appends what may be shown of `text` up to `end`. The region that covers the first `covered` bytes was shown before.
fn replace(text: &[u8], regions: &[Range<usize>], covered: usize, end: usize, shown: &mut Vec<u8>) {
    let mut at = 0;
    for region in regions {
        shown.extend_from_slice(text.get(at..region.start.min(end)).unwrap_or_default());
        if covered == 0 || region.start > 0 {
            shown.extend_from_slice(REPLACEMENT.as_bytes());
        }
        at = region.end.min(end);
    }
    shown.extend_from_slice(text.get(at..end).unwrap_or_default());
}

fn line_end(line: &[u8]) -> &[u8] {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    line.get(text.len()..).unwrap_or_default()
}

/// What a line can be of a private key as it is written to files.
enum KeyLine {
    Begin,
    Body,
    End,
    Other,
}

impl KeyLine {
    fn of(line: &[u8]) -> Self {
        let text = line.trim_ascii();
        let is_mark = |mark: &[u8]| {
            text.starts_with(mark) && text.ends_with(b"-----") && memchr::memmem::find(text, b"PRIVATE KEY").is_some()
        };
        if is_mark(b"-----BEGIN ") {
            return Self::Begin;
        }
        if is_mark(b"-----END ") {
            return Self::End;
        }
        let is_header = text.starts_with(b"Proc-Type:") || text.starts_with(b"DEK-Info:");
        let is_base64 = text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte));
        if is_header || is_base64 { Self::Body } else { Self::Other }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(secrets: &[&str]) -> RedactStream {
        SecretRedactor::known(secrets).stream(1 << 16)
    }

    fn whole(stream: &mut RedactStream, pieces: &[&[u8]]) -> Vec<u8> {
        let mut shown: Vec<u8> = pieces.iter().flat_map(|piece| stream.push(piece).into_owned()).collect();
        shown.extend(stream.finish());
        shown
    }

    #[test]
    fn a_secret_is_found_wherever_it_is_cut() {
        let secrets = ["hunter2hunter2", "hunter2h", "2hunter2-more"];
        for text in [
            "a hunter2hunter2 b",
            "hunter2hunter2hunter2hunter2",
            "xhunter2hunter2-more hunter2h hunter2hunter",
            "hunter2",
            "ends in hunter2hunter",
        ] {
            let expected = whole(&mut stream(&secrets), &[text.as_bytes()]);
            let shown = String::from_utf8(expected.clone()).unwrap();
            assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let bytes = text.as_bytes();
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    let got = whole(&mut stream(&secrets), &pieces);
                    assert_eq!(String::from_utf8_lossy(&got), shown, "{text:?} cut at {first} and {second}");
                }
            }
            let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(whole(&mut stream(&secrets), &single), expected);
        }
    }

    #[test]
    fn of_overlapping_secrets_nothing_is_left() {
        let shown = whole(&mut stream(&["XXXXabcd", "abcdYYYY"]), &[b"<XXXXabcdYYYY>"]);
        assert_eq!(String::from_utf8(shown).unwrap(), "<[REDACTED]>");
    }

    #[test]
    fn only_what_could_be_a_secret_is_kept_back() {
        let mut stream = stream(&["hunter2hunter2"]);
        assert_eq!(stream.push(b"prompt> ").as_ref(), b"prompt> ");
        assert!(matches!(stream.push(b"unchanged\n"), Cow::Borrowed(_)));
        assert_eq!(stream.push(b"with hunt").as_ref(), b"with ");
        assert_eq!(stream.push(b"ing").as_ref(), b"hunting");
    }

    #[test]
    fn short_secrets_are_not_looked_for() {
        assert_eq!(whole(&mut stream(&["1234567", ""]), &[b"1234567"]), b"1234567");
    }

    #[test]
    fn patterns_are_found_in_lines_wherever_they_are_cut() {
        let text = "start\npassword=correct-horse\r\n-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKC\nabc=\n\
                    -----END RSA PRIVATE KEY-----\nabc\nno newline token=abcdef0123";
        let expected = "start\npassword=[REDACTED]\r\n[REDACTED]\n[REDACTED]\n[REDACTED]\n[REDACTED]\nabc\n\
                        no newline token=[REDACTED]";
        for at in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(at);
            let shown = whole(&mut SecretRedactor::new().stream(1 << 16), &[first, second]);
            assert_eq!(String::from_utf8(shown).unwrap(), expected);
        }
    }

    #[test]
    fn a_line_that_never_ends_does_not_fill_the_memory() {
        let mut stream = SecretRedactor::new().stream(100);
        let shown = stream.push(&[b'x'; 1000]).len();
        assert_eq!(shown, 1000);
        assert_eq!(stream.push(&[b'x'; 50]).len(), 0);
        assert_eq!(stream.finish().len(), 50);
    }

    proptest! {
        #[test]
        fn pieces_are_redacted_as_the_whole_is(text in "[ab]{0,80}", cuts in prop::collection::vec(0usize..80, 0..10)) {
            let secrets = ["aabbaabb", "abababab", "bbbbbbbbbb", "bbaabbaa", "abbabbabba"];
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();

            // A naive reference: mark every byte of every secret, and join marks that one of them overlaps.
            let mut regions: Vec<Range<usize>> = Vec::new();
            for at in 0..bytes.len() {
                for secret in secrets {
                    if bytes[at..].starts_with(secret.as_bytes()) {
                        regions.push(at..at + secret.len());
                    }
                }
            }
            let mut joined: Vec<Range<usize>> = Vec::new();
            for region in regions {
                match joined.last_mut() {
                    Some(last) if region.start < last.end => last.end = last.end.max(region.end),
                    _ => joined.push(region),
                }
            }
            let mut expected = Vec::new();
            replace(bytes, &joined, 0, bytes.len(), &mut expected);
            let got = whole(&mut stream(&secrets), &pieces);
            prop_assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&expected));
        }
    }
}
