use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use perilune_exec_native::OutputSink;

use super::event::Reporter;
use super::format::{Form, Formatter};
use super::writer::Source;
use super::{Clock, LogConfig, LogError, LogEvents, LogFiles, LogManager, LogStream, OutputLines, Redact};
use crate::credentials::{RedactStream, SecretRedactor, SharedRedactor};
use crate::process::ProcessSpec;

/// So much waits for a disk at most, for each output; then whoever writes waits, too.
const QUEUED: usize = 1 << 20;

/// So much is handled at once.
const PART: usize = 64 << 10;

/// What the outputs of a run need beside the spec.
#[derive(Clone)]
#[non_exhaustive]
pub struct OutputOptions {
    /// Values that nobody may see, beside those in variables of the spec whose names are sensitive.
    pub secrets: Vec<String>,
    /// Where relative paths start; where the program runs if `None`.
    pub log_dir: Option<PathBuf>,
    /// The time.
    pub clock: Clock,
    /// What a former run of the instance has left: its receivers and what is kept go on.
    pub lines: Option<OutputLines>,
    /// Where the files are open.
    pub files: LogFiles,
}

impl Default for OutputOptions {
    fn default() -> Self {
        Self {
            secrets: Vec::new(),
            log_dir: None,
            clock: Arc::new(Utc::now),
            lines: None,
            files: LogFiles::shared().clone(),
        }
    }
}

impl std::fmt::Debug for OutputOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let secrets = self.secrets.len();
        f.debug_struct("OutputOptions")
            .field("secrets", &secrets)
            .field("log_dir", &self.log_dir)
            .finish_non_exhaustive()
    }
}

/// The outputs of one run of one instance.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outputs {
    /// For what is written to the standard output, or to both if they share a pipe.
    pub stdout: OutputWriter,
    /// For what is written to the standard error output; `None` if that shares the pipe of the other.
    pub stderr: Option<OutputWriter>,
    /// For those who want to look.
    pub lines: OutputLines,
    /// What happens to the files.
    pub events: LogEvents,
    /// How much there was.
    pub counts: OutputCounts,
    /// What nobody may see. What it learns is made unreadable from then on, unless [`Redact::Off`] is set; text from
    /// elsewhere can be passed through it in any case.
    pub redactor: SharedRedactor,
}

/// How much a run has written. Clones count the same.
#[derive(Debug, Clone)]
pub struct OutputCounts {
    bytes: Arc<Bytes>,
    reporter: Arc<Reporter>,
}

#[derive(Debug, Default)]
struct Bytes {
    stdout: AtomicU64,
    stderr: AtomicU64,
}

impl OutputCounts {
    /// Bytes that the process wrote to an output.
    #[must_use]
    pub fn written(&self, stream: LogStream) -> u64 {
        self.of(stream).load(Ordering::Relaxed)
    }

    /// Bytes that are missing in files. What is missing in two counts twice.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.reporter.all_lost()
    }

    fn of(&self, stream: LogStream) -> &AtomicU64 {
        match stream {
            LogStream::Stdout => &self.bytes.stdout,
            LogStream::Stderr => &self.bytes.stderr,
        }
    }
}

/// Opens everything that a run of an instance needs for its output. Fails if a file cannot be opened, and then leaves
/// nothing open.
///
/// Blocks as long as the disks need for that.
///
/// ```
/// use perilune_supervisor::log::{self, LogConfig, OutputOptions};
/// use perilune_supervisor::process::ProcessSpec;
///
/// # let tokio = tokio::runtime::Builder::new_current_thread().build()?;
/// # let folder = tempfile::tempdir()?;
/// # tokio.block_on(async {
/// let config = LogConfig { out_file: Some("{name}.log".into()), ..LogConfig::default() };
/// let spec = ProcessSpec::builder().name("web").command("./web").log(config).build();
/// let mut options = OutputOptions::default();
/// options.log_dir = Some(folder.path().to_owned());
/// options.secrets = vec!["correct horse".to_owned()];
///
/// let mut outputs = log::open(&spec, 0, options)?;
/// outputs.stdout.write(b"I know correct ").await;
/// outputs.stdout.write(b"horse\n").await;
/// outputs.stdout.end().await;
/// assert_eq!(std::fs::read_to_string(folder.path().join("web.log"))?, "I know [REDACTED]\n");
/// assert_eq!(outputs.lines.tail(1)[0].content, "I know [REDACTED]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open(spec: &ProcessSpec, instance: u32, options: OutputOptions) -> Result<Outputs, LogError> {
    let config = &spec.log;
    config.validate()?;
    let OutputOptions { secrets, log_dir, clock, lines, files } = options;
    let manager = LogManager::of_spec(spec, instance);
    let streams: &[LogStream] =
        if config.merge_stderr { &[LogStream::Stdout] } else { &[LogStream::Stdout, LogStream::Stderr] };

    // All files first: if one of them cannot be opened, nothing has begun.
    let mut claims = Vec::new();
    for stream in streams {
        let paths = manager.paths(*stream).into_iter().map(|path| below(log_dir.as_deref(), path));
        let of_stream: Result<Vec<_>, LogError> =
            paths.map(|path| files.writer(&path, spec.id, config, &clock)).collect();
        claims.push((*stream, of_stream?));
    }

    let (reporter, events) = Reporter::new();
    let reporter = Arc::new(reporter);
    let counts = OutputCounts { bytes: Arc::default(), reporter: Arc::clone(&reporter) };
    let lines = lines.unwrap_or_else(OutputLines::new);
    let longest_line = in_memory(config.max_line_bytes);
    lines.begin(&spec.name, instance, in_memory(config.tail_bytes), longest_line, streams);
    let redactor = redactor(spec, config, &secrets);
    let redacts = config.redact != Redact::Off;
    let form = Form::of(config);
    let mut outputs = claims.into_iter().map(|(stream, mut claims)| {
        // The same file by two names.
        claims.dedup_by(|first, second| Arc::ptr_eq(&first.writer, &second.writer));
        let limit = QUEUED / claims.len().max(1);
        let source = |claim| {
            let formatter = Formatter::new(form.clone(), &spec.name, instance, stream, longest_line);
            Arc::new(Source::new(claim, &reporter, formatter, limit))
        };
        OutputWriter {
            stream,
            redactor: redacts.then(|| redactor.stream(longest_line)),
            lines: lines.clone(),
            sources: claims.into_iter().map(source).collect(),
            counts: counts.clone(),
            clock: Arc::clone(&clock),
            has_ended: false,
        }
    });
    match (outputs.next(), outputs.next()) {
        (Some(stdout), stderr) => {
            drop(outputs);
            Ok(Outputs { stdout, stderr, lines, events, counts, redactor })
        }
        // There always is a first.
        (None, _) => Err(LogError::Invalid("there is no output".to_owned())),
    }
}

/// The files of all instances of a spec, each once, as their paths stand in the settings. No two specs may share one.
#[must_use]
pub fn paths(spec: &ProcessSpec, log_dir: Option<&Path>) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for instance in 0..spec.instances {
        let manager = LogManager::of_spec(spec, instance);
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            all.extend(manager.paths(stream).into_iter().map(|path| below(log_dir, path)));
        }
    }
    all.sort();
    all.dedup();
    all
}

fn below(folder: Option<&Path>, path: PathBuf) -> PathBuf {
    folder.map_or_else(|| path.clone(), |folder| folder.join(&path))
}

fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn redactor(spec: &ProcessSpec, config: &LogConfig, secrets: &[String]) -> SharedRedactor {
    let redactor = match config.redact {
        Redact::Off | Redact::Known => SecretRedactor::known([""; 0]),
        Redact::Patterns => SecretRedactor::new(),
    };
    let in_spec = spec.env.iter().filter(|(name, _)| SecretRedactor::is_sensitive_env_name(name));
    let secrets = secrets.iter().map(String::as_str).chain(in_spec.map(|(_, value)| value.as_str()));
    SharedRedactor::new(redactor.with_secrets(secrets))
}

/// Takes what a process writes to one output.
///
/// Dropped before its end, it leaves what it has to be written, and nobody waits for that.
pub struct OutputWriter {
    stream: LogStream,
    redactor: Option<RedactStream>,
    lines: OutputLines,
    sources: Vec<Arc<Source>>,
    counts: OutputCounts,
    clock: Clock,
    has_ended: bool,
}

impl OutputWriter {
    /// Takes the next bytes. Waits while more than 1 MiB waits for a disk, but not for one that cannot be written.
    ///
    /// Cancelled, it may have taken a part of them.
    pub async fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(PART) {
            self.counts.of(self.stream).fetch_add(part.len() as u64, Ordering::Relaxed);
            let at = (self.clock)();
            let shown = match &mut self.redactor {
                Some(redactor) => redactor.push(part),
                None => part.into(),
            };
            self.lines.push(self.stream, &shown, at);
            for source in &self.sources {
                for piece in shown.chunks(PART) {
                    source.push(piece, at).await;
                }
            }
        }
    }

    /// There is no more. Returns when everything is in the files, or counted as lost because they cannot be written.
    pub async fn end(&mut self) {
        self.close();
        for source in &self.sources {
            source.ended().await;
        }
    }

    #[cfg(test)]
    pub(super) fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    fn close(&mut self) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let at: DateTime<Utc> = (self.clock)();
        let rest = self.redactor.as_mut().map(RedactStream::finish).unwrap_or_default();
        self.lines.push(self.stream, &rest, at);
        self.lines.end(self.stream, at);
        for source in &self.sources {
            source.close(&rest, at);
        }
    }
}

impl Drop for OutputWriter {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for OutputWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files: Vec<_> = self.sources.iter().map(|source| &source.writer.path).collect();
        f.debug_struct("OutputWriter").field("stream", &self.stream).field("files", &files).finish_non_exhaustive()
    }
}

#[async_trait]
impl OutputSink for OutputWriter {
    async fn write(&mut self, bytes: &[u8]) {
        Self::write(self, bytes).await;
    }

    async fn end(&mut self) {
        Self::end(self).await;
    }
}
