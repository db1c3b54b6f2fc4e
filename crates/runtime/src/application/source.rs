use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity};
use super::value::Position;

/// The text of a configuration file, kept so that later problems can show it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    name: String,
    text: Arc<str>,
    starts: Vec<usize>,
}

impl Source {
    pub(crate) fn new(name: String, text: Arc<str>) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (index, byte) in bytes.iter().enumerate() {
            // YAML also ends a line at a carriage return that stands alone.
            let ends = *byte == b'\n' || (*byte == b'\r' && bytes.get(index + 1) != Some(&b'\n'));
            if ends {
                starts.push(index + 1);
            }
        }
        Source { name, text, starts }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn error(&self, position: Position, message: impl Into<String>) -> Diagnostic {
        self.place(Severity::Error, position, message)
    }

    pub(crate) fn warning(&self, position: Position, message: impl Into<String>) -> Diagnostic {
        self.place(Severity::Warning, position, message)
    }

    pub(crate) fn place(&self, severity: Severity, position: Position, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(severity, &self.name, message).at(position.line, position.column, self.line(position.line))
    }

    fn line(&self, number: u32) -> &str {
        let index = (number as usize).saturating_sub(1);
        let Some(start) = self.starts.get(index) else {
            return "";
        };
        let end = self.starts.get(index + 1).copied();
        let line = &self.text[*start..end.unwrap_or(self.text.len())];
        line.trim_end_matches(['\n', '\r'])
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn lines_end_at_every_line_break_of_yaml() {
        let source = Source::new(String::new(), "a\r\nb\rc\n\nd".into());
        let lines: Vec<_> = (0..7).map(|number| source.line(number)).collect();
        assert_eq!(lines, ["a", "a", "b", "c", "", "d", ""]);
    }
}
