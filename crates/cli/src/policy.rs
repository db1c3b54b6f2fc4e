//! `perilune policy`: what policies decide, and why.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use perilune_runtime::{PolicyBook, PolicyQuestion, PolicyQuestionError};

use crate::args::{Common, of_path};
use crate::{USAGE, complain, load};

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print a decision, and what each policy has to do with it
    #[command(after_help = AFTER_EXPLAIN)]
    Explain(Explain),
    /// Run a table of expected decisions
    #[command(after_help = AFTER_TEST)]
    Test {
        /// The table, a YAML file
        file: PathBuf,
        /// The application's folder
        path: Option<PathBuf>,
    },
}

const AFTER_EXPLAIN: &str = "\
Without --group and --policy, all policies of the application are asked. Dots in a KEY lead into maps; a VALUE is a
number, a boolean, null or a list as in YAML, or else text. Exit codes: 0 for allow, 1 for deny and undefined, 2 for
wrong usage or an application that cannot be loaded.

  perilune policy explain ./shop --actor alice --meta role=analyst --group app:analysts \\
      --action read --resource app.reports:sales";

const AFTER_TEST: &str = "\
Exit codes: 0 if all decisions are as expected, 1 if not, 2 for wrong usage, or a table or application that cannot be
loaded. A table:

  defaults:                  # of all tests, if wanted
    actor: {id: alice, meta: {role: analyst}}
    groups: [app:analysts]   # without groups and policies, all policies are asked
  tests:
    - name: analysts read reports
      action: read
      resource: app.reports:sales
      expect: allow          # or deny, or undefined
    - {actor: {meta: {role: guest}}, action: read, resource: app.reports:sales, expect: undefined}";

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The application's folder
    path: Option<PathBuf>,
    /// Who asks
    #[arg(long, value_name = "ID")]
    actor: String,
    /// What is known of who asks
    #[arg(long, value_name = "KEY=VALUE")]
    meta: Vec<String>,
    /// A group whose policies are asked
    #[arg(long = "group", value_name = "NS:NAME")]
    groups: Vec<String>,
    /// A policy that is asked
    #[arg(long = "policy", value_name = "NS:NAME")]
    policies: Vec<String>,
    /// What for
    #[arg(long)]
    action: String,
    /// To what
    #[arg(long)]
    resource: String,
    /// What the call tells of itself, such as its pid
    #[arg(long = "attribute", value_name = "KEY=VALUE")]
    attributes: Vec<String>,
}

pub(crate) fn main(common: &Common, command: PolicyCommand) -> ExitCode {
    match command {
        PolicyCommand::Explain(explain) => with_book(common, explain.path.clone(), |book| {
            let question = question(explain).and_then(|question| book.explain(&question));
            match question {
                Ok(report) => tell(&report, report.decision().is_allowed()),
                Err(error) => complain(&format!("error: {error}"), USAGE),
            }
        }),
        PolicyCommand::Test { file, path } => with_book(common, path, |book| match book.test(&file) {
            Ok(tests) => tell(&tests, tests.failed() == 0),
            Err(found) => complain(&found.to_string(), USAGE),
        }),
    }
}

fn with_book(common: &Common, path: Option<PathBuf>, ask: impl FnOnce(&PolicyBook) -> ExitCode) -> ExitCode {
    let path = path.or_else(|| common.dir.clone()).unwrap_or_else(|| ".".into());
    let opened = load(common, &of_path(path)).and_then(|loaded| {
        if !common.silent && !loaded.warnings.is_empty() {
            eprintln!("{}", loaded.warnings);
        }
        PolicyBook::open(&loaded)
    });
    match opened {
        Ok(book) => ask(&book),
        Err(found) => complain(&found.to_string(), USAGE),
    }
}

fn question(explain: Explain) -> Result<PolicyQuestion, PolicyQuestionError> {
    let mut question = PolicyQuestion::new(explain.actor, explain.action, explain.resource);
    question.groups = explain.groups;
    question.policies = explain.policies;
    question.with_meta(explain.meta)?.with_attributes(explain.attributes)
}

fn tell(result: &impl Display, is_good: bool) -> ExitCode {
    // Whoever does not read it still gets the exit code.
    let _ = writeln!(std::io::stdout(), "{result}");
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
