use std::time::Duration;

use perilune_exec_api::CommandLine;

use super::Outcome;
use crate::beside::{self, Failure, Surroundings};
use crate::process::launch::causes;

/// Runs a program that ends with 0 if all is well.
pub(super) async fn run(command: CommandLine, around: &Surroundings, within: Duration) -> Outcome {
    let program = match &command {
        CommandLine::Argv { program, .. } => program.clone(),
        CommandLine::Shell(text) | CommandLine::Auto(text) => text.clone(),
    };
    let (error, output) = match beside::run(command, around, within).await {
        Ok(ran) if ran.exit.success() => (None, ran.output),
        Ok(ran) => (Some(format!("`{program}` {}", beside::how_it_ended(&ran.exit))), ran.output),
        Err(Failure::Late { output }) => {
            let within = humantime::format_duration(within);
            (Some(format!("`{program}` did not end within {within}")), output)
        }
        Err(Failure::Exec(error)) => (Some(causes(&error)), String::new()),
    };
    Outcome { error, details: (!output.is_empty()).then_some(output) }
}
