use std::borrow::Cow;

use crate::error::ExecError;

/// The program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// Exactly this program with exactly these arguments.
    Argv {
        /// A path, or a name to look for on the `PATH` of the process.
        program: String,
        /// Without the program itself.
        args: Vec<String>,
    },
    /// A line for the shell.
    Shell(String),
    /// A line that goes to the shell only if it needs one.
    Auto(String),
}

/// What becomes of [`CommandLine::Auto`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShellMode {
    /// The shell runs what only a shell can.
    #[default]
    Auto,
    /// The shell runs all of them.
    Always,
    /// The words are split by the quoting rules of the shell, and nothing else means anything.
    Never,
}

impl ShellMode {
    /// From `auto`, `always` or `never`.
    pub fn parse(text: &str) -> Result<Self, ExecError> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(ExecError::Invalid(format!("shell must be `auto`, `always` or `never`, not `{text}`"))),
        }
    }
}

impl CommandLine {
    /// Exactly this program with exactly these arguments.
    pub fn argv<A: Into<String>>(program: impl Into<String>, args: impl IntoIterator<Item = A>) -> Self {
        Self::Argv { program: program.into(), args: args.into_iter().map(Into::into).collect() }
    }

    /// The whole line, as an allow-list or a permission names it.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Shell(text) | Self::Auto(text) => Cow::Borrowed(text),
            Self::Argv { program, args } => {
                Cow::Owned(shell_words::join(std::iter::once(program).chain(args).map(String::as_str)))
            }
        }
    }

    /// The program and the arguments that the system is given.
    ///
    /// `on_path` tells whether there is a program of that name: it decides about the few words that are both programs
    /// and commands of the shell itself.
    ///
    /// ```
    /// use perilune_exec_api::{CommandLine, ShellMode};
    ///
    /// let argv = |text: &str| CommandLine::Auto(text.to_owned()).resolve(ShellMode::Auto, |_| true).unwrap();
    /// assert_eq!(argv("grep -e 'a b' file"), ["grep", "-e", "a b", "file"]);
    /// assert_eq!(argv("pwd && echo $X"), ["/bin/sh", "-c", "pwd && echo $X"]);
    /// ```
    pub fn resolve(&self, mode: ShellMode, on_path: impl Fn(&str) -> bool) -> Result<Vec<String>, ExecError> {
        let text = match self {
            Self::Argv { program, args } => {
                let words = std::iter::once(program).chain(args).cloned().collect();
                return check(words);
            }
            Self::Shell(text) => return shell(text),
            Self::Auto(text) => text,
        };
        match mode {
            ShellMode::Always => return shell(text),
            ShellMode::Auto if needs_shell(text) => return shell(text),
            ShellMode::Auto | ShellMode::Never => {}
        }
        match shell_words::split(text) {
            Ok(words) => match words.first() {
                Some(first) if mode == ShellMode::Auto && BUILTINS.contains(&first.as_str()) && !on_path(first) => {
                    shell(text)
                }
                _ => check(words),
            },
            Err(_) if mode == ShellMode::Auto => shell(text),
            Err(_) => Err(ExecError::Invalid(format!("unbalanced quotes in `{text}`"))),
        }
    }
}

fn shell(text: &str) -> Result<Vec<String>, ExecError> {
    if text.trim().is_empty() {
        return Err(ExecError::Invalid("command is required".to_owned()));
    }
    check(vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
}

fn check(words: Vec<String>) -> Result<Vec<String>, ExecError> {
    if words.first().is_none_or(|program| program.trim().is_empty()) {
        return Err(ExecError::Invalid("command is required".to_owned()));
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Err(ExecError::Invalid("command contains a NUL byte".to_owned()));
    }
    Ok(words)
}

/// Whether the line means something that only a shell can do. Splitting its words is not among that.
fn needs_shell(text: &str) -> bool {
    let mut chars = text.chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('\''), _) => {}
            (Some(_), '$' | '`') => return true,
            (None, '\'' | '"') => quote = Some(c),
            // What follows a backslash is itself, except for a newline, which vanishes: the shell knows.
            (_, '\\') => match chars.next() {
                Some('\n') | None => return true,
                Some(_) => {}
            },
            (None, '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '*' | '?' | '[' | ']') => return true,
            (None, '{' | '}' | '~' | '!' | '#' | '\n') => return true,
            _ => {}
        }
    }
    quote.is_some() || starts_with_assignment(text.trim_start())
}

fn starts_with_assignment(text: &str) -> bool {
    let name = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    name.is_some_and(|end| end > 0 && text[end..].starts_with('=') && !text.starts_with(|c: char| c.is_ascii_digit()))
}

/// Words that a shell knows by itself. Most systems have some of them as programs too.
const BUILTINS: &[&str] = &[
    ".", ":", "alias", "bg", "break", "case", "cd", "command", "continue", "declare", "eval", "exec", "exit", "export",
    "false", "fc", "fg", "for", "function", "getopts", "hash", "if", "jobs", "let", "local", "printf", "pwd", "read",
    "readonly", "return", "select", "set", "shift", "source", "test", "time", "times", "trap", "true", "type",
    "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait", "while", "echo", "kill",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found = CommandLine::Auto(text.to_owned()).resolve(ShellMode::Auto, |word| word != "cd").unwrap();
        assert_eq!(found, expected, "{text:?}");
    }

    fn goes_to_the_shell(text: &str) {
        check(text, &["/bin/sh", "-c", text]);
    }

    #[test]
    fn plain_words_run_directly() {
        check("sleep 30", &["sleep", "30"]);
        check("echo 'Hello World'", &["echo", "Hello World"]);
        check("  a\t b  ", &["a", "b"]);
        check(r#"a "b 'c'" d\ e"#, &["a", "b 'c'", "d e"]);
        check("grep 'a|b' '$x' \"*\"", &["grep", "a|b", "$x", "*"]);
        check(r"printf \$x \;", &["printf", "$x", ";"]);
        check("env A=1 b", &["env", "A=1", "b"]);
        check("a ''", &["a", ""]);
        check("x-y=1", &["x-y=1"]);
    }

    #[test]
    fn what_only_a_shell_can_goes_to_the_shell() {
        for text in [
            "pwd && echo $X",
            "a|b",
            "a;b",
            "a&",
            "a>b",
            "a<b",
            "(a)",
            "echo $X",
            "echo `a`",
            "ls *",
            "ls ?",
            "ls [a]",
            "echo {a,b}",
            "ls ~",
            "! a",
            "a #b",
            "a\nb",
            r#"echo "$X""#,
            r#"echo "`a`""#,
            "A=1 b",
            "_a1=x",
            "cd /tmp",
            "echo 'open",
            "echo \"open",
            "a \\\nb",
            "a\\",
        ] {
            goes_to_the_shell(text);
        }
    }

    #[test]
    fn mode_decides_about_the_shell() {
        let resolve = |text: &str, mode| CommandLine::Auto(text.to_owned()).resolve(mode, |_| false);
        assert_eq!(resolve("a b", ShellMode::Always).unwrap(), ["/bin/sh", "-c", "a b"]);
        assert_eq!(resolve("a && $b", ShellMode::Never).unwrap(), ["a", "&&", "$b"]);
        assert_eq!(resolve("cd x", ShellMode::Never).unwrap(), ["cd", "x"]);
        assert!(resolve("a 'b", ShellMode::Never).unwrap_err().to_string().contains("unbalanced"));
        assert_eq!(ShellMode::parse("never").unwrap(), ShellMode::Never);
        assert!(ShellMode::parse("often").is_err());
    }

    #[test]
    fn nothing_to_run_is_refused() {
        for command in [
            CommandLine::Auto(String::new()),
            CommandLine::Auto(" \t".to_owned()),
            CommandLine::Shell("  ".to_owned()),
            CommandLine::argv("", [""; 0]),
            CommandLine::argv("a", ["b\0c"]),
            CommandLine::Shell("a\0".to_owned()),
        ] {
            for mode in [ShellMode::Auto, ShellMode::Always, ShellMode::Never] {
                assert!(command.resolve(mode, |_| true).is_err(), "{command:?}");
            }
        }
    }

    #[test]
    fn empty_word_is_no_program() {
        for mode in [ShellMode::Auto, ShellMode::Never] {
            assert!(CommandLine::Auto("'' a".to_owned()).resolve(mode, |_| true).is_err());
        }
    }

    #[test]
    fn text_of_an_argv_reads_as_the_same_argv() {
        let command = CommandLine::argv("a b", ["'", "", "c"]);
        let again = CommandLine::Auto(command.text().into_owned());
        assert_eq!(again.resolve(ShellMode::Never, |_| true).unwrap(), ["a b", "'", "", "c"]);
    }
}
