//! Programs that run beside an instance, for its sake: scripts that check it, commands before it is stopped.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use perilune_exec_api::{
    ByteStream, CommandLine, EnvMode, ExecError, ExecRequest, Executor, ExitInfo, Identity, Process, StdinMode, Stop,
};
use perilune_exec_native::{NOTIFY_SOCKET, NativeExecutor};

use crate::credentials::{SecretRedactor, SharedRedactor};

/// What a program that runs beside an instance shares with it. It has a tree of its own all the same, and a `SUP_RUN_ID`
/// of its own.
///
/// `Debug` shows names of variables and no values.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Surroundings {
    /// Which variables of this program are below those of the instance.
    pub env_mode: EnvMode,
    /// Whether those of them that look like secrets are left out.
    pub strip_sensitive_env: bool,
    /// The variables of the instance.
    pub env: BTreeMap<String, String>,
    /// Where it runs.
    pub work_dir: Option<PathBuf>,
    /// As whom it runs.
    pub identity: Identity,
    /// The number of its process; becomes `SUP_PID`.
    pub os_pid: Option<u32>,
    /// What nobody may see of what it writes.
    pub redactor: SharedRedactor,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("env_mode", &self.env_mode)
            .field("strip_sensitive_env", &self.strip_sensitive_env)
            .field("env", &self.env.keys())
            .field("work_dir", &self.work_dir)
            .field("identity", &self.identity)
            .field("os_pid", &self.os_pid)
            .finish()
    }
}

/// A program that ended in time.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: ExitInfo,
    pub(crate) output: String,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It did not end in time; nothing of it is left.
    Late { output: String },
    /// It could not be run.
    Exec(ExecError),
}

/// So much of the output is kept, from its beginning.
const OUTPUT: usize = 4 << 10;
/// How long output is read after the end, should somebody who got away still hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs a program to its end.
///
/// When `within` is over it is killed with all it started, and the call returns when that is gone. Dropping the future
/// kills it as well, in the background. What is left behind by a program that ended by itself is ended too.
pub(crate) async fn run(command: CommandLine, around: &Surroundings, within: Duration) -> Result<Ran, Failure> {
    let process = NativeExecutor::new().create(request(command, around)).map_err(Failure::Exec)?;
    let streams = [process.stdout(), process.stderr()];
    let [stdout, stderr] = streams.map(|stream| stream.map_err(Failure::Exec));
    let (stdout, stderr) = (stdout?, stderr?);
    let output = Mutex::new(Vec::new());
    let ran = tokio::time::timeout(within, to_the_end(&process, &stdout, &stderr, &around.redactor, &output)).await;
    let kept = |output: Mutex<Vec<u8>>| text(output.into_inner().unwrap_or_else(PoisonError::into_inner));
    match ran {
        Ok(Ok(exit)) => Ok(Ran { exit, output: kept(output) }),
        Ok(Err(error)) => Err(Failure::Exec(error)),
        Err(_) => {
            process.close(Stop::Force);
            process.swept().await;
            Err(Failure::Late { output: kept(output) })
        }
    }
}

async fn to_the_end(
    process: &Arc<dyn Process>,
    stdout: &Arc<dyn ByteStream>,
    stderr: &Arc<dyn ByteStream>,
    redactor: &SharedRedactor,
    output: &Mutex<Vec<u8>>,
) -> Result<ExitInfo, ExecError> {
    process.start().await?;
    let reading = async { tokio::join!(read(stdout, redactor, output), read(stderr, redactor, output)) };
    tokio::pin!(reading);
    let ended = process.wait();
    tokio::pin!(ended);
    let mut silent = false;
    let exit = loop {
        tokio::select! {
            exit = &mut ended => break exit?,
            _ = &mut reading, if !silent => silent = true,
        }
    };
    if !silent {
        let _ = tokio::time::timeout(LAST_WORDS, reading).await;
    }
    Ok(exit)
}

fn request(command: CommandLine, around: &Surroundings) -> ExecRequest {
    let mut request = ExecRequest::new(command);
    request.stdin = StdinMode::Null;
    request.work_dir.clone_from(&around.work_dir);
    request.env_mode = if around.strip_sensitive_env { stripped(&around.env_mode) } else { around.env_mode.clone() };
    request.env.clone_from(&around.env);
    // The descriptor and the socket are the instance's alone.
    request.env.remove(crate::readiness::NOTIFY_FD);
    request.env.remove(NOTIFY_SOCKET);
    if let Some(os_pid) = around.os_pid {
        request.env.insert("SUP_PID".to_owned(), os_pid.to_string());
    }
    request.identity = around.identity.clone();
    request
}

/// Without the variables that look like secrets.
fn stripped(mode: &EnvMode) -> EnvMode {
    let harmless = |name: &String| !SecretRedactor::is_sensitive_env_name(name);
    match mode {
        EnvMode::Clean => EnvMode::Clean,
        EnvMode::Inherit => {
            let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
            EnvMode::Allow(names.filter(|name| name != NOTIFY_SOCKET).filter(harmless).collect())
        }
        EnvMode::Allow(names) => EnvMode::Allow(names.iter().filter(|name| harmless(name)).cloned().collect()),
    }
}

/// Reads all of it, so that nobody is kept waiting for a reader, and keeps the beginning of what may be seen.
async fn read(stream: &Arc<dyn ByteStream>, redactor: &SharedRedactor, output: &Mutex<Vec<u8>>) {
    // Before it is cut: half a secret would not be recognised.
    let mut redactor = redactor.stream(OUTPUT);
    let keep = |bytes: &[u8]| {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        let room = OUTPUT.saturating_sub(output.len());
        output.extend(bytes.iter().take(room));
    };
    while let Ok(Some(bytes)) = stream.read(OUTPUT).await {
        keep(&redactor.push(&bytes));
    }
    keep(&redactor.finish());
}

/// Replacing what is no text makes it longer, so it is cut again.
fn text(bytes: Vec<u8>) -> String {
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    let mut end = OUTPUT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// Says in a few words how a program ended that should have ended with 0.
pub(crate) fn how_it_ended(exit: &ExitInfo) -> String {
    match (exit.code, exit.signal) {
        (Some(code), _) => format!("ended with {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended, and nobody knows how".to_owned(),
    }
}
