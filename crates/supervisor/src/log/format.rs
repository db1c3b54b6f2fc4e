use std::fmt::Write as _;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::{LogConfig, LogStream};

/// How long the beginning of a line waits for its end, so that what others write does not come between.
pub(super) const HOLD: Duration = Duration::from_millis(100);

/// What becomes of lines on their way to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing.
    Raw,
    /// They begin with the time, in this format, and the stream.
    Stamped(Arc<str>),
    /// They are objects.
    Json,
}

impl Form {
    pub(super) fn of(config: &LogConfig) -> Self {
        match config {
            _ if config.json => Self::Json,
            _ if config.timestamp => Self::Stamped(config.timestamp_format.as_str().into()),
            _ => Self::Raw,
        }
    }
}

/// Brings what one output writes into the form of its file.
#[derive(Debug)]
pub(super) struct Formatter {
    form: Form,
    name: Arc<str>,
    instance: u32,
    stream: LogStream,
    longest_line: usize,
    /// The beginning of a line.
    partial: Vec<u8>,
    /// When that came, for what is written and for how long it is held.
    came: (DateTime<Utc>, Option<Instant>),
    /// Whether the file has the beginning of a line whose rest is to follow.
    is_open: bool,
    /// The stamp of the newest moment.
    stamp: Option<(DateTime<Utc>, String)>,
}

/// What goes into the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Formatted {
    pub(super) bytes: Vec<u8>,
    /// Whether it must be at the beginning of a line.
    pub(super) fresh: bool,
}

impl Formatter {
    pub(super) fn new(form: Form, name: &str, instance: u32, stream: LogStream, longest_line: usize) -> Self {
        Self {
            form,
            name: name.into(),
            instance,
            stream,
            longest_line: longest_line.max(1),
            partial: Vec::new(),
            came: (DateTime::<Utc>::UNIX_EPOCH, None),
            is_open: false,
            stamp: None,
        }
    }

    /// Takes bytes that came at a time. Of a file that is `shared` with others, the beginning of a line is kept for a while.
    pub(super) fn push(&mut self, bytes: Vec<u8>, at: DateTime<Utc>, now: Instant, shared: bool) -> Formatted {
        if self.partial.is_empty() {
            self.came = (at, Some(now));
            if self.form == Form::Raw && !shared {
                return Formatted { bytes, fresh: false };
            }
        }
        let fresh = self.form != Form::Raw && !self.is_open;
        let mut joined = mem::take(&mut self.partial);
        let looked_at = joined.len();
        joined.extend_from_slice(&bytes);
        if self.form == Form::Raw {
            let end = if shared { end_of_lines(&joined, looked_at, self.longest_line) } else { joined.len() };
            let bytes = self.keep(joined, end, at, now);
            return Formatted { bytes, fresh };
        }
        let mut out = Vec::with_capacity(joined.len() + joined.len() / 2);
        let mut start = 0_usize;
        let mut from = looked_at;
        loop {
            let limit = start.saturating_add(self.longest_line);
            // The longest line that may be is still ended by its own newline.
            let window = joined.get(from..joined.len().min(limit.saturating_add(1))).unwrap_or_default();
            let (end, next) = match memchr::memchr(b'\n', window) {
                Some(found) => (from + found, from + found + 1),
                None if limit < joined.len() => (limit, limit),
                None => break,
            };
            self.line(joined.get(start..end).unwrap_or_default(), &mut out);
            // What is in one chunk came at one time.
            self.came = (at, Some(now));
            start = next;
            from = next;
        }
        self.keep(joined, start, at, now);
        Formatted { bytes: out, fresh }
    }

    /// Keeps what is behind `end` as the beginning of a line, and returns what is before.
    fn keep(&mut self, mut text: Vec<u8>, end: usize, at: DateTime<Utc>, now: Instant) -> Vec<u8> {
        if end == 0 {
            self.partial = text;
            return Vec::new();
        }
        self.came = (at, Some(now));
        self.partial = text.split_off(end.min(text.len()));
        text
    }

    /// How much is kept.
    pub(super) fn kept(&self) -> usize {
        self.partial.len()
    }

    /// Until when the beginning of a line may wait. Objects are never begun before they are complete.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.partial.is_empty() || self.form == Form::Json {
            return None;
        }
        self.came.1.and_then(|came| came.checked_add(HOLD))
    }

    /// What has waited long enough.
    pub(super) fn flush(&mut self) -> Formatted {
        let fresh = self.form != Form::Raw && !self.is_open;
        let partial = mem::take(&mut self.partial);
        match self.form {
            Form::Raw => Formatted { bytes: partial, fresh },
            Form::Json => {
                self.partial = partial;
                Formatted::default()
            }
            Form::Stamped(_) => {
                let mut out = Vec::with_capacity(partial.len() + 64);
                self.begin(&mut out);
                out.extend_from_slice(&partial);
                Formatted { bytes: out, fresh }
            }
        }
    }

    /// Everything that is left. Lines of a form of their own are ended.
    pub(super) fn finish(&mut self) -> Formatted {
        if self.form == Form::Raw {
            return self.flush();
        }
        if self.partial.is_empty() && !self.is_open {
            return Formatted::default();
        }
        let fresh = !self.is_open;
        let partial = mem::take(&mut self.partial);
        let mut out = Vec::with_capacity(partial.len() + 64);
        self.line(&partial, &mut out);
        Formatted { bytes: out, fresh }
    }

    /// Something else came behind the beginning of a line: its rest is a line of its own.
    pub(super) fn interrupted(&mut self) {
        self.is_open = false;
    }

    /// Whether the file has the beginning of a line of this.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if self.form == Form::Json {
            return self.object(line, out);
        }
        self.begin(out);
        out.extend_from_slice(line);
        out.push(b'\n');
        self.is_open = false;
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        let Form::Stamped(format) = &self.form else { return };
        if mem::replace(&mut self.is_open, true) {
            return;
        }
        if self.stamp.as_ref().is_none_or(|(at, _)| *at != self.came.0) {
            self.stamp = Some((self.came.0, stamp(format, self.came.0, self.stream)));
        }
        if let Some((_, stamp)) = &self.stamp {
            out.extend_from_slice(stamp.as_bytes());
        }
    }

    fn object(&self, line: &[u8], out: &mut Vec<u8>) {
        #[derive(Serialize)]
        struct Object<'a> {
            ts: String,
            name: &'a str,
            instance: u32,
            stream: LogStream,
            msg: std::borrow::Cow<'a, str>,
        }

        let object = Object {
            ts: self.came.0.to_rfc3339_opts(SecondsFormat::Millis, true),
            name: &self.name,
            instance: self.instance,
            stream: self.stream,
            msg: String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)),
        };
        // Texts and numbers, written to memory: nothing of that can fail.
        if let Ok(text) = serde_json::to_vec(&object) {
            out.extend_from_slice(&text);
            out.push(b'\n');
        }
    }
}

/// What stands before the text of a line.
pub(super) fn stamp(format: &str, at: DateTime<Utc>, stream: LogStream) -> String {
    let mut text = String::new();
    // A format that is invalid is refused long before.
    let _ = write!(text, "[{}] [{stream}] ", at.format(format));
    text
}

/// Where the last complete line ends, or everything if the beginning of the next is too long.
fn end_of_lines(text: &[u8], looked_at: usize, longest: usize) -> usize {
    let fresh = text.get(looked_at..).unwrap_or_default();
    let end = memchr::memrchr(b'\n', fresh).map_or(0, |at| looked_at + at + 1);
    if text.len() - end >= longest { text.len() } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        formatter: Formatter,
        now: Instant,
    }

    impl Bench {
        fn new(form: Form, longest: usize) -> Self {
            Self { formatter: Formatter::new(form, "w", 0, LogStream::Stdout, longest), now: Instant::now() }
        }

        fn push(&mut self, text: &str) -> String {
            let formatted = self.formatter.push(text.into(), DateTime::UNIX_EPOCH, self.now, true);
            String::from_utf8(formatted.bytes).unwrap()
        }

        fn wait(&mut self, time: Duration) -> Option<String> {
            self.now += time;
            let is_due = self.formatter.deadline().is_some_and(|deadline| deadline <= self.now);
            is_due.then(|| String::from_utf8(self.formatter.flush().bytes).unwrap())
        }

        fn finish(&mut self) -> String {
            String::from_utf8(self.formatter.finish().bytes).unwrap()
        }
    }

    #[test]
    fn the_beginning_of_a_line_waits_for_its_end_but_not_for_long() {
        let mut bench = Bench::new(Form::Raw, 1000);
        assert_eq!(bench.push("one\ntwo be"), "one\n");
        assert_eq!(bench.wait(HOLD / 2), None);
        assert_eq!(bench.push("gins"), "");
        assert_eq!(bench.wait(HOLD / 2).as_deref(), Some("two begins"), "since its first byte");
        assert_eq!(bench.wait(HOLD), None);
        assert_eq!(bench.push(" and ends\n"), " and ends\n");
        assert_eq!(bench.push("rest"), "");
        assert_eq!(bench.finish(), "rest");
        assert_eq!(bench.finish(), "");
    }

    #[test]
    fn a_line_that_is_too_long_waits_for_nothing() {
        let mut bench = Bench::new(Form::Raw, 10);
        assert_eq!(bench.push("0123456789"), "0123456789");
        assert_eq!(bench.push("012345"), "");
        assert_eq!(bench.push("6789"), "0123456789");
    }

    #[test]
    fn alone_in_a_file_nothing_waits() {
        let mut bench = Bench::new(Form::Raw, 1000);
        let formatted = bench.formatter.push(b"half".to_vec(), DateTime::UNIX_EPOCH, bench.now, false);
        assert_eq!(formatted, Formatted { bytes: b"half".to_vec(), fresh: false });
        assert_eq!(bench.formatter.deadline(), None);
    }

    #[test]
    fn a_stamp_is_written_once_for_a_line_in_parts() {
        let mut bench = Bench::new(Form::Stamped("t".into()), 1000);
        assert_eq!(bench.push("ha"), "");
        assert_eq!(bench.wait(HOLD).as_deref(), Some("[t] [stdout] ha"));
        assert_eq!(bench.push("lf\nnext\n"), "lf\n[t] [stdout] next\n");
        assert_eq!(bench.push("la"), "");
        assert_eq!(bench.wait(HOLD).as_deref(), Some("[t] [stdout] la"));
        bench.formatter.interrupted();
        assert_eq!(bench.push("st"), "");
        assert_eq!(bench.finish(), "[t] [stdout] st\n");
    }

    #[test]
    fn an_object_is_never_begun_before_its_line_is_complete() {
        let mut bench = Bench::new(Form::Json, 1000);
        assert_eq!(bench.push("half"), "");
        assert_eq!(bench.wait(HOLD * 10), None);
        assert!(bench.finish().contains(r#""msg":"half""#));
    }

    #[test]
    fn lines_are_as_long_as_they_may_be_wherever_they_are_cut() {
        for pieces in [vec!["abcdef\nghi\n"], vec!["abc", "def", "\nghi\n"], vec!["abcd", "ef\ngh", "i\n"]] {
            let mut bench = Bench::new(Form::Stamped("t".into()), 3);
            let got: String = pieces.iter().map(|piece| bench.push(piece)).collect();
            assert_eq!(got, "[t] [stdout] abc\n[t] [stdout] def\n[t] [stdout] ghi\n", "{pieces:?}");
        }
    }
}
