//! Random lives of a runner, beside what may be true of them.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// What is run. Nothing but a start, an end and time changes it.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Returns this at once.
    Quick(i32),
    /// Obeys every signal.
    Sleeper,
    /// Ignores the request to end.
    Stubborn,
    /// Cannot be started.
    Missing,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Start,
    Stop {
        grace: u64,
    },
    /// A stop with much time that is given up after so many microseconds.
    LeaveStop(u64),
    Kill,
    LeaveKill,
    /// A wait that is given up if it takes longer than so many microseconds.
    Wait(u64),
    TryWait,
    /// One that means nothing to anybody.
    Signal,
    BadSignal,
    /// SIGKILL that is not meant as an end: as if from outside.
    Hit,
    ControlStop,
    ControlKill,
    Pause,
}

/// What has been done to the newest run, unless it had ended before.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    asked: bool,
    killed: bool,
    hit: bool,
    /// A controller has asked for the end, which the runner sees when it is called next.
    controlled: bool,
}

const LONG: Duration = Duration::from_secs(60);

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Quick(0)),
        Just(Kind::Quick(9)),
        Just(Kind::Sleeper),
        Just(Kind::Stubborn),
        Just(Kind::Missing),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Start),
        2 => prop_oneof![Just(0), Just(20)].prop_map(|grace| Step::Stop { grace }),
        2 => (0..2000_u64).prop_map(Step::LeaveStop),
        1 => Just(Step::Kill),
        1 => Just(Step::LeaveKill),
        2 => (0..20_000_u64).prop_map(Step::Wait),
        2 => Just(Step::TryWait),
        1 => Just(Step::Signal),
        1 => Just(Step::BadSignal),
        1 => Just(Step::Hit),
        1 => Just(Step::ControlStop),
        1 => Just(Step::ControlKill),
        1 => Just(Step::Pause),
    ]
}

fn spec(kind: Kind) -> ProcessSpec {
    let line = match kind {
        Kind::Quick(code) => format!("exit {code}"),
        Kind::Sleeper => "exec sleep 600".to_owned(),
        Kind::Stubborn => "trap '' TERM; echo; while :; do sleep 600; done".to_owned(),
        Kind::Missing => String::new(),
    };
    let command = if matches!(kind, Kind::Missing) { "there-is-no-such-program" } else { "sh" };
    ProcessSpec::builder().name("model").command(command).args(["-c", &line]).build()
}

/// Whether the system still runs it. A zombie does not run.
fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rfind(')').and_then(|end| stat.get(end + 2..)?.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// One runner and what has been done to it.
struct Life {
    kind: Kind,
    runner: ProcessRunner,
    done: Done,
    starts: u32,
}

/// What was seen of it between two steps.
#[derive(Clone, Debug)]
struct Seen {
    state: ProcessState,
    run: Option<Uuid>,
    last_pid: Option<u32>,
    started_at: Option<DateTime<Utc>>,
    had_child: bool,
}

impl Life {
    fn new(kind: Kind) -> Self {
        Self { kind, runner: ProcessRunner::new(spec(kind), 0), done: Done::default(), starts: 0 }
    }

    fn seen(&self) -> Seen {
        Seen {
            state: self.runner.state().clone(),
            run: self.runner.run_id(),
            last_pid: self.runner.last_pid(),
            started_at: self.runner.started_at(),
            had_child: self.runner.child.is_some(),
        }
    }

    async fn take(&mut self, step: Step) {
        let before = self.seen();
        let stops = before.state.is_running() && !self.done.controlled;
        let invalid = |result: &Result<(), ProcessError>| matches!(result, Err(ProcessError::InvalidState(_)));
        match step {
            Step::Start => {
                let started = self.runner.start();
                match (&started, self.kind) {
                    (Ok(()), Kind::Missing) => panic!("it cannot be started"),
                    (Ok(()), _) => {
                        // Whoever was there before has ended.
                        assert!(before.last_pid.is_none_or(|pid| Some(pid) == self.runner.last_pid() || !alive(pid)));
                        (self.done, self.starts) = (Done::default(), self.starts + 1);
                        assert_eq!(self.runner.state(), &ProcessState::Running);
                        if matches!(self.kind, Kind::Stubborn) {
                            let ready = || !self.runner.recent_output(LogStream::Stdout).is_empty();
                            until("it is ready", ready).await;
                        }
                    }
                    (Err(ProcessError::SpawnFailed(_)), Kind::Missing) => self.done = Done::default(),
                    (Err(error), _) => assert!(before.had_child && invalid(&started), "{error}"),
                }
            }
            Step::Stop { grace } => {
                let stopped = self.runner.stop(Duration::from_millis(grace)).await;
                assert_eq!(stopped.is_ok(), stops, "{stopped:?}");
                assert!(stops || invalid(&stopped));
                self.done.asked |= stops;
                self.done.killed |= stops;
                assert!(!stops || self.runner.state().has_exited());
            }
            Step::LeaveStop(after) => {
                self.done.asked |= stops;
                let given_up = tokio::time::timeout(Duration::from_micros(after), self.runner.stop(LONG)).await;
                assert!(given_up.is_err() || given_up.is_ok_and(|stopped| stopped.is_ok() == stops));
            }
            Step::Kill => {
                self.done.killed |= before.had_child;
                let killed = self.runner.kill().await;
                assert_eq!((killed.is_ok(), invalid(&killed)), (before.had_child, !before.had_child));
                assert!(self.runner.state().has_exited());
            }
            Step::LeaveKill => {
                self.done.killed |= before.had_child;
                let given_up = tokio::time::timeout(Duration::ZERO, self.runner.kill()).await;
                assert!(given_up.is_err() || given_up.is_ok_and(|killed| killed.is_ok() == before.had_child));
            }
            Step::Wait(after) => {
                let waited = tokio::time::timeout(Duration::from_micros(after), self.runner.wait()).await;
                if let Ok(status) = waited {
                    assert_eq!(status.is_some(), before.had_child);
                    assert!(self.runner.state().has_exited());
                }
            }
            Step::TryWait => {
                let status = self.runner.try_wait();
                assert_eq!(status.is_some(), before.had_child && self.runner.state().has_exited());
            }
            Step::Signal => {
                let sent = self.runner.signal("CONT");
                assert_eq!(sent.is_ok(), stops && self.runner.state().is_running(), "{sent:?}");
                assert!(sent.is_ok() || invalid(&sent));
            }
            Step::BadSignal => {
                let sent = self.runner.signal("nothing");
                assert!(matches!(sent, Err(ProcessError::SignalFailed(_))) || invalid(&sent));
            }
            Step::Hit => {
                self.done.hit |= before.had_child;
                let hit = self.runner.controller().signal(9);
                assert!(hit.is_ok() || invalid(&hit));
            }
            Step::ControlStop => {
                let asked = self.runner.controller().stop(LONG);
                self.done.asked |= asked.is_ok();
                self.done.controlled |= asked.is_ok();
                assert!((asked.is_ok() && before.had_child) || invalid(&asked));
            }
            Step::ControlKill => {
                let asked = self.runner.controller().kill();
                self.done.killed |= asked.is_ok();
                self.done.controlled |= asked.is_ok();
                assert!((asked.is_ok() && before.had_child) || invalid(&asked));
            }
            Step::Pause => tokio::time::sleep(Duration::from_millis(3)).await,
        }
        self.check(&before, step);
    }

    fn check(&self, before: &Seen, step: Step) {
        let (now, runner) = (self.seen(), &self.runner);
        // INV-0006 and INV-0007: one way, and back by a start alone.
        let began = matches!(step, Step::Start) && now.run != before.run;
        let legal = match (&before.state, &now.state) {
            (before, now) if before == now => true,
            (_, ProcessState::Running) => began,
            (_, ProcessState::Crashed { exit_code: None }) if began => true,
            (ProcessState::Running, ProcessState::Stopping) => self.done.asked || self.done.killed,
            (ProcessState::Running, end) => end.has_exited(),
            (ProcessState::Stopping, end) => end.has_exited(),
            _ => false,
        };
        assert!(legal, "from {:?} to {:?}", before.state, now.state);
        assert!(began || now.run == before.run);
        // INV-0008.
        assert_eq!(runner.pid().is_some(), now.state.is_running());
        assert!(runner.pid().is_none_or(|pid| runner.last_pid() == Some(pid)));
        // INV-0009.
        assert_eq!(now.started_at.is_some(), self.starts > 0);
        assert!(now.started_at >= before.started_at);
        // INV-0010.
        assert!(runner.instance() < runner.spec().instances);
        // INV-0011.
        assert_eq!(now.had_child, !now.state.has_exited());
        // INV-0012: whoever has no process has none, and whoever has one of a lasting kind has one that lives.
        let pid = now.last_pid.filter(|_| self.starts > 0);
        assert!(now.had_child || pid.is_none_or(|pid| !alive(pid)), "{pid:?} lives on");
        let lasting = matches!(self.kind, Kind::Sleeper | Kind::Stubborn);
        let untouched = !(self.done.asked || self.done.killed || self.done.hit);
        assert!(!(lasting && untouched && now.had_child) || pid.is_some_and(alive));
        if now.state.has_exited() && self.starts > 0 && runner.last_exit().is_some() {
            assert!(self.may_end(&now.state), "{:?} after {:?}", now.state, self.done);
        }
    }

    /// Whether what was done to the newest run can have had this end.
    fn may_end(&self, end: &ProcessState) -> bool {
        let Done { asked, killed, hit, .. } = self.done;
        let own = match self.kind {
            Kind::Quick(0) => *end == ProcessState::Stopped { exit_code: Some(0) },
            Kind::Quick(code) => {
                let stopped = *end == ProcessState::Stopped { exit_code: Some(code) };
                *end == ProcessState::Crashed { exit_code: Some(code) } || (asked && stopped)
            }
            Kind::Sleeper | Kind::Stubborn | Kind::Missing => false,
        };
        let obeyed = matches!(end, ProcessState::Stopped { exit_code: None });
        let obeys = asked && (hit || !matches!(self.kind, Kind::Stubborn));
        let hit = hit && matches!(end, ProcessState::Crashed { exit_code: None });
        own || hit || (obeyed && obeys) || (killed && *end == ProcessState::Terminated)
    }
}

fn check(kind: Kind, steps: &[Step]) {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    tokio.block_on(async {
        let mut life = Life::new(kind);
        for step in steps {
            let took = tokio::time::timeout(Duration::from_secs(60), life.take(*step)).await;
            assert!(took.is_ok(), "{step:?} never came back");
        }
        let pid = life.runner.last_pid();
        drop(life);
        let gone = || pid.is_none_or(|pid| std::fs::metadata(format!("/proc/{pid}")).is_err());
        until("it has been reaped", gone).await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn inv_0006_to_0012_hold_in_every_life(kind in kind(), steps in prop::collection::vec(step(), 1..25)) {
        check(kind, &steps);
    }
}

#[test]
fn inv_0011_there_is_a_child_exactly_while_there_is_a_process() {
    use Step::{Kill, LeaveStop, Pause, Start, Stop, TryWait, Wait};
    check(Kind::Stubborn, &[Start, TryWait, LeaveStop(100), TryWait, Start, Kill, Start, Stop { grace: 20 }, Wait(10)]);
    check(Kind::Quick(9), &[Start, Wait(60_000_000), TryWait, Start, Pause, Start, Kill]);
    check(Kind::Missing, &[Start, TryWait, Start, Kill, Wait(10)]);
}

#[test]
fn inv_0012_a_status_that_was_lost_is_a_crash() {
    let lost = ExitInfo::new(None, None, EndReason::Lost);
    assert_eq!((end(&lost), status(&lost)), (ProcessState::Crashed { exit_code: None }, None));
}
