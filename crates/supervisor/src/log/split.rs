use std::mem;

/// Cuts bytes into lines, and lines that are too long into pieces.
#[derive(Debug)]
pub(super) struct Splitter {
    longest: usize,
    /// The beginning of a line.
    partial: Vec<u8>,
}

impl Splitter {
    /// `begun` is the beginning of a line that came before.
    pub(super) fn new(longest: usize, begun: &[u8]) -> Self {
        let longest = longest.max(1);
        let begun = begun.get(begun.len().saturating_sub(longest)..).unwrap_or_default();
        Self { longest, partial: begun.to_vec() }
    }

    /// Gives every line that is complete now, without its end.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while let Some(at) = memchr::memchr(b'\n', bytes) {
            let (head, tail) = bytes.split_at(at);
            bytes = tail.get(1..).unwrap_or_default();
            if self.partial.is_empty() && head.len() <= self.longest {
                line(without_return(head));
                continue;
            }
            self.partial.extend_from_slice(head);
            self.pieces(&mut line);
            let rest = mem::take(&mut self.partial);
            line(without_return(&rest));
        }
        // Piece by piece: one endless line must not be in memory twice.
        for part in bytes.chunks(self.longest) {
            self.partial.extend_from_slice(part);
            self.pieces(&mut line);
        }
    }

    /// Gives the last line, if it has no end.
    pub(super) fn finish(&mut self, mut line: impl FnMut(&[u8])) {
        let rest = mem::take(&mut self.partial);
        if !rest.is_empty() {
            line(without_return(&rest));
        }
    }

    fn pieces(&mut self, line: &mut impl FnMut(&[u8])) {
        let mut start = 0;
        while let Some(rest) = self.partial.get(start..).filter(|rest| rest.len() > self.longest) {
            let end = boundary(rest, self.longest);
            line(rest.get(..end).unwrap_or(rest));
            start += end;
        }
        if start > 0 {
            self.partial.drain(..start);
        }
    }
}

/// The last place up to `at` that is not within a character, if there is one close by.
fn boundary(text: &[u8], at: usize) -> usize {
    let within = |at: usize| text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    (at.saturating_sub(3).max(1)..=at).rev().find(|at| !within(*at)).unwrap_or(at)
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(longest: usize, pieces: &[&str], expected: &[&str]) {
        let mut splitter = Splitter::new(longest, b"");
        let mut lines = Vec::new();
        let mut keep = |line: &[u8]| lines.push(String::from_utf8(line.to_vec()).unwrap());
        for piece in pieces {
            splitter.push(piece.as_bytes(), &mut keep);
        }
        splitter.finish(&mut keep);
        assert_eq!(lines, expected, "{pieces:?}");
    }

    #[test]
    fn lines_are_found_wherever_they_are_cut() {
        check(10, &["a\nb\n", "c", "d\n", "\n", "e"], &["a", "b", "cd", "", "e"]);
        check(10, &["a\r\n", "b\r", "\nc\rd\r\n"], &["a", "b", "c\rd"]);
        check(10, &[], &[]);
    }

    #[test]
    fn long_lines_come_in_pieces() {
        check(4, &["abcdefghij\nk"], &["abcd", "efgh", "ij", "k"]);
        check(4, &["abcd\n", "abc", "d\n"], &["abcd", "abcd"]);
        check(4, &["ab", "cdef", "ghij"], &["abcd", "efgh", "ij"]);
    }

    #[test]
    fn characters_are_left_whole() {
        check(4, &["ab€cdé€"], &["ab", "€c", "dé", "€"]);
    }
}
