/// Whether a script asks for native code: a comment `--!native` before everything else, or an attribute `@native`.
///
/// The compiler sees the same and keeps it to itself. The script is one that compiles; for other text the answer means
/// nothing.
pub(super) fn is_marked_native(source: &[u8]) -> bool {
    // Most scripts do not have the word.
    memchr::memmem::find(source, b"native").is_some() && Reader { rest: source, strings: Vec::new() }.finds_mark()
}

struct Reader<'a> {
    rest: &'a [u8],
    /// Open braces inside each string around this place that has code in it.
    strings: Vec<usize>,
}

impl Reader<'_> {
    fn finds_mark(&mut self) -> bool {
        let mut is_top = true;
        while let [byte, rest @ ..] = self.rest {
            self.rest = rest;
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c => continue,
                b'-' if rest.starts_with(b"-") => {
                    self.rest = &rest[1..];
                    let comment = self.comment();
                    if is_top && comment.strip_prefix(b"!").is_some_and(|text| text.trim_ascii_end() == b"native") {
                        return true;
                    }
                    continue;
                }
                b'@' if self.attribute() => return true,
                b'[' => drop(self.long()),
                b'"' | b'\'' => self.string(*byte),
                b'`' => self.string_with_code(),
                b'{' => self.strings.iter_mut().rev().take(1).for_each(|braces| *braces += 1),
                b'}' => match self.strings.pop() {
                    Some(0) => self.string_with_code(),
                    Some(braces) => self.strings.push(braces - 1),
                    None => {}
                },
                _ => {}
            }
            is_top = false;
        }
        false
    }

    /// After `--`: the text of a comment that ends with the line, or nothing.
    fn comment(&mut self) -> &[u8] {
        if let [b'[', rest @ ..] = self.rest {
            let before = std::mem::replace(&mut self.rest, rest);
            if self.long() {
                return b"";
            }
            self.rest = before;
        }
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (comment, rest) = self.rest.split_at(end);
        self.rest = rest;
        comment
    }

    /// After `[`: skips `[…]]` and `=[…]=]`, if that is what comes.
    fn long(&mut self) -> bool {
        let level = self.rest.iter().take_while(|byte| **byte == b'=').count();
        if self.rest.get(level) != Some(&b'[') {
            return false;
        }
        let end = [b"]", &self.rest[..level], b"]"].concat();
        let inside = &self.rest[level + 1..];
        let after = memchr::memmem::find(inside, &end).map_or(inside.len(), |start| start + end.len());
        self.rest = &inside[after..];
        true
    }

    fn string(&mut self, quote: u8) {
        self.skip_text(|byte| byte == quote);
    }

    /// After a backtick, or after the brace that ends code: the text up to the next code or the end.
    fn string_with_code(&mut self) {
        if self.skip_text(|byte| byte == b'`' || byte == b'{') == Some(b'{') {
            self.strings.push(0);
        }
    }

    /// Skips text and what ends it, which is returned.
    fn skip_text(&mut self, is_end: impl Fn(u8) -> bool) -> Option<u8> {
        loop {
            match self.rest {
                [b'\\', _, rest @ ..] => self.rest = rest,
                [byte, rest @ ..] => {
                    self.rest = rest;
                    if is_end(*byte) {
                        return Some(*byte);
                    }
                }
                [] => return None,
            }
        }
    }

    /// After `@`: `native`, or a list `[…]` that has it.
    fn attribute(&mut self) -> bool {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let list = match self.rest {
            [b'[', rest @ ..] => &rest[..memchr::memchr(b']', rest).unwrap_or(rest.len())],
            word => &word[..word.iter().take_while(|byte| is_word(byte)).count()],
        };
        list.split(|byte| !is_word(byte)).any(|word| word == b"native")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: bool) {
        assert_eq!(is_marked_native(source.as_bytes()), expected, "{source}");
    }

    #[test]
    fn marks_at_the_top_and_before_functions_are_found() {
        check("--!native\nreturn 1", true);
        check("\u{b}\t-- a script\n--[[ with\n a header ]]\n--!strict\r\n--!native \r\nreturn 1", true);
        check("--!native", true);
        check("@native\nlocal function f() end", true);
        check("local x = 1 --[==[ ]] ]==] @native local function f() end", true);
        check("local s = `a {g({1, `b {2}`})} c` @native function f() end", true);
        check("@[native] local function f() end", true);
        check("@[deprecated, native]\nlocal function f() end", true);
    }

    #[test]
    fn what_only_looks_like_a_mark_is_none() {
        check("return 1", false);
        check("return 1 --!native", false);
        check("local x = 1\n--!native\nreturn x", false);
        check("--! native\nreturn 1", false);
        check("--!natively\nreturn 1", false);
        check("-- !native\nreturn 1", false);
        check("--[[!native]] return 1", false);
        check("--[[\n--!native\n]] return 1", false);
        check("return '@native'", false);
        check("return '\\'@native'", false);
        check("return \"a \\\n @native\"", false);
        check("return [[ ] @native ]]", false);
        check("return [=[ ]] @native ]=]", false);
        check("return t[ [[@native]] ], t[i], native", false);
        check("return `@native {'@native' .. `{ {1} }@native`} @native \\{ @native`", false);
        check("-- @native\nreturn 1", false);
        check("@checked local function native() end", false);
        check("@natively local function f() end", false);
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for text in ["--[[ native", "[==[ native", "`native {", "'native \\", "native --", "@[native", "@", "native }}"]
        {
            is_marked_native(text.as_bytes());
        }
    }
}
