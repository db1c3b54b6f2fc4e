use perilune_policy::Value;

/// Where in the text, in bytes, and what is wrong there.
pub(crate) type Mistake = (usize, String);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    Name(&'a str),
    Literal(Value),
    Symbol(&'static str),
    End,
}

const SYMBOLS: [&str; 16] = ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ",", ".", "-"];

/// Cuts an expression into tokens, one when asked.
pub(crate) struct Tokens<'a> {
    text: &'a str,
    /// Where the next token begins, or the space before it.
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and where it begins.
    pub(crate) fn next(&mut self) -> Result<(usize, Token<'a>), Mistake> {
        let rest = self.text[self.at..].trim_ascii_start();
        let start = self.text.len() - rest.len();
        let (length, token) = match rest.as_bytes() {
            [] => (0, Token::End),
            [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => name(rest),
            [b'0'..=b'9', ..] => number(start, rest)?,
            [b'"' | b'\'' | b'`', ..] => string(start, rest)?,
            _ => symbol(start, rest)?,
        };
        self.at = start + length;
        Ok((start, token))
    }
}

impl Token<'_> {
    /// For messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("`{name}`"),
            Self::Literal(value) => value.type_name().to_owned(),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

fn name(rest: &str) -> (usize, Token<'_>) {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    (end, Token::Name(&rest[..end]))
}

fn number(start: usize, rest: &str) -> Result<(usize, Token<'_>), Mistake> {
    let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    let mut is_whole = true;
    if rest[end..].starts_with('.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
        is_whole = false;
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
        if digits(end + 1 + sign) > 0 {
            end += 1 + sign + digits(end + 1 + sign);
            is_whole = false;
        }
    }
    if rest[end..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return Err((start, "a number that ends in letters".into()));
    }
    // A whole number that is rounded would compare equal to its neighbours.
    let value = match is_whole {
        true => rest[..end].parse::<i64>().map(Value::from).ok(),
        false => rest[..end].parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
    };
    let value = value.ok_or_else(|| (start, "this number is too large".to_owned()))?;
    Ok((end, Token::Literal(value)))
}

/// In backticks everything is itself, which suits regular expressions; in other quotes a backslash means something.
fn string(start: usize, rest: &str) -> Result<(usize, Token<'_>), Mistake> {
    let mut text = String::new();
    let mut chars = rest.char_indices();
    let quote = chars.next().map(|(_, quote)| quote);
    while let Some((at, c)) = chars.next() {
        if Some(c) == quote {
            return Ok((at + 1, Token::Literal(text.into())));
        }
        if c != '\\' || quote == Some('`') {
            text.push(c);
            continue;
        }
        text.push(match chars.next() {
            Some((_, 'n')) => '\n',
            Some((_, 'r')) => '\r',
            Some((_, 't')) => '\t',
            Some((_, c @ ('\\' | '"' | '\''))) => c,
            Some((_, c)) => return Err((start + at, format!("unknown escape `\\{c}`; in backticks it is itself"))),
            None => break,
        });
    }
    Err((start, "a string that does not end".into()))
}

fn symbol(start: usize, rest: &str) -> Result<(usize, Token<'_>), Mistake> {
    if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
        return Ok((symbol.len(), Token::Symbol(symbol)));
    }
    let c = rest.chars().next().unwrap_or_default();
    let advice = match c {
        '=' => "; did you mean `==`?",
        '&' => "; did you mean `&&`?",
        '|' => "; did you mean `||`?",
        '+' | '*' | '/' | '%' => "; expressions do not calculate",
        _ => "",
    };
    Err((start, format!("unexpected `{c}`{advice}")))
}
