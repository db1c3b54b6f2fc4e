use proptest::prelude::*;

use super::*;

/// All pieces of a text that comes in chunks of these sizes, over and over.
fn split(mode: Mode, text: &[u8], sizes: &[usize]) -> (Vec<Vec<u8>>, Next) {
    let mut splitter = Splitter::new(mode);
    let (mut pieces, mut rest) = (Vec::new(), text);
    let mut sizes = sizes.iter().cycle();
    loop {
        match splitter.step() {
            Next::Piece => pieces.push(splitter.piece().to_vec()),
            Next::More if rest.is_empty() => splitter.end(),
            Next::More => {
                let (chunk, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                splitter.feed(chunk.to_vec());
                rest = after;
            }
            last => return (pieces, last),
        }
        assert!(splitter.piece().len() <= MAX_PIECE);
    }
}

/// What the pieces are, said without chunks.
fn expected(mode: Mode, text: &[u8]) -> Vec<Vec<u8>> {
    match mode {
        Mode::Bytes => text.iter().map(|byte| vec![*byte]).collect(),
        Mode::Words => text
            .split(|byte| b" \t\n\x0b\x0c\r".contains(byte))
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect(),
        Mode::Lines => {
            let mut lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            for line in &mut lines {
                if line.ends_with(b"\r\n") {
                    line.truncate(line.len() - 2);
                } else if line.ends_with(b"\n") {
                    line.pop();
                }
            }
            lines
        }
        Mode::Runes => {
            let mut runes = Vec::new();
            for chunk in text.utf8_chunks() {
                runes.extend(chunk.valid().chars().map(|rune| rune.to_string().into_bytes()));
                runes.extend(chunk.invalid().iter().map(|byte| vec![*byte]));
            }
            runes
        }
    }
}

fn check(mode: Mode, text: &[u8], pieces: &[&str]) {
    for sizes in [&[usize::MAX][..], &[1], &[2], &[3, 1]] {
        let (found, last) = split(mode, text, sizes);
        let found: Vec<_> = found.iter().map(|piece| piece.escape_ascii().to_string()).collect();
        let found: Vec<_> = found.iter().map(String::as_str).collect();
        assert_eq!((found.as_slice(), last), (pieces, Next::End), "{sizes:?}");
    }
}

#[test]
fn lines_end_before_their_newline() {
    check(Mode::Lines, b"", &[]);
    check(Mode::Lines, b"\n", &[""]);
    check(Mode::Lines, b"a\r\nb\n\nc", &["a", "b", "", "c"]);
    check(Mode::Lines, b"a\r\n\r\n", &["a", ""]);
    check(Mode::Lines, b"a\rb\r\r\nc\r", &["a\\rb\\r", "c\\r"]);
    check(Mode::Lines, b"\0\xff\n\xfe", &["\\x00\\xff", "\\xfe"]);
}

#[test]
fn words_are_what_is_between_blanks() {
    check(Mode::Words, b" \t\r\n\x0b\x0c ", &[]);
    check(Mode::Words, b"one  two\nthree\tfour", &["one", "two", "three", "four"]);
    check(Mode::Words, b"  \xff\0 x ", &["\\xff\\x00", "x"]);
}

#[test]
fn bytes_of_no_character_are_runes_of_their_own() {
    check(Mode::Runes, "aä€😀".as_bytes(), &["a", "\\xc3\\xa4", "\\xe2\\x82\\xac", "\\xf0\\x9f\\x98\\x80"]);
    check(Mode::Runes, b"\xe2\x82", &["\\xe2", "\\x82"]);
    check(Mode::Runes, b"\xe2\x82x\xff", &["\\xe2", "\\x82", "x", "\\xff"]);
    check(Mode::Runes, b"\xed\xa0\x80\xc0\x80", &["\\xed", "\\xa0", "\\x80", "\\xc0", "\\x80"]);
}

#[test]
fn piece_of_the_largest_size_is_found_and_a_longer_one_is_not() {
    let line = vec![b'x'; MAX_PIECE];
    for end in ["", "\n", "\r\n", "\nx"] {
        let text = [&line, end.as_bytes()].concat();
        for size in [usize::MAX, 65536, 65537] {
            assert_eq!(split(Mode::Lines, &text, &[size]).0[0].len(), MAX_PIECE, "{end:?}");
            assert_eq!(split(Mode::Words, &text, &[size]).0[0].len(), MAX_PIECE, "{end:?}");
        }
    }
    for end in ["x", "x\n", "x\r\n", "\rx", "xx"] {
        let text = [b"short\n", &line[..], end.as_bytes(), b"\nmore\n"].concat();
        for size in [usize::MAX, 65536, 65537] {
            let (lines, last) = split(Mode::Lines, &text, &[size]);
            assert_eq!((lines.len(), last), (1, Next::TooLong), "{end:?}");
        }
    }
    let text = [&line[..], b"x more"].concat();
    assert_eq!(split(Mode::Words, &text, &[65536]), (Vec::new(), Next::TooLong));
}

#[test]
fn what_was_fed_is_kept_no_longer_than_needed() {
    let mut splitter = Splitter::new(Mode::Lines);
    for _ in 0..1000 {
        splitter.feed(vec![b'\n'; 1000]);
        while splitter.step() == Next::Piece {}
        assert!(splitter.buffer.len() <= 1000);
    }
    // Nor is it searched again for an end that is not there.
    for count in 1..10 {
        splitter.feed(vec![b'x'; 1000]);
        assert_eq!(splitter.searched, (count - 1) * 1000);
        assert_eq!((splitter.step(), splitter.searched), (Next::More, count * 1000));
    }
    splitter.clear();
    assert_eq!((splitter.step(), splitter.piece()), (Next::End, &b""[..]));
}

proptest! {
    #[test]
    fn chunks_make_no_difference(
        text in prop::collection::vec(prop_oneof![
            Just(b'\n'), Just(b'\r'), Just(b' '), Just(b'x'), Just(0xc3), Just(0xa4), Just(0xe2), Just(0x82), any::<u8>(),
        ], 0..300),
        sizes in prop::collection::vec(1..20usize, 1..20),
    ) {
        for mode in [Mode::Lines, Mode::Words, Mode::Bytes, Mode::Runes] {
            prop_assert_eq!(split(mode, &text, &sizes), (expected(mode, &text), Next::End), "{:?}", mode);
        }
    }
}
