use std::time::Duration;

use processkit::{Command, Outcome, RestartPolicy, RunningProcess, SupervisionSession, Supervisor};

use crate::library::{Ended, Kept, Library, Life, Program};

pub struct Processkit;

async fn command(program: &Program) -> Result<Command, String> {
    let mut command = Command::new(&program.command).args(&program.args);
    for (name, value) in &program.env {
        command = command.env(name, value);
    }
    if let Some(cwd) = &program.cwd {
        command = command.current_dir(cwd);
    }
    if let Some((out, err)) = &program.files {
        // Byte for byte, and without making the process wait for less than it has to.
        let open = async |path| tokio::fs::OpenOptions::new().create(true).append(true).open(path).await;
        let (out, err) = (open(out).await, open(err).await);
        command = command.stdout_raw_tee(out.map_err(|error| error.to_string())?);
        command = command.stderr_raw_tee(err.map_err(|error| error.to_string())?);
    }
    Ok(if program.dies_with_us { command.kill_on_parent_death() } else { command })
}

impl Library for Processkit {
    const NAME: &'static str = "processkit 3.3.4";
    const WORD: &'static str = "theirs";
    type Life = Running;
    type Kept = Session;

    fn holds_by() -> String {
        processkit::ProcessGroup::new()
            .map_or_else(|error| error.to_string(), |group| format!("{:?}", group.mechanism()))
    }

    async fn start(program: &Program) -> Result<Running, String> {
        command(program).await?.start().await.map(Running).map_err(|error| error.to_string())
    }

    async fn keep(program: &Program, most: Option<u32>, delay: Duration) -> Session {
        let supervisor = Supervisor::new(command(program).await.expect("its files"));
        let supervisor = supervisor.restart(RestartPolicy::Always).backoff(delay, 1.0).max_backoff(delay).jitter(false);
        let supervisor = match most {
            Some(most) => supervisor.max_restarts(most),
            None => supervisor,
        };
        Session(supervisor.start())
    }
}

pub struct Running(RunningProcess);

fn ended(outcome: processkit::Result<Outcome>) -> Result<Ended, String> {
    match outcome.map_err(|error| error.to_string())? {
        Outcome::Exited(code) => Ok(Ended { code: Some(code), signal: None }),
        Outcome::Signalled(signal) => Ok(Ended { code: None, signal }),
        other => Err(format!("{other:?}")),
    }
}

impl Life for Running {
    fn pid(&self) -> u32 {
        self.0.pid().expect("not reaped")
    }

    async fn wait(self) -> Result<Ended, String> {
        ended(self.0.wait().await)
    }

    async fn stop(self, grace: Duration) -> Result<Ended, String> {
        ended(self.0.shutdown(grace).await)
    }
}

pub struct Session(SupervisionSession);

impl Kept for Session {
    fn pid(&self) -> Option<u32> {
        self.0.status().pid()
    }

    fn restarts(&self) -> u32 {
        self.0.status().restarts()
    }

    fn is_active(&self) -> bool {
        self.0.status().is_active()
    }

    async fn stop(self) {
        drop(self.0.stop(Duration::from_secs(2)).await);
    }
}
