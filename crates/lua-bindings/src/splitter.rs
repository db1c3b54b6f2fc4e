//! Cuts a stream of bytes into pieces, however its chunks come.

use std::ops::Range;

/// The longest line or word.
pub(crate) const MAX_PIECE: usize = 1 << 20;

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Ends before `\n` or `\r\n`; the last one also at the end.
    Lines,
    /// What is between spaces, tabs and ends of lines.
    Words,
    Bytes,
    /// A character of UTF-8; a byte that belongs to none is a piece of its own.
    Runes,
}

/// What there is after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// [`Splitter::piece`] is a new piece.
    Piece,
    /// Nothing before more bytes have come.
    More,
    /// Nothing any more.
    End,
    /// The next piece is longer than [`MAX_PIECE`].
    TooLong,
}

/// The bytes between what has come and what was taken.
#[derive(Debug)]
pub(crate) struct Splitter {
    mode: Mode,
    buffer: Vec<u8>,
    /// Where what was not taken begins.
    start: usize,
    /// How far no end of a piece was found. Never looked at again, so that a long piece in many chunks is no more work
    /// than a short one.
    searched: usize,
    piece: Range<usize>,
    ended: bool,
}

impl Splitter {
    pub(crate) fn new(mode: Mode) -> Self {
        Self { mode, buffer: Vec::new(), start: 0, searched: 0, piece: 0..0, ended: false }
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, mut chunk: Vec<u8>) {
        self.piece = 0..0;
        self.searched -= self.start;
        if self.start == self.buffer.len() {
            self.buffer = chunk;
        } else {
            self.buffer.drain(..self.start);
            self.buffer.append(&mut chunk);
        }
        self.start = 0;
    }

    /// No more bytes will come.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Lets go of everything, without a further piece.
    pub(crate) fn clear(&mut self) {
        *self = Self { ended: true, ..Self::new(self.mode) };
    }

    /// The piece that was found last; empty when the last step found none.
    pub(crate) fn piece(&self) -> &[u8] {
        &self.buffer[self.piece.clone()]
    }

    /// Goes on to the next piece.
    pub(crate) fn step(&mut self) -> Next {
        self.piece = 0..0;
        match self.mode {
            Mode::Lines => self.line(),
            Mode::Words => self.word(),
            Mode::Bytes => match self.start < self.buffer.len() {
                true => self.take(1),
                false => self.out(),
            },
            Mode::Runes => self.rune(),
        }
    }

    fn line(&mut self) -> Next {
        if let Some(distance) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
            let newline = self.searched + distance;
            let end = match self.buffer[self.start..newline].last() {
                Some(b'\r') => newline - 1,
                _ => newline,
            };
            return self.found(end, newline + 1);
        }
        let end = self.buffer.len();
        self.searched = end;
        match end - self.start {
            0 => self.out(),
            _ if self.ended => self.found(end, end),
            // One more may be a `\r` that does not count.
            length if length > MAX_PIECE + 1 => Next::TooLong,
            _ => Next::More,
        }
    }

    fn word(&mut self) -> Next {
        let rest = &self.buffer[self.start..];
        let blank = rest.iter().take_while(|byte| is_space(**byte)).count();
        self.start += blank;
        self.searched = self.searched.max(self.start);
        if let Some(distance) = self.buffer[self.searched..].iter().position(|byte| is_space(*byte)) {
            let end = self.searched + distance;
            return self.found(end, end + 1);
        }
        let end = self.buffer.len();
        self.searched = end;
        match end - self.start {
            0 => self.out(),
            _ if self.ended => self.found(end, end),
            length if length > MAX_PIECE => Next::TooLong,
            _ => Next::More,
        }
    }

    fn rune(&mut self) -> Next {
        let rest = &self.buffer[self.start..];
        match rest {
            [] => return self.out(),
            [first, ..] if first.is_ascii() => return self.take(1),
            _ => {}
        }
        let window = &rest[..rest.len().min(4)];
        let length = match std::str::from_utf8(window) {
            Ok(text) => text.chars().next().map_or(1, char::len_utf8),
            Err(error) if error.valid_up_to() > 0 => {
                let valid = std::str::from_utf8(&window[..error.valid_up_to()]).unwrap_or_default();
                valid.chars().next().map_or(1, char::len_utf8)
            }
            // The beginning of a character.
            Err(error) if error.error_len().is_none() && !self.ended => return Next::More,
            Err(_) => 1,
        };
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Next {
        let end = self.start + length;
        self.found(end, end)
    }

    /// The piece ends at `end`, and the next one begins at or after `next`.
    fn found(&mut self, end: usize, next: usize) -> Next {
        if end - self.start > MAX_PIECE {
            return Next::TooLong;
        }
        self.piece = self.start..end;
        self.start = next;
        self.searched = next;
        Next::Piece
    }

    fn out(&self) -> Next {
        if self.ended { Next::End } else { Next::More }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests;
