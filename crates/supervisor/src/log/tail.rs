use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

/// Times closer than this are one.
const MOMENT: TimeDelta = TimeDelta::milliseconds(10);

/// So many times are remembered.
const MARKS: usize = 512;

/// The newest bytes of one output, and when they came.
#[derive(Debug)]
pub(super) struct Tail {
    limit: usize,
    bytes: VecDeque<u8>,
    /// How many bytes there were in all.
    end: u64,
    /// What comes from there on came then.
    marks: VecDeque<(u64, DateTime<Utc>)>,
}

impl Tail {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, bytes: VecDeque::new(), end: 0, marks: VecDeque::new() }
    }

    pub(super) fn resize(&mut self, limit: usize) {
        self.limit = limit;
        self.bytes.drain(..self.bytes.len().saturating_sub(limit));
    }

    /// How many bytes there were in all.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn push(&mut self, bytes: &[u8], at: DateTime<Utc>) {
        if self.marks.back().is_none_or(|(_, last)| at.signed_duration_since(*last).abs() >= MOMENT) {
            self.marks.push_back((self.end, at));
        }
        self.end = self.end.saturating_add(bytes.len() as u64);
        let newest = bytes.get(bytes.len().saturating_sub(self.limit)..).unwrap_or_default();
        let old = (self.bytes.len() + newest.len()).saturating_sub(self.limit);
        self.bytes.drain(..old.min(self.bytes.len()));
        self.bytes.extend(newest);
        let start = self.start();
        while self.marks.get(1).is_some_and(|(from, _)| *from <= start) || self.marks.len() > MARKS {
            self.marks.pop_front();
        }
    }

    /// The newest lines from an offset on, with the time of their first byte. A line whose beginning is gone is not one,
    /// unless nothing else is left.
    pub(super) fn lines(&self, count: usize, from: u64, with_unfinished: bool) -> Vec<(DateTime<Utc>, Vec<u8>)> {
        let start = self.start().max(from);
        let text: Vec<u8> = self.bytes.range(self.index(start)..).copied().collect();
        let complete = memchr::memrchr(b'\n', &text).map_or(0, |at| at + 1);
        let text = if with_unfinished { text.as_slice() } else { text.get(..complete).unwrap_or_default() };
        if text.is_empty() {
            return Vec::new();
        }
        let is_cut = start > from;
        let mut lines = Vec::new();
        let mut end = text.strip_suffix(b"\n").unwrap_or(text).len();
        while lines.len() < count {
            let before = text.get(..end).unwrap_or_default();
            let begin = memchr::memrchr(b'\n', before).map(|at| at + 1);
            if begin.is_none() && is_cut && !lines.is_empty() {
                break;
            }
            let line = before.get(begin.unwrap_or(0)..).unwrap_or_default();
            let at = self.time_at(start.saturating_add(begin.unwrap_or(0) as u64));
            lines.push((at, line.strip_suffix(b"\r").unwrap_or(line).to_vec()));
            match begin {
                Some(begin) => end = begin - 1,
                None => break,
            }
        }
        lines.reverse();
        lines
    }

    /// The beginning of a line that has no end yet.
    pub(super) fn unfinished(&self, from: u64) -> Vec<u8> {
        let text: Vec<u8> = self.bytes.range(self.index(self.start().max(from))..).copied().collect();
        let complete = memchr::memrchr(b'\n', &text).map_or(0, |at| at + 1);
        text.get(complete..).unwrap_or_default().to_vec()
    }

    /// Where what is left begins.
    fn start(&self) -> u64 {
        self.end.saturating_sub(self.bytes.len() as u64)
    }

    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.start())).unwrap_or(usize::MAX).min(self.bytes.len())
    }

    fn time_at(&self, offset: u64) -> DateTime<Utc> {
        let after = self.marks.partition_point(|(from, _)| *from <= offset);
        let mark = self.marks.get(after.saturating_sub(1)).or_else(|| self.marks.front());
        mark.map_or(DateTime::<Utc>::UNIX_EPOCH, |(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn lines(tail: &Tail, count: usize, with_unfinished: bool) -> Vec<(i64, String)> {
        let lines = tail.lines(count, 0, with_unfinished).into_iter();
        lines.map(|(at, line)| (at.timestamp(), String::from_utf8(line).unwrap())).collect()
    }

    #[test]
    fn the_newest_lines_are_kept_with_their_times() {
        let mut tail = Tail::new(8);
        tail.push(b"a\nb", at(1));
        tail.push(b"b\r\nc", at(2));
        let expected = [(1, "a".to_owned()), (1, "bb".to_owned()), (2, "c".to_owned())];
        assert_eq!(lines(&tail, 9, true), expected);
        assert_eq!(lines(&tail, 9, false), expected[..2]);
        assert_eq!(lines(&tail, 2, true), expected[1..]);
        assert_eq!(lines(&tail, 0, true), []);
        tail.push(b"c\ndd\n", at(3));
        assert_eq!(lines(&tail, 9, true), [(2, "cc".to_owned()), (3, "dd".to_owned())]);
        assert_eq!(tail.end(), 12);
    }

    #[test]
    fn more_than_fits_at_once_leaves_the_end() {
        let mut tail = Tail::new(4);
        tail.push(b"abcdefgh", at(1));
        assert_eq!(lines(&tail, 9, true), [(1, "efgh".to_owned())]);
        assert_eq!(tail.unfinished(0), b"efgh");
        tail.push(b"\nx\n", at(2));
        assert_eq!(lines(&tail, 9, true), [(2, "x".to_owned())]);
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let mut tail = Tail::new(0);
        tail.push(b"abc\n", at(1));
        assert_eq!(lines(&tail, 9, true), []);
    }

    #[test]
    fn what_was_before_can_be_left_out() {
        let mut tail = Tail::new(100);
        tail.push(b"old\nold again", at(1));
        let from = tail.end();
        tail.push(b"new\n", at(2));
        assert_eq!(tail.lines(9, from, true), [(at(2), b"new".to_vec())]);
    }

    #[test]
    fn times_are_bounded_too() {
        let mut tail = Tail::new(1 << 20);
        for second in 0..10_000 {
            tail.push(b"x\n", at(second));
        }
        assert!(tail.marks.len() <= MARKS);
        assert_eq!(lines(&tail, 1, true), [(9_999, "x".to_owned())]);
    }
}
