use crate::credentials::{RedactStream, SecretRedactor};
use crate::log::LogStream;

/// Makes lines of what a process writes, without its secrets. Memory is bounded by two lines and two secrets.
#[derive(Debug)]
pub(super) struct Lines {
    longest: usize,
    stdout: Partial,
    stderr: Partial,
}

/// The line of one output that has no end yet.
#[derive(Debug)]
struct Partial {
    // INVARIANT: bytes pass this before they are cut anywhere. A secret in two lines would be found in neither.
    redactor: RedactStream,
    line: Vec<u8>,
}

impl Lines {
    /// Longer lines than that, in bytes, become several.
    pub(super) fn new(longest: usize, redactor: &SecretRedactor) -> Self {
        // Room for any character.
        let longest = longest.max(4);
        let partial = || Partial { redactor: redactor.stream(longest), line: Vec::new() };
        Self { longest, stdout: partial(), stderr: partial() }
    }

    pub(super) fn push(&mut self, stream: LogStream, bytes: &[u8], tell: &mut impl FnMut(LogStream, String)) {
        let longest = self.longest;
        let Partial { redactor, line } = self.partial(stream);
        let shown = redactor.push(bytes);
        append(line, &shown, longest, &mut |line| tell(stream, line));
    }

    /// What has no end yet becomes a line: there will be no more of it.
    pub(super) fn finish(&mut self, tell: &mut impl FnMut(LogStream, String)) {
        let longest = self.longest;
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let Partial { redactor, line } = self.partial(stream);
            let shown = redactor.finish();
            append(line, &shown, longest, &mut |line| tell(stream, line));
            let line = std::mem::take(line);
            if !line.is_empty() {
                tell(stream, text(&line));
            }
        }
    }

    fn partial(&mut self, stream: LogStream) -> &mut Partial {
        match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        }
    }
}

/// Adds to a line, and tells of those that are complete or too long.
fn append(partial: &mut Vec<u8>, bytes: &[u8], longest: usize, tell: &mut impl FnMut(String)) {
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (piece, ends) = match piece.strip_suffix(b"\n") {
            Some(line) => (line, true),
            None => (piece, false),
        };
        partial.extend_from_slice(piece);
        // One byte more may be the carriage return before the end.
        while partial.len() > longest + 1 {
            let rest = partial.split_off(boundary(partial, longest));
            tell(text(&std::mem::replace(partial, rest)));
        }
        if ends {
            let line = std::mem::take(partial);
            tell(text(line.strip_suffix(b"\r").unwrap_or(&line)));
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where to cut so that no character is cut, if these are characters.
fn boundary(bytes: &[u8], longest: usize) -> usize {
    let continues = |index: usize| bytes.get(index).is_some_and(|byte| byte & 0xc0 == 0x80);
    (longest.saturating_sub(3)..=longest).rev().find(|index| !continues(*index)).unwrap_or(longest).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(longest: usize, chunks: &[&[u8]]) -> Vec<String> {
        let mut found = Vec::new();
        let mut lines = Lines::new(longest, &SecretRedactor::known(["correct horse", "battery staple"]));
        chunks.iter().for_each(|chunk| lines.push(LogStream::Stdout, chunk, &mut |_, line| found.push(line)));
        lines.finish(&mut |_, line| found.push(line));
        found
    }

    #[test]
    fn lines_are_whole_wherever_the_output_is_cut() {
        assert_eq!(lines(100, &[b"a\nb", b"c\r", b"\n\n", b"d"]), ["a", "bc", "", "d"]);
        assert_eq!(lines(100, &[b"\xc3", b"\xa4\n\xff"]), ["ä", "\u{fffd}"]);
        assert_eq!(lines(100, &[]), Vec::<String>::new());
    }

    #[test]
    fn secrets_are_found_wherever_lines_and_output_are_cut() {
        let text = "<correct horse>\n<battery staple> correct hor\n correct horse";
        let shown = "<[REDACTED]>|<[REDACTED]> correct hor| [REDACTED]";
        for cut in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(cut);
            assert_eq!(lines(100, &[first, second]).join("|"), shown, "cut at {cut}");
            for longest in 4..text.len() {
                let found = lines(longest, &[first, second]).concat();
                assert_eq!(found, shown.replace('|', ""), "cut at {cut}, lines of {longest}");
            }
        }
    }

    #[test]
    fn a_secret_may_be_longer_than_a_line() {
        assert_eq!(lines(4, &[b"correct", b" horse\n"]).concat(), "[REDACTED]");
        assert_eq!(lines(4, &[b"a correct", b" horde\n"]).concat(), "a correct horde");
    }

    #[test]
    fn streams_do_not_mix() {
        let mut found = Vec::new();
        let mut tell = |stream, line: String| found.push((stream, line));
        let mut lines = Lines::new(100, &SecretRedactor::known([""; 0]));
        lines.push(LogStream::Stdout, b"a", &mut tell);
        lines.push(LogStream::Stderr, b"b\n", &mut tell);
        lines.push(LogStream::Stdout, b"c\n", &mut tell);
        assert_eq!(found, [(LogStream::Stderr, "b".to_owned()), (LogStream::Stdout, "ac".to_owned())]);
    }

    proptest! {
        #[test]
        fn text_of_long_lines_is_kept(text in "[aäß€😀]{0,60}", longest in 4_usize..20, cut in 1_usize..7) {
            let chunks: Vec<_> = text.as_bytes().chunks(cut).collect();
            let found = lines(longest, &chunks);
            prop_assert!(found.iter().all(|line| line.len() <= longest + 1), "{:?}", found);
            prop_assert_eq!(found.concat(), text);
        }
    }
}
