use std::fmt;

/// Width, in terminal cells, of the part of a source line that is shown.
const WINDOW: usize = 120;
/// How many characters before the column stay visible in a cut line.
const LEAD: usize = 40;

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The application cannot start.
    Error,
    /// The application can start, but somebody should look.
    Warning,
}

/// One problem, with the place it was found at.
///
/// `Display` shows the source line with a caret below it. Control characters
/// are replaced, so text from files cannot steer a terminal.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The file, or the name of the entry that has no file.
    pub file: String,
    /// Line, counted from 1.
    pub line: Option<u32>,
    /// Column in characters, counted from 1.
    pub column: Option<u32>,
    /// Text beside the caret.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// The printable part of the line around the column.
    pub source_line: Option<String>,
    /// Cells before the caret, and how many carets.
    caret: (usize, usize),
}

impl Diagnostic {
    /// A problem of the whole of `file`; narrow it with [`Diagnostic::at`].
    pub fn new(severity: Severity, file: impl fmt::Display, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity,
            message: message.into(),
            file: file.to_string(),
            line: None,
            column: None,
            label: None,
            help: None,
            source_line: None,
            caret: (0, 1),
        }
    }

    /// Places the problem at a character of `source_line`, which is the whole
    /// line without its end.
    #[must_use]
    pub fn at(self, line: u32, column: u32, source_line: &str) -> Diagnostic {
        self.underline(line, column, 1, source_line)
    }

    /// A problem of a script when only the line is known: the whole line is
    /// underlined. A line outside `source` is named without being shown.
    pub fn for_script(name: impl fmt::Display, source: &str, line: u32, message: impl Into<String>) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(Severity::Error, name, message);
        diagnostic.line = Some(line);
        let index = (line as usize).checked_sub(1);
        match index.and_then(|index| source.lines().nth(index)) {
            Some(text) if !text.trim().is_empty() => {
                let indent = text.chars().take_while(|c| c.is_whitespace()).count();
                let length = text.trim().chars().count();
                let mut placed = diagnostic.underline(line, indent as u32 + 1, length, text);
                placed.column = None;
                placed
            }
            _ => diagnostic,
        }
    }

    /// Adds text beside the caret.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = Some(label.into());
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    fn underline(mut self, line: u32, column: u32, length: usize, text: &str) -> Diagnostic {
        self.line = Some(line);
        self.column = Some(column);
        let target = (column as usize).saturating_sub(1);
        let fits = text.chars().nth(WINDOW).is_none() && text.chars().map(cells).sum::<usize>() <= WINDOW;
        let start = if fits { 0 } else { target.saturating_sub(LEAD) };

        let mut shown = String::new();
        let (mut width, mut caret, mut carets) = (0, None, 0);
        if start > 0 {
            shown.push('…');
            width = 1;
        }
        for (index, c) in text.chars().enumerate().skip(start) {
            if width + cells(c) > WINDOW {
                shown.push('…');
                break;
            }
            if index == target {
                caret = Some(width);
            }
            if index >= target && index - target < length {
                carets += cells(c);
            }
            width += cells(c);
            match c {
                '\t' => shown.push_str("    "),
                c if hidden(c) => shown.push('\u{FFFD}'),
                c => shown.push(c),
            }
        }
        self.caret = (caret.unwrap_or(width), carets.max(1));
        self.source_line = Some(shown);
        self
    }
}

/// Terminal cells taken by a character as shown here; a tab is shown as four.
fn cells(c: char) -> usize {
    match c as u32 {
        0x09 => 4,
        0x0300..=0x036F | 0x20D0..=0x20FF | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1FAFF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

/// Control and direction characters, which change what a terminal shows.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Line breaks stay: messages of a script may hold several lines.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if hidden(c) => '\u{FFFD}',
            c => c,
        })
        .collect()
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", printable(&self.message))?;
        let number = self.line.map(|line| line.to_string()).unwrap_or_default();
        let gutter = " ".repeat(number.len().max(1) + 1);
        write!(f, "\n{gutter}--> {}", printable(&self.file))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        if let Some(source_line) = &self.source_line {
            let (before, count) = self.caret;
            write!(f, "\n{gutter} |\n {number} | {source_line}\n{gutter} | ")?;
            write!(f, "{}{}", " ".repeat(before), "^".repeat(count))?;
            if let Some(label) = &self.label {
                write!(f, " {}", printable(label))?;
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n{gutter} = help: {}", printable(help))?;
        }
        Ok(())
    }
}

/// The problems of one run, in the order they were found.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one problem at the end.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// All problems.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Whether at least one is an error.
    pub fn has_errors(&self) -> bool {
        self.iter().any(Diagnostic::is_error)
    }

    /// Whether there are none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        self.0.extend(diagnostics);
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics(vec![diagnostic])
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(diagnostic: Diagnostic, expected: &str) {
        assert_eq!(diagnostic.to_string(), expected);
    }

    fn problem() -> Diagnostic {
        Diagnostic::new(Severity::Error, "a.yaml", "broken")
    }

    /// The character of the shown line that stands above the caret.
    fn pointed_at(line: &str, column: u32) -> Option<char> {
        let diagnostic = problem().at(1, column, line);
        let mut cell = 0;
        for c in diagnostic.source_line.as_deref().unwrap_or("").chars() {
            if cell == diagnostic.caret.0 && cells(c) > 0 {
                return Some(c);
            }
            cell += cells(c);
        }
        None
    }

    #[test]
    fn a_place_is_shown_with_line_caret_label_and_help() {
        check(
            problem().at(12, 5, "  - name: worker").with_label("here").with_help("add it"),
            "error: broken\n   --> a.yaml:12:5\n    |\n 12 |   - name: worker\n    |     ^ here\n    = help: add it",
        );
    }

    #[test]
    fn a_problem_of_a_whole_file_shows_no_line() {
        check(
            Diagnostic::new(Severity::Warning, "a.yaml", "odd").with_help("look"),
            "warning: odd\n  --> a.yaml\n   = help: look",
        );
    }

    #[test]
    fn a_script_line_is_underlined_without_its_indent() {
        check(
            Diagnostic::for_script("a.lua", "x = 1\n\tfoo()  \r\n", 2, "broken"),
            "error: broken\n  --> a.lua:2\n   |\n 2 |     foo()  \n   |     ^^^^^",
        );
        for line in [0, 3, u32::MAX] {
            let shown = Diagnostic::for_script("a.lua", "x", line, "broken");
            assert!(shown.source_line.is_none(), "{line}");
        }
    }

    #[test]
    fn the_caret_is_below_the_right_character() {
        assert_eq!(pointed_at("name: x", 7), Some('x'));
        assert_eq!(pointed_at("äöü: x", 6), Some('x'));
        assert_eq!(pointed_at("日本: x", 5), Some('x'));
        assert_eq!(pointed_at("e\u{301}: x", 5), Some('x'));
        assert_eq!(pointed_at("\t\tx", 3), Some('x'));
        assert_eq!(pointed_at("ab", 99), None);
    }

    #[test]
    fn long_lines_are_cut_around_the_column() {
        let line = format!("{}X{}", "a".repeat(5000), "b".repeat(5000));
        assert_eq!(pointed_at(&line, 5001), Some('X'));
        let shown = problem().at(1, 5001, &line).source_line.unwrap();
        assert!(shown.chars().count() <= WINDOW + 2 && shown.starts_with('…') && shown.ends_with('…'));
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let text = Diagnostic::new(Severity::Error, "a\u{1b}b", "m\u{1b}[2J").at(1, 1, "x\u{1b}\u{202e}y").to_string();
        assert!(!text.contains(['\u{1b}', '\u{202e}']) && text.contains('\u{FFFD}'));
    }
}
