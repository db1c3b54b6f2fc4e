use std::path::PathBuf;
use std::time::Duration;

/// What a library is asked to do; as little as the rows need.
pub trait Library: 'static {
    const NAME: &'static str;
    /// How this program is called to be one of it.
    const WORD: &'static str;
    type Life: Life;
    type Kept: Kept;

    /// How it holds together what a program starts, here.
    fn holds_by() -> String;

    /// Whatever it wants done before anything is started, and by whom this program may be killed.
    fn prepare() {}

    /// Starts a program, reads its output, and holds all it starts together.
    fn start(program: &Program) -> impl Future<Output = Result<Self::Life, String>> + Send;

    /// Has a program started again each time it ends, at most so often, with so much time between.
    fn keep(program: &Program, most: Option<u32>, delay: Duration) -> impl Future<Output = Self::Kept>;
}

pub trait Life: Send + 'static {
    fn pid(&self) -> u32;

    /// Until it has ended and its output was read.
    fn wait(self) -> impl Future<Output = Result<Ended, String>> + Send;

    /// Asks it to end and forces it after the grace.
    fn stop(self, grace: Duration) -> impl Future<Output = Result<Ended, String>> + Send;
}

pub trait Kept {
    /// Of what runs now.
    fn pid(&self) -> Option<u32>;
    fn restarts(&self) -> u32;
    fn is_active(&self) -> bool;
    fn stop(self) -> impl Future<Output = ()>;
}

#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

#[derive(Clone, Default)]
pub struct Program {
    pub command: String,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub cwd: Option<PathBuf>,
    /// Where its output is kept, byte for byte.
    pub files: Option<(PathBuf, PathBuf)>,
    /// Whether it ends with this program, whatever becomes of that.
    pub dies_with_us: bool,
}

impl Program {
    pub fn new(command: &str) -> Self {
        Self { command: command.to_owned(), ..Self::default() }
    }

    pub fn shell(line: &str) -> Self {
        Self { args: vec!["-c".to_owned(), line.to_owned()], ..Self::new("sh") }
    }

    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.env.push((name.to_owned(), value.to_string()));
        self
    }
}
