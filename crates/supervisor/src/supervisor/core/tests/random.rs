//! Random commands and observations against what always holds.

use std::collections::{BTreeSet, HashSet};

use perilune_restart::RestartStrategy;
use proptest::prelude::*;

use crate::health::{CheckType, HealthCheckConfig};
use crate::supervisor::OnExceeded;

use super::*;

const NAMES: [&str; 4] = ["one", "two", "three", "four"];

#[derive(Debug, Clone)]
enum Move {
    Start(usize),
    StartAll,
    Stop(usize),
    StopInstance(usize, u32),
    StopAll,
    Restart(usize),
    Roll(usize, u32),
    Kill(usize, u32),
    Signal(usize),
    Scale(usize, u32),
    Update(usize, bool),
    Unregister(usize),
    Register(usize),
    Wait(usize, Condition),
    Shutdown(Option<u64>),
    /// Something becomes of one of the runs there are.
    Run(usize, Fate),
    /// Something is said of one that is over.
    Late(Fate),
    Pass(u64),
}

#[derive(Debug, Clone)]
enum Fate {
    Launched,
    LaunchFailed,
    Ready,
    Checked(bool),
    Ended(u8),
    StopFailed,
    Sampled(u64),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Launched),
        1 => Just(Fate::LaunchFailed),
        2 => Just(Fate::Ready),
        3 => any::<bool>().prop_map(Fate::Checked),
        5 => (0..7_u8).prop_map(Fate::Ended),
        1 => Just(Fate::StopFailed),
        1 => (0..200_u64).prop_map(Fate::Sampled),
    ]
}

fn step() -> impl Strategy<Value = Move> {
    let conditions = prop_oneof![
        Just(Condition::Started),
        Just(Condition::Ready),
        Just(Condition::Healthy),
        Just(Condition::Completed),
        Just(Condition::CompletedSuccessfully),
    ];
    let name = 0..NAMES.len();
    prop_oneof![
        4 => name.clone().prop_map(Move::Start),
        3 => Just(Move::StartAll),
        2 => name.clone().prop_map(Move::Stop),
        1 => (name.clone(), 0..4_u32).prop_map(|(name, instance)| Move::StopInstance(name, instance)),
        1 => Just(Move::StopAll),
        2 => name.clone().prop_map(Move::Restart),
        1 => (name.clone(), 0..3_u32).prop_map(|(name, batch)| Move::Roll(name, batch)),
        1 => (name.clone(), 0..4_u32).prop_map(|(name, instance)| Move::Kill(name, instance)),
        1 => name.clone().prop_map(Move::Signal),
        2 => (name.clone(), 0..4_u32).prop_map(|(name, instances)| Move::Scale(name, instances)),
        1 => (name.clone(), any::<bool>()).prop_map(|(name, other)| Move::Update(name, other)),
        1 => name.clone().prop_map(Move::Unregister),
        1 => name.clone().prop_map(Move::Register),
        1 => (name, conditions).prop_map(|(name, condition)| Move::Wait(name, condition)),
        1 => proptest::option::of(0..20_u64).prop_map(Move::Shutdown),
        30 => (any::<prop::sample::Index>(), fate()).prop_map(|(run, fate)| Move::Run(run.index(64), fate)),
        2 => fate().prop_map(Move::Late),
        8 => (0..40_u64).prop_map(Move::Pass),
    ]
}

fn config() -> impl Strategy<Value = SupervisorConfig> {
    let strategy = prop_oneof![
        Just(RestartStrategy::OneForOne),
        Just(RestartStrategy::OneForAll),
        Just(RestartStrategy::RestForOne)
    ];
    let limit = prop_oneof![Just(3), Just(u32::MAX)];
    let exceeded = prop_oneof![Just(OnExceeded::KeepOthers), Just(OnExceeded::StopAll)];
    (strategy, limit, exceeded).prop_map(|(strategy, max_restarts, on_exceeded)| SupervisorConfig {
        strategy,
        max_restarts,
        on_exceeded,
        ..SupervisorConfig::default()
    })
}

fn registration(which: usize) -> (ProcessSpecBuilder, SupervisionOptions) {
    let delay = Duration::from_secs(which as u64);
    let restart = RestartConfig {
        max_restarts: 2,
        backoff: BackoffConfig::Fixed { delay },
        min_uptime: 10 * SECOND,
        circuit_reset: (which == 3).then_some(20 * SECOND),
        ..RestartConfig::default()
    };
    let health = HealthCheckConfig {
        check_type: CheckType::Liveness,
        interval: 5 * SECOND,
        unhealthy_threshold: 2,
        ..HealthCheckConfig::default()
    };
    let spec = ProcessSpec::builder().name(NAMES[which]).command("true").instances(1 + which as u32 % 2);
    let spec = spec.restart(restart).health(health);
    let options = options(|o| match which {
        1 => {
            o.depends_on = vec![on("one", Condition::Ready)];
            o.restart_with_dependency = true;
        }
        2 => {
            o.readiness = Readiness::NotifyFd;
            o.start_timeout = 8 * SECOND;
            o.max_memory = Some(100);
        }
        3 => {
            o.depends_on = vec![on("three", Condition::Started), on("two", Condition::Completed)];
            o.run_timeout = Some(60 * SECOND);
        }
        _ => {}
    });
    (spec, options)
}

/// What is known of the world by what was ordered and told.
struct World {
    stage: Stage,
    /// Runs that were ordered and have not ended, with whether they were launched.
    alive: Vec<(Uuid, bool)>,
    over: Vec<Uuid>,
    seen_launches: usize,
    seen_events: usize,
    tickets: Vec<Ticket>,
    states: HashMap<(String, u32), ProcessState>,
    ever: HashSet<(String, u32)>,
    shutting_down: bool,
}

impl World {
    fn new(config: SupervisorConfig) -> Self {
        let mut stage = Stage::new(config);
        for which in 0..NAMES.len() {
            let (spec, options) = registration(which);
            stage.register_with(spec, options);
        }
        Self {
            stage,
            alive: Vec::new(),
            over: Vec::new(),
            seen_launches: 0,
            seen_events: 0,
            tickets: Vec::new(),
            states: HashMap::new(),
            ever: HashSet::new(),
            shutting_down: false,
        }
    }

    fn take(&mut self, step: &Move) {
        let name = |which: &usize| NAMES[*which].to_owned();
        let command = match step {
            Move::Start(which) => start(NAMES[*which]),
            Move::StartAll => Command::Start(Target::All),
            Move::Stop(which) => stop(NAMES[*which]),
            Move::StopInstance(which, instance) => Command::Stop(Target::Instance(name(which), *instance)),
            Move::StopAll => Command::Stop(Target::All),
            Move::Restart(which) => restart(NAMES[*which]),
            Move::Roll(which, batch) => Command::RollingRestart { name: name(which), batch: *batch },
            Move::Kill(which, instance) => Command::Kill { name: name(which), instance: *instance },
            Move::Signal(which) => Command::Signal { name: name(which), instance: 0, signal: 1 },
            Move::Scale(which, instances) => Command::Scale { name: name(which), instances: *instances },
            Move::Update(which, other) => {
                let (spec, _) = registration(*which);
                let spec = if *other { spec.arg("other").instances(2) } else { spec };
                Command::Update { spec: Box::new(spec.build()), options: None }
            }
            Move::Unregister(which) => Command::Unregister { name: name(which) },
            Move::Register(which) => {
                let (spec, options) = registration(*which);
                Command::Register { spec: Box::new(spec.build()), options: Box::new(options) }
            }
            Move::Wait(which, condition) => {
                Command::WaitFor { name: name(which), condition: *condition, timeout: 30 * SECOND }
            }
            Move::Shutdown(deadline) => {
                self.shutting_down = true;
                Command::Shutdown { deadline: deadline.map(Duration::from_secs) }
            }
            Move::Run(index, fate) => {
                if !self.alive.is_empty() {
                    let index = index % self.alive.len();
                    self.befall(index, fate);
                }
                return;
            }
            Move::Late(fate) => {
                if let Some(run) = self.over.last().copied() {
                    let before = self.stage.events.len();
                    self.stage.observe(run, observation(fate, 1));
                    assert_eq!(self.stage.events.len(), before, "nothing follows from what is over");
                }
                return;
            }
            Move::Pass(time) => return self.stage.pass(Duration::from_secs(*time)),
        };
        let ticket = self.stage.ask(command);
        self.tickets.push(ticket);
    }

    fn befall(&mut self, index: usize, fate: &Fate) {
        let (run, launched) = self.alive[index];
        let ends = matches!(fate, Fate::Ended(_));
        match (fate, launched) {
            (Fate::Launched, true) | (Fate::LaunchFailed, true) => return,
            (Fate::Launched, false) => self.alive[index].1 = true,
            (Fate::LaunchFailed, false) => self.retire(index),
            // What is not launched can do nothing else.
            (_, false) => return,
            _ if ends => self.retire(index),
            _ => {}
        }
        self.stage.next_pid += 1;
        let pid = self.stage.next_pid;
        self.stage.observe(run, observation(fate, pid));
    }

    fn retire(&mut self, index: usize) {
        let (run, _) = self.alive.remove(index);
        self.over.push(run);
        self.answer_signals(run);
    }

    /// A run answers what was asked of it, at the latest at its end.
    fn answer_signals(&mut self, run: Uuid) {
        let asked = self.stage.did(|effect| match effect {
            Effect::Signal { run_id, ticket, .. } if *run_id == run => Some(*ticket),
            _ => None,
        });
        for ticket in asked {
            self.stage.observe(run, Observation::Answered { ticket, result: Ok(()) });
        }
    }

    fn check(&mut self) {
        for (name, run) in self.stage.launches.split_off(self.seen_launches) {
            assert!(!self.shutting_down, "`{name}` is launched during a shutdown");
            self.alive.push((run, false));
            self.stage.launches.push((name, run));
        }
        self.seen_launches = self.stage.launches.len();
        self.check_events();
        self.check_views();
    }

    fn check_events(&mut self) {
        let new = self.stage.events.get(self.seen_events..).unwrap_or_default();
        for (event, seq) in new.iter().zip(self.seen_events as u64 + 1..) {
            assert_eq!(event.seq, seq);
            if event.kind == EventKind::Unregistered {
                self.states.retain(|(name, _), _| *name != event.name);
                self.ever.retain(|(name, _)| *name != event.name);
            }
            let Some(instance) = event.instance else { continue };
            let key = (event.name.clone(), instance);
            if let EventKind::StateChanged { from, to, pid } = &event.kind {
                let before = self.states.get(&key).cloned().unwrap_or(ProcessState::Stopped { exit_code: None });
                assert_eq!(*from, before, "{key:?}");
                assert!(is_legal(from, to), "{from} -> {to}");
                assert_eq!(pid.is_some(), to.is_running());
                self.states.insert(key.clone(), to.clone());
                if to.is_running() {
                    self.ever.insert(key);
                }
            }
        }
        self.seen_events = self.stage.events.len();
    }

    fn check_views(&mut self) {
        let mut runs = BTreeSet::new();
        let mut there = HashSet::new();
        for views in self.stage.views.values() {
            for (view, number) in views.iter().zip(0..) {
                let name = view.spec.display_name(view.instance);
                let key = (view.spec.name.clone(), number);
                assert_eq!(view.instance, number);
                assert_eq!(view.spec.instances as usize, views.len(), "INV-0010");
                assert_eq!(view.pid.is_some(), view.state.is_running(), "INV-0008: {name}");
                assert_eq!(view.started_at.is_some(), self.ever.contains(&key), "INV-0009: {name}");
                let phase = view.phase;
                assert_eq!(phase == Phase::Up, view.state.is_running(), "{name}: {phase:?} {}", view.state);
                assert_eq!(phase == Phase::Stopping, view.state == ProcessState::Stopping, "{name}");
                let waits = matches!(phase, Phase::Backoff | Phase::WaitingForDependency | Phase::GaveUp);
                assert!(!waits || view.desired == Desired::Up || phase == Phase::GaveUp, "{name}: {phase:?}");
                assert_eq!(view.restart_at.is_some(), phase == Phase::Backoff, "{name}");
                if let Some(state) = self.states.get(&key) {
                    assert_eq!(*state, view.state, "{name}");
                }
                there.insert(key);
            }
        }
        // A new instance under an old number begins anew.
        self.states.retain(|key, _| there.contains(key));
        self.ever.retain(|key| there.contains(key));
        for entry in self.stage.core.entries.values() {
            for run in entry.instances.iter().filter_map(|instance| instance.run.as_ref()) {
                assert!(runs.insert(run.id));
            }
        }
        let alive: BTreeSet<Uuid> = self.alive.iter().map(|(run, _)| *run).collect();
        assert_eq!(runs, alive, "each run belongs to an instance, and each instance has one at most");
    }

    /// Everything comes to its end, and everybody gets an answer.
    fn finish(mut self) {
        // One that was to take its time may be over, with somebody left who could not be made to end.
        let over = self.stage.core.report.is_some();
        self.take(&Move::Shutdown(Some(0)));
        self.check();
        while let Some((run, launched)) = self.alive.first().copied() {
            let killed = self.stage.effects.iter().any(|e| matches!(e, Effect::Kill { run_id } if *run_id == run));
            assert!(killed || over);
            if launched {
                self.befall(0, &Fate::Ended(6));
            } else {
                self.befall(0, &Fate::LaunchFailed);
            }
            self.check();
        }
        for run in self.over.clone() {
            self.answer_signals(run);
        }
        assert!(self.stage.effects.iter().any(|effect| matches!(effect, Effect::Finished(_))));
        let unanswered: Vec<_> = self.tickets.iter().filter(|ticket| !self.stage.is_answered(**ticket)).collect();
        assert!(unanswered.is_empty(), "{unanswered:?} {:?}", self.stage.core.jobs);
        assert_eq!(self.stage.core.wake_at(), None, "nothing is due any more");
    }
}

fn observation(fate: &Fate, pid: u32) -> Observation {
    match fate {
        Fate::Launched => Observation::Launched { pid, containment: "scan", counts: None },
        Fate::LaunchFailed => Observation::LaunchFailed { error: "no".to_owned() },
        Fate::Ready => Observation::Ready,
        Fate::Checked(true) => Observation::Checked(HealthCheckResult::healthy(SECOND)),
        Fate::Checked(false) => Observation::Checked(HealthCheckResult::unhealthy(SECOND, "no")),
        Fate::Ended(how) => Observation::Ended(match how {
            0 => code(0),
            1 => code(1),
            2 => signal(11),
            3 => obeyed(),
            4 => end(None, None, EndReason::Lost),
            5 => end(None, Some(9), EndReason::StopTimeout),
            _ => end(None, Some(9), EndReason::Killed),
        }),
        Fate::StopFailed => Observation::StopFailed { error: "no".to_owned() },
        Fate::Sampled(memory) => Observation::Sampled { cpu_percent: None, memory_bytes: Some(*memory) },
    }
}

/// The steps of the table of states. A launch is one step, to wherever it leads.
fn is_legal(from: &ProcessState, to: &ProcessState) -> bool {
    use ProcessState::{Crashed, Running, Starting, Stopped, Stopping, Terminated, Unhealthy};
    match (from, to) {
        (from, Starting | Running) if from.has_exited() => true,
        (from, Crashed { exit_code: None }) if from.has_exited() => true,
        (Starting, Running) | (Running, Unhealthy) => true,
        (Starting | Running | Unhealthy, Stopping) => true,
        (Starting | Running | Unhealthy, Crashed { .. } | Terminated | Stopped { exit_code: Some(0) }) => true,
        // By the signal of a stop that somebody else's end answered.
        (Stopping, Stopped { .. } | Terminated | Crashed { exit_code: None }) => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_invariants_hold(config in config(), steps in proptest::collection::vec(step(), 1..120)) {
        let mut world = World::new(config);
        world.check();
        for step in &steps {
            world.take(step);
            world.check();
        }
        world.finish();
    }
}
