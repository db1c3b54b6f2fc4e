use perilune_exec_api::CommandLine;

use crate::script::Script;

/// What the cases run. Each executor has its own way of naming these.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Program {
    /// Writes these texts to its outputs and returns the code.
    Print {
        /// To the standard output.
        out: String,
        /// To the standard error.
        err: String,
        /// What it returns.
        code: i32,
    },
    /// Writes that many `x` to its standard output.
    Flood(usize),
    /// Writes all of its input to its output.
    Cat,
    /// Reads one line, writes it, and returns 0.
    Line,
    /// Waits and reads nothing, until a signal ends it.
    Sleep,
    /// Writes `ready` and a newline, then waits, and does not end for SIGTERM.
    Stubborn,
    /// Writes the value of a variable, or nothing.
    Variable(String),
    /// Writes the folder it runs in.
    WorkDir,
    /// Is not there.
    Missing,
}

impl Program {
    /// For executors whose processes have a `/bin/sh` and its companions.
    pub fn shell(&self) -> CommandLine {
        let line = |text: &str| CommandLine::Shell(text.to_owned());
        match self {
            Self::Print { out, err, code } => CommandLine::argv(
                "/bin/sh",
                ["-c", "printf %s \"$1\"; printf %s \"$2\" >&2; exit $3", "sh", out, err, &code.to_string()],
            ),
            Self::Flood(bytes) => line(&format!("head -c {bytes} /dev/zero | tr '\\0' x")),
            Self::Cat => CommandLine::argv("cat", [""; 0]),
            Self::Line => line("read -r line; printf '%s\\n' \"$line\""),
            Self::Sleep => CommandLine::argv("sleep", ["600"]),
            // The shell itself stays, and what it waits for is started anew whenever a signal ends it.
            Self::Stubborn => line("trap '' TERM; echo ready; while :; do sleep 600; done"),
            Self::Variable(name) => line(&format!("printf %s \"${name}\"")),
            Self::WorkDir => CommandLine::argv("pwd", [""; 0]),
            Self::Missing => CommandLine::argv("perilune-program-that-is-not-there", [""; 0]),
        }
    }

    /// For the [`FakeExecutor`](crate::FakeExecutor); `None` for one that is not there.
    pub fn script(&self) -> Option<Script> {
        let script = Script::new();
        Some(match self {
            Self::Print { out, err, code } => script.print(out.as_str()).print_err(err.as_str()).exit(*code),
            Self::Flood(bytes) => script.print(vec![b'x'; *bytes]),
            Self::Cat => script.echo(),
            Self::Line => script.echo_line(),
            Self::Sleep => script.sleep(std::time::Duration::from_secs(600)),
            Self::Stubborn => script.ignore(15).print("ready\n").forever(),
            Self::Variable(name) => script.print_variable(name.as_str()),
            Self::WorkDir => script.print_work_dir(),
            Self::Missing => return None,
        })
    }
}
