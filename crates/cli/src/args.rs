use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::policy::PolicyCommand;
use crate::supervise::SuperviseCommand;

/// Runs applications of Lua actors.
#[derive(Debug, Parser)]
#[command(name = "perilune", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an application or a script
    #[command(after_help = AFTER_RUN)]
    Run(Run),
    /// Load everything, compile every script, and print what is wrong
    Check {
        /// The application's folder, or a script
        path: Option<PathBuf>,
    },
    /// Ask the policies of an application, or test them
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Keep OS processes alive
    #[command(subcommand)]
    Supervise(SuperviseCommand),
}

const AFTER_RUN: &str = "\
The first argument is a folder or script when it contains a `/`, is `.` or `..`, ends in `.lua`, or the current
folder holds no application. What follows `--` goes to the command untouched.

  perilune run hello.lua             run a script
  perilune run shop                  start the application in ./shop if the current folder has none
  perilune run ./shop import a.csv   run its command `import`
  perilune run ./shop list           list its commands";

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A folder or script, then a command and its arguments
    #[arg(value_name = "DIR | FILE.lua | COMMAND | ARGS")]
    pub(crate) rest: Vec<String>,
    /// Start this entry instead of a command
    #[arg(short = 'x', long = "exec", value_name = "NS:ENTRY")]
    pub(crate) exec: Option<String>,
    /// Terminal host to use when there are several
    #[arg(long, value_name = "ID")]
    pub(crate) host: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// No log output
    #[arg(short, long, global = true)]
    pub(crate) silent: bool,
    /// Human-readable coloured logs; with -s, program output only
    #[arg(short, long, global = true)]
    pub(crate) console: bool,
    /// More log detail; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Configuration file; later ones win
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,
    /// Override one setting
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Override a field of an entry
    #[arg(short = 'o', long = "override", global = true, value_name = "NS:NAME:FIELD=VALUE")]
    pub(crate) overrides: Vec<String>,
    /// The application's folder
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) dir: Option<PathBuf>,
    /// Worker threads of the runtime; 0 = one per processor
    #[arg(long, global = true, value_name = "N", default_value_t = 0)]
    pub(crate) workers: usize,
}

/// What a run is of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Folder(PathBuf),
    Script(PathBuf),
}

/// Takes the folder or script from the front of the arguments of a run in the folder `here`.
pub(crate) fn target(here: &Path, dir: Option<&Path>, rest: &mut Vec<String>) -> Target {
    if let Some(dir) = dir {
        return Target::Folder(dir.to_owned());
    }
    let here_is_one = || has_index(here, 3);
    let is_path = rest.first().is_some_and(|first| {
        first.contains('/') || first == "." || first == ".." || first.ends_with(".lua") || !here_is_one()
    });
    if !is_path {
        return Target::Folder(".".into());
    }
    let path = PathBuf::from(rest.remove(0));
    of_path(path)
}

pub(crate) fn of_path(path: PathBuf) -> Target {
    let is_script = path.extension().is_some_and(|extension| extension == "lua") && !path.is_dir();
    if is_script { Target::Script(path) } else { Target::Folder(path) }
}

/// Whether an `_index.yaml` is somewhere below, not too deep.
fn has_index(folder: &Path, depth: u32) -> bool {
    let Ok(items) = std::fs::read_dir(folder) else { return false };
    items.flatten().any(|item| {
        let name = item.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".") || name == "node_modules";
        name == "_index.yaml" || depth > 0 && !hidden && item.path().is_dir() && has_index(&item.path(), depth - 1)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_count_anywhere_before_the_dashes() {
        let cli = Cli::parse_from(["perilune", "run", "-c", "./app", "test", "-s", "a", "--", "-x", "--host"]);
        let Command::Run(run) = cli.command else { panic!("not a run") };
        assert!(cli.common.silent && cli.common.console);
        assert_eq!(run.rest, ["./app", "test", "a", "-x", "--host"]);
        assert_eq!(run.exec, None);
    }

    #[test]
    fn first_argument_is_a_path_when_it_looks_like_one() {
        let here = tempfile::tempdir().unwrap();
        let check = |args: &[&str], expected: Target, left: &[&str]| {
            let mut rest = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert_eq!(target(here.path(), None, &mut rest), expected);
            assert_eq!(rest, left);
        };
        check(&["a/b", "x"], Target::Folder("a/b".into()), &["x"]);
        check(&["."], Target::Folder(".".into()), &[]);
        check(&["hello.lua", "1"], Target::Script("hello.lua".into()), &["1"]);
        // There is no application here, so it can only be a folder.
        check(&["name"], Target::Folder("name".into()), &[]);
        check(&[], Target::Folder(".".into()), &[]);
        std::fs::create_dir(here.path().join("app")).unwrap();
        std::fs::write(here.path().join("app/_index.yaml"), "").unwrap();
        check(&["name"], Target::Folder(".".into()), &["name"]);
        let mut rest = vec!["command".to_owned()];
        assert_eq!(target(here.path(), Some("d".as_ref()), &mut rest), Target::Folder("d".into()));
        assert_eq!(rest, ["command"]);
    }
}
