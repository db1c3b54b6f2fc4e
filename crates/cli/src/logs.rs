use std::io::IsTerminal;

use perilune_runtime::Config;
use tracing_subscriber::EnvFilter;

use crate::args::Common;

/// Sends log lines to standard error, readable on a terminal and as JSON elsewhere.
pub(crate) fn start(common: &Common, config: &Config) {
    if common.silent {
        return;
    }
    let level = match common.verbose {
        0 => config.log_level.as_str(),
        1 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::new(level);
    let is_terminal = std::io::stderr().is_terminal();
    let readable = match config.log_encoding.as_str() {
        "console" => true,
        "json" => common.console,
        _ => common.console || is_terminal,
    };
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Nobody else can have set a subscriber in this program, so there is no error to report.
    let _ = match readable {
        true => logs.with_ansi(is_terminal).with_target(false).try_init(),
        false => logs.json().flatten_event(true).try_init(),
    };
}
