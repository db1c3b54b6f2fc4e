use std::path::PathBuf;

use chrono::Utc;

use super::format::stamp;
use super::path::of_instance;
use super::rotation::Fill;
use super::{LogConfig, LogLine, LogRotationConfig, LogStream};
use crate::process::ProcessSpec;

/// What the settings mean for one instance: its paths, the form of its lines, and when its files are full.
///
/// It writes nothing; [`open`](super::open) makes what does.
#[derive(Debug, Clone)]
pub struct LogManager {
    config: LogConfig,
    process_name: String,
    instance: u32,
    instances: u32,
    stdout: Fill,
    stderr: Fill,
}

impl LogManager {
    /// For the only instance of a process, or one whose number is in the paths.
    #[must_use]
    pub fn new(config: LogConfig, process_name: impl Into<String>, instance: u32) -> Self {
        let process_name = process_name.into();
        let empty = Fill::default();
        Self { config, process_name, instance, instances: 1, stdout: empty, stderr: empty }
    }

    /// For one of the instances of a spec.
    #[must_use]
    pub fn of_spec(spec: &ProcessSpec, instance: u32) -> Self {
        Self { instances: spec.instances, ..Self::new(spec.log.clone(), &spec.name, instance) }
    }

    /// Where the standard output goes, unless nowhere. What goes to both has a further file.
    #[must_use]
    pub fn stdout_path(&self) -> Option<PathBuf> {
        self.path(LogStream::Stdout)
    }

    /// Where the standard error output goes, unless nowhere.
    #[must_use]
    pub fn stderr_path(&self) -> Option<PathBuf> {
        self.path(LogStream::Stderr)
    }

    /// All files of an output, each once.
    #[must_use]
    pub fn paths(&self, stream: LogStream) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for template in self.config.files(stream) {
            let path = of_instance(template, &self.process_name, self.instance, self.instances);
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    /// The line as it is written without `json`, but for its end.
    #[must_use]
    pub fn format_line(&self, line: &LogLine) -> String {
        if !self.config.timestamp {
            return line.content.clone();
        }
        let mut text = stamp(&self.config.timestamp_format, line.timestamp, line.stream);
        text.push_str(&line.content);
        text
    }

    /// Whether the file of the standard output is full, after what was recorded.
    #[must_use]
    pub fn needs_stdout_rotation(&self) -> bool {
        self.needs_rotation(self.stdout)
    }

    /// Whether that of the standard error output is.
    #[must_use]
    pub fn needs_stderr_rotation(&self) -> bool {
        self.needs_rotation(self.stderr)
    }

    /// So many bytes more are in the file of the standard output.
    pub fn record_stdout_bytes(&mut self, bytes: u64) {
        self.stdout = self.record(self.stdout, bytes);
    }

    /// So many bytes more are in that of the standard error output.
    pub fn record_stderr_bytes(&mut self, bytes: u64) {
        self.stderr = self.record(self.stderr, bytes);
    }

    /// The file of the standard output is a new one.
    pub fn reset_stdout_size(&mut self) {
        self.stdout = Fill::default();
    }

    /// That of the standard error output is.
    pub fn reset_stderr_size(&mut self) {
        self.stderr = Fill::default();
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// The name of the process.
    #[must_use]
    pub fn process_name(&self) -> &str {
        &self.process_name
    }

    /// Which of its instances.
    #[must_use]
    pub fn instance(&self) -> u32 {
        self.instance
    }

    fn path(&self, stream: LogStream) -> Option<PathBuf> {
        let template = self.config.first_file(stream)?;
        Some(of_instance(template, &self.process_name, self.instance, self.instances))
    }

    fn rotation(&self) -> Option<&LogRotationConfig> {
        self.config.rotation.as_ref()
    }

    fn needs_rotation(&self, mut fill: Fill) -> bool {
        self.rotation().is_some_and(|rotation| fill.is_due(rotation, Utc::now()))
    }

    /// The first bytes of a file say which day or hour it belongs to.
    fn record(&self, fill: Fill, bytes: u64) -> Fill {
        let mut fill = if fill.size == 0 { Fill::new(0, self.rotation(), Utc::now()) } else { fill };
        fill.size = fill.size.saturating_add(bytes);
        fill
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager(config: LogConfig) -> LogManager {
        LogManager::new(config, "worker", 0)
    }

    fn config(out: Option<&str>, err: Option<&str>, combined: Option<&str>, merge_stderr: bool) -> LogConfig {
        let [out_file, err_file, combined_file] = [out, err, combined].map(|path| path.map(PathBuf::from));
        LogConfig { out_file, err_file, combined_file, merge_stderr, ..LogConfig::default() }
    }

    #[test]
    fn outputs_go_where_the_settings_say() {
        let (o, e, c) = (Some("o"), Some("e"), Some("c"));
        for (config, out, err) in [
            (config(None, None, None, false), vec![], vec![]),
            (config(o, e, None, false), vec!["o"], vec!["e"]),
            (config(o, e, c, false), vec!["o", "c"], vec!["e", "c"]),
            (config(None, None, c, false), vec!["c"], vec!["c"]),
            (config(o, None, None, false), vec!["o"], vec![]),
            (config(o, e, None, true), vec!["o"], vec!["o"]),
            (config(o, o, o, false), vec!["o"], vec!["o"]),
        ] {
            let manager = manager(config);
            let paths = |paths: Vec<&str>| paths.into_iter().map(PathBuf::from).collect::<Vec<_>>();
            assert_eq!(manager.stdout_path(), paths(out.clone()).into_iter().next());
            assert_eq!(manager.stderr_path(), paths(err.clone()).into_iter().next());
            assert_eq!(manager.paths(LogStream::Stdout), paths(out));
            assert_eq!(manager.paths(LogStream::Stderr), paths(err));
        }
    }

    #[test]
    fn instances_of_a_spec_have_their_own() {
        let log = config(Some("{name}.log"), None, None, false);
        let spec = ProcessSpec::builder().name("w").command("c").instances(2).log(log).build();
        let paths = [0, 1].map(|instance| LogManager::of_spec(&spec, instance).stdout_path().unwrap());
        assert_eq!(paths, [PathBuf::from("w-0.log"), PathBuf::from("w-1.log")]);
    }

    #[test]
    fn a_line_is_bare_or_has_a_stamp() {
        let line = LogLine {
            timestamp: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            stream: LogStream::Stderr,
            process_name: "worker".into(),
            instance: 0,
            content: "text".into(),
        };
        assert_eq!(manager(LogConfig::default()).format_line(&line), "text");
        let stamped = manager(LogConfig { timestamp: true, ..LogConfig::default() });
        assert_eq!(stamped.format_line(&line), "[2026-01-02 03:04:05.678] [stderr] text");
    }

    #[test]
    fn a_file_is_full_at_its_size() {
        let rotation = Some(LogRotationConfig { max_size: 10, ..LogRotationConfig::default() });
        let mut manager = manager(LogConfig { rotation, ..LogConfig::default() });
        manager.record_stdout_bytes(9);
        manager.record_stderr_bytes(10);
        assert!(!manager.needs_stdout_rotation() && manager.needs_stderr_rotation());
        manager.record_stdout_bytes(1);
        manager.reset_stderr_size();
        assert!(manager.needs_stdout_rotation() && !manager.needs_stderr_rotation());
        manager.reset_stdout_size();
        assert!(!manager.needs_stdout_rotation());
        assert_eq!((manager.process_name(), manager.instance()), ("worker", 0));
        assert_eq!(manager.config().max_line_bytes, 65_536);
    }

    #[test]
    fn without_rotation_no_file_is_full() {
        let mut manager = manager(LogConfig { rotation: None, ..LogConfig::default() });
        manager.record_stdout_bytes(u64::MAX);
        assert!(!manager.needs_stdout_rotation());
    }
}
