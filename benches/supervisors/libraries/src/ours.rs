use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use perilune_exec_native::{Launch, guardian};
use perilune_supervisor::log::LogConfig;
use perilune_supervisor::process::{ProcessRunner, ProcessSpec};
use perilune_supervisor::restart::{BackoffConfig, RestartConfig, RestartPolicy};
use perilune_supervisor::{Phase, ShutdownOptions, SupervisionOptions, Supervisor, SupervisorConfig};

use crate::library::{Ended, Kept, Library, Life, Program};

pub struct Perilune;

fn spec(program: &Program) -> ProcessSpec {
    let mut log = LogConfig { rotation: None, ..LogConfig::default() };
    if let Some((out, err)) = &program.files {
        (log.out_file, log.err_file) = (Some(out.clone()), Some(err.clone()));
    }
    let mut spec = ProcessSpec::builder().name("w").command(&program.command).args(&program.args).log(log);
    if let Some(cwd) = &program.cwd {
        spec = spec.cwd(cwd);
    }
    spec.envs(program.env.iter().cloned()).build()
}

impl Library for Perilune {
    const NAME: &'static str = "perilune-supervisor 0.1.0";
    const WORD: &'static str = "ours";
    type Life = Runner;
    type Kept = Supervised;

    fn holds_by() -> String {
        "looking at the table of processes".to_owned()
    }

    fn prepare() {
        let mut helper = Launch::new("/proc/self/exe");
        helper.args = vec!["--guardian".into()];
        guardian::arm(helper);
    }

    async fn start(program: &Program) -> Result<Runner, String> {
        let mut options = SupervisionOptions::default();
        options.die_with_runtime = program.dies_with_us;
        let mut runner = ProcessRunner::try_new(spec(program), 0, options, None).map_err(|error| error.to_string())?;
        runner.start().map_err(|error| error.to_string())?;
        Ok(Runner(runner))
    }

    async fn keep(program: &Program, most: Option<u32>, delay: Duration) -> Supervised {
        let mut config = SupervisorConfig::default();
        config.max_restarts = u32::MAX;
        let supervisor = Supervisor::new(config);
        let mut spec = spec(program);
        spec.restart = RestartConfig {
            policy: RestartPolicy::Permanent,
            max_restarts: most.unwrap_or(u32::MAX),
            backoff: BackoffConfig::Fixed { delay },
            ..RestartConfig::default()
        };
        supervisor.register(spec).await.expect("a name");
        supervisor.start("w").await.expect("a start");
        Supervised(supervisor)
    }
}

pub struct Runner(ProcessRunner);

fn ended(status: Option<ExitStatus>) -> Result<Ended, String> {
    let status = status.ok_or("there is no process")?;
    Ok(Ended { code: status.code(), signal: status.signal() })
}

impl Life for Runner {
    fn pid(&self) -> u32 {
        self.0.last_pid().expect("a start")
    }

    async fn wait(mut self) -> Result<Ended, String> {
        ended(self.0.wait().await)
    }

    async fn stop(mut self, grace: Duration) -> Result<Ended, String> {
        self.0.stop(grace).await.map_err(|error| error.to_string())?;
        let exit = self.0.last_exit().ok_or("no end")?;
        Ok(Ended { code: exit.code, signal: exit.signal })
    }
}

pub struct Supervised(Supervisor);

impl Kept for Supervised {
    fn pid(&self) -> Option<u32> {
        self.0.handle("w", 0).ok()?.pid
    }

    fn restarts(&self) -> u32 {
        self.0.handle("w", 0).expect("a name").restart_count
    }

    fn is_active(&self) -> bool {
        self.0.status().iter().any(|status| status.phase != Phase::GaveUp)
    }

    async fn stop(self) {
        self.0.shutdown(ShutdownOptions::default()).await;
    }
}
