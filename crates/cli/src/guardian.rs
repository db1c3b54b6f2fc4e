//! The guardian of OS processes is this program itself, called in a way that no help speaks of.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;

use perilune_exec_native::{Launch, guardian};

const MODE: &str = "__guardian";

/// Is the guardian, if this program was started to be that.
pub(crate) fn serve() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next().as_deref() != Some(OsStr::new(MODE)) || args.next().is_some() {
        return None;
    }
    Some(match guardian::serve(std::io::stdin()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

/// To be called by every command that may start OS programs, before it can have started any: should this program be
/// killed, nothing of them is left. There is no guardian until there is something to guard.
pub(crate) fn arm() {
    match program() {
        Ok(program) => {
            let mut helper = Launch::new(program);
            helper.args = vec![MODE.into()];
            guardian::arm(helper);
        }
        Err(error) => tracing::warn!(%error, "no guardian: what programs start outlives this one if it is killed"),
    }
}

/// On Linux this very program, even if its file has been replaced by another one since.
fn program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// To be called when everything has ended in order.
pub(crate) fn goodbye() {
    guardian::goodbye();
}
