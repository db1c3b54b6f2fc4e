use std::time::Duration;

/// What a process of the [`FakeExecutor`](crate::FakeExecutor) does, step by step; then it returns 0.
///
/// ```
/// use std::time::Duration;
///
/// use perilune_exec_testkit::Script;
///
/// let compiler = Script::new().print("compiling\n").sleep(Duration::from_secs(60)).print_err("no memory\n").exit(1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(crate) steps: Vec<Step>,
    pub(crate) leftovers: u32,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Print(Vec<u8>),
    PrintErr(Vec<u8>),
    PrintVariable(String),
    PrintWorkDir,
    Echo,
    EchoLine,
    Sleep(Duration),
    Forever,
    Ignore(i32),
    Exit(i32),
    Die(i32),
}

impl Script {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes to the standard output, waiting while nobody reads and the pipe is full.
    pub fn print(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(Step::Print(bytes.into()))
    }

    /// Likewise, to the standard error.
    pub fn print_err(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(Step::PrintErr(bytes.into()))
    }

    /// Writes the value of a variable, if there is one.
    pub fn print_variable(self, name: impl Into<String>) -> Self {
        self.with(Step::PrintVariable(name.into()))
    }

    /// Writes its working directory.
    pub fn print_work_dir(self) -> Self {
        self.with(Step::PrintWorkDir)
    }

    /// Writes all of its input to its output.
    pub fn echo(self) -> Self {
        self.with(Step::Echo)
    }

    /// Writes one line of its input to its output.
    pub fn echo_line(self) -> Self {
        self.with(Step::EchoLine)
    }

    /// Lets time pass.
    pub fn sleep(self, time: Duration) -> Self {
        self.with(Step::Sleep(time))
    }

    /// Does nothing more.
    pub fn forever(self) -> Self {
        self.with(Step::Forever)
    }

    /// From here on that signal does not end it. SIGKILL always does.
    pub fn ignore(self, signal: i32) -> Self {
        self.with(Step::Ignore(signal))
    }

    /// Returns.
    pub fn exit(self, code: i32) -> Self {
        self.with(Step::Exit(code))
    }

    /// Ends by a signal that nobody sent.
    pub fn die(self, signal: i32) -> Self {
        self.with(Step::Die(signal))
    }

    /// Leaves that many processes behind, for its executor to end.
    pub fn leave(mut self, leftovers: u32) -> Self {
        self.leftovers = leftovers;
        self
    }

    fn with(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}
