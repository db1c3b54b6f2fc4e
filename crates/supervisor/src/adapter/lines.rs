use crate::log::LogStream;

/// Makes lines of what a process writes. Memory is bounded by two lines.
#[derive(Debug)]
pub(super) struct Lines {
    longest: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Lines {
    /// Longer lines than that, in bytes, become several.
    pub(super) fn new(longest: usize) -> Self {
        // Room for any character.
        Self { longest: longest.max(4), stdout: Vec::new(), stderr: Vec::new() }
    }

    pub(super) fn push(&mut self, stream: LogStream, bytes: &[u8], tell: &mut impl FnMut(LogStream, String)) {
        let longest = self.longest;
        let partial = self.partial(stream);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, ends) = match piece.strip_suffix(b"\n") {
                Some(line) => (line, true),
                None => (piece, false),
            };
            partial.extend_from_slice(piece);
            // One byte more may be the carriage return before the end.
            while partial.len() > longest + 1 {
                let rest = partial.split_off(boundary(partial, longest));
                tell(stream, text(&std::mem::replace(partial, rest)));
            }
            if ends {
                let line = std::mem::take(partial);
                tell(stream, text(line.strip_suffix(b"\r").unwrap_or(&line)));
            }
        }
    }

    /// What has no end yet becomes a line: there will be no more of it.
    pub(super) fn finish(&mut self, tell: &mut impl FnMut(LogStream, String)) {
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let line = std::mem::take(self.partial(stream));
            if !line.is_empty() {
                tell(stream, text(&line));
            }
        }
    }

    fn partial(&mut self, stream: LogStream) -> &mut Vec<u8> {
        match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
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
        let mut lines = Lines::new(longest);
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
    fn streams_do_not_mix() {
        let mut found = Vec::new();
        let mut tell = |stream, line: String| found.push((stream, line));
        let mut lines = Lines::new(100);
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
