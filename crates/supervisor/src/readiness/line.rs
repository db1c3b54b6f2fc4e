use regex::Regex;

/// Looks for a line that matches in one stream of output, however that is cut into pieces.
///
/// ```
/// use perilune_supervisor::LineMatcher;
///
/// let mut lines = LineMatcher::new(regex::Regex::new("^listening on [0-9]+$").unwrap());
/// assert!(!lines.feed(b"starting\nlistening "));
/// assert!(lines.feed(b"on 8080\nmore\n"));
/// ```
#[derive(Debug, Clone)]
pub struct LineMatcher {
    pattern: Regex,
    /// The line that has no end yet.
    begun: Vec<u8>,
    found: bool,
}

/// A line that is longer counts as several.
const LONGEST: usize = 64 << 10;

impl LineMatcher {
    /// One that has seen nothing. Lines are matched without what ends them; what is no UTF-8 in them is replaced.
    #[must_use]
    pub fn new(pattern: Regex) -> Self {
        Self { pattern, begun: Vec::new(), found: false }
    }

    /// The next piece of output; whether there has been a line that matches.
    pub fn feed(&mut self, mut piece: &[u8]) -> bool {
        while !self.found && !piece.is_empty() {
            let room = LONGEST.saturating_sub(self.begun.len());
            let end = piece.iter().take(room).position(|byte| *byte == b'\n');
            let (line, rest) = piece.split_at(end.unwrap_or(room.min(piece.len())));
            self.begun.extend_from_slice(line);
            piece = match end {
                Some(_) => rest.get(1..).unwrap_or_default(),
                None => rest,
            };
            if end.is_some() || self.begun.len() >= LONGEST {
                self.end();
            }
        }
        self.found
    }

    /// Nothing follows; a last line needs no end. Whether there has been a line that matches.
    pub fn end(&mut self) -> bool {
        let line = std::mem::take(&mut self.begun);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        self.found = self.found || self.pattern.is_match(&String::from_utf8_lossy(line));
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, pieces: &[&[u8]], expected: bool) {
        let mut lines = LineMatcher::new(Regex::new(pattern).unwrap());
        let found = pieces.iter().map(|piece| lines.feed(piece)).last().unwrap_or(false);
        assert_eq!(found, expected, "{pattern} in {pieces:?}");
    }

    #[test]
    fn line_is_found_wherever_output_is_cut() {
        let output = b"first\nready now\nlast\n";
        for cut in 0..=output.len() {
            let (a, b) = output.split_at(cut);
            check("^ready now$", &[a, b], true);
        }
        let bytes: Vec<&[u8]> = output.chunks(1).collect();
        check("^ready now$", &bytes, true);
        check("^now$", &[output], false);
    }

    #[test]
    fn line_counts_when_it_has_ended() {
        let mut lines = LineMatcher::new(Regex::new("ready").unwrap());
        assert!(!lines.feed(b"ready"));
        assert!(lines.feed(b"\n"));
        let mut lines = LineMatcher::new(Regex::new("ready").unwrap());
        assert!(!lines.feed(b"ready"));
        assert!(lines.end());
    }

    #[test]
    fn carriage_return_is_no_part_of_a_line() {
        check("^ready$", &[b"ready\r\n"], true);
        check("^ready$", &[b"ready\r", b"\n"], true);
    }

    #[test]
    fn what_is_no_text_does_not_hide_what_is() {
        check("ready$", &[b"\xff\x00\xfe ready\n"], true);
    }

    #[test]
    fn endless_line_is_looked_at_in_parts_and_takes_no_more_room() {
        let mut lines = LineMatcher::new(Regex::new("^ready").unwrap());
        for _ in 0..100 {
            assert!(!lines.feed(&[b'x'; 10_000]));
            assert!(lines.begun.len() <= LONGEST && lines.begun.capacity() <= 2 * LONGEST);
        }
        assert!(lines.feed(b"\nready\n"));
        // Nothing is kept once it is found.
        assert!(lines.feed(&[b'x'; 10_000]) && lines.begun.is_empty());
    }
}
