//! Random lives of a handful of actors, on any scheduler and in a model.

mod compare;
mod model;
mod ops;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use perilune_actor_core::{
    ActorError, Envelope, ErrorKind, ExitReason, Failure, Outcome, Pid, Scheduler, Signal, Value,
};

use crate::harness::Harness;
use crate::probe::{Plan, Probe, failure, topic};
use crate::stage::Stage;

use model::{Cause, Ends, Id, Message, Model, Related};
use ops::{NAMES, SEATS};

pub use ops::{ActorOp, actor_ops};

/// Does the operations on a scheduler and on a model, and compares after each: results, who lives and who ended why,
/// relations, names, and the messages and events that every actor sees.
///
/// Between two operations everything comes to rest, so what an operation leads to is fixed but for the order of what
/// comes from different actors. On a single worker even that follows the causes. Without a virtual clock, deadlines are
/// left out.
///
/// # Panics
/// The two disagree.
pub fn check_actors<H: Harness>(harness: &H, ops: &[ActorOp]) {
    let clock = harness.capabilities().virtual_clock;
    let stage = if clock { Stage::with_clock(harness).expect("a virtual clock") } else { Stage::new(harness) };
    let single = stage.scheduler.workers().len() == 1;
    let mut run = Run {
        stage,
        clock,
        single,
        model: Model::default(),
        probes: Vec::new(),
        reasons: BTreeMap::new(),
        seats: BTreeMap::new(),
    };
    for (step, &op) in ops.iter().enumerate() {
        // What the panic message of a disagreement begins with.
        let here = format!("operation {step}, {op:?}");
        let ends = run.apply(op, step, &here);
        run.compare(&ends, &here);
    }
    run.finish();
}

struct Run<'a, H: Harness> {
    stage: Stage<'a, H>,
    clock: bool,
    /// Whether there is only one worker.
    single: bool,
    model: Model,
    probes: Vec<Probe>,
    /// Why those ended that did.
    reasons: BTreeMap<Id, ExitReason>,
    /// Who has a place, or had it last.
    seats: BTreeMap<u8, Id>,
}

fn name(number: u8) -> String {
    format!("name {}", number % NAMES)
}

fn tens(count: u8) -> Duration {
    Duration::from_millis(10 * (1 + u64::from(count % 4)))
}

fn last_words(id: Id) -> ExitReason {
    ExitReason::normal(Value::Integer(id as i64))
}

fn terminated() -> Failure {
    Failure::new(ErrorKind::Canceled, "scripted end")
}

impl<H: Harness> Run<'_, H> {
    /// Who is, or was, at that place.
    fn at(&self, seat: u8) -> Option<Id> {
        self.seats.get(&(seat % SEATS)).copied()
    }

    fn living(&self, seat: u8) -> Option<Id> {
        self.at(seat).filter(|id| self.model.is_alive(*id))
    }

    fn pid(&self, id: Id) -> Pid {
        self.probes[id].pid()
    }

    fn apply(&mut self, op: ActorOp, step: usize, here: &str) -> Ends {
        match op {
            ActorOp::Spawn { seat, parent, relation, trap, name } => {
                let free = (0..SEATS).map(|offset| (seat + offset) % SEATS).find(|seat| self.living(*seat).is_none());
                if let Some(seat) = free {
                    let plan = Plan {
                        relation,
                        trap_links: trap,
                        name: name.map(|n| self::name(n).into()),
                        ..Plan::holding()
                    };
                    self.spawn(seat, parent, plan, name.map(|name| name % NAMES), step, here);
                }
            }
            ActorOp::Link(a, b) => self.relate(a, b, step, here, true),
            ActorOp::Monitor(a, b) => self.relate(a, b, step, here, false),
            ActorOp::Unlink(a, b) => {
                if let (Some(a), Some(b)) = (self.living(a), self.at(b)) {
                    self.probes[a].unlink(self.pid(b));
                    self.model.unlink(a, b);
                }
            }
            ActorOp::Unmonitor(a, b) => {
                if let (Some(a), Some(b)) = (self.living(a), self.at(b)) {
                    self.probes[a].unmonitor(self.pid(b));
                    self.model.unmonitor(a, b);
                }
            }
            ActorOp::Register(by, name, who) => {
                if let Some(who) = self.at(who) {
                    self.register(by, name % NAMES, who, here);
                }
            }
            ActorOp::Unregister(by, name) => {
                let text = self::name(name);
                let removed = match self.living(by) {
                    Some(by) => self.probes[by].run(move |cx| cx.unregister(&text)),
                    None => self.stage.scheduler.names().unregister(&text),
                };
                assert_eq!(removed, self.model.names.remove(&(name % NAMES)).is_some(), "{here}");
            }
            ActorOp::Send(from, to) => {
                if let Some(to) = self.at(to) {
                    self.send(self.living(from), to, step as i64, here);
                }
            }
            ActorOp::Look(who) => {
                if let Some(who) = self.living(who) {
                    self.look(who, here);
                }
            }
            ActorOp::Trap(who, trap) => {
                if let Some(who) = self.living(who) {
                    self.probes[who].run(move |cx| cx.set_trap_links(trap));
                    self.model.actors[who].trap = trap;
                }
            }
            ActorOp::Become(who) => {
                if let Some(who) = self.living(who) {
                    self.probes[who].transform(Plan::holding());
                    self.model.transform(who);
                }
            }
            ActorOp::Return(who) => {
                if let Some(who) = self.living(who) {
                    self.probes[who].exit(last_words(who));
                    return self.model.end(vec![who], Cause::Returned);
                }
            }
            ActorOp::Fail(who) => {
                if let Some(who) = self.living(who) {
                    self.probes[who].fail();
                    return self.model.end(vec![who], Cause::Failed);
                }
            }
            ActorOp::Terminate(by, who) => {
                if let Some(who) = self.at(who) {
                    let pid = self.pid(who);
                    let done = match self.living(by) {
                        Some(by) => self.probes[by].run(move |cx| cx.terminate(pid, terminated())),
                        None => self.stage.scheduler.deliver(pid, Signal::Terminate(Arc::new(terminated()))),
                    };
                    assert_eq!(done, self.unless_gone(who), "{here}");
                    if done.is_ok() {
                        return self.model.end(vec![who], Cause::Terminated);
                    }
                }
            }
            ActorOp::Cancel(by, who, time) => {
                if let Some(who) = self.at(who) {
                    self.cancel(self.living(by), who, time.filter(|_| self.clock).map(tens), here);
                }
            }
            ActorOp::Advance(time) => {
                if self.clock {
                    self.stage.advance(tens(time));
                    return self.model.advance(tens(time));
                }
            }
        }
        Ends::new()
    }

    fn unless_gone(&self, who: Id) -> Result<(), ActorError> {
        if self.model.is_alive(who) { Ok(()) } else { Err(ActorError::NotFound(self.pid(who))) }
    }

    fn spawn(&mut self, seat: u8, parent: u8, plan: Plan, name: Option<u8>, step: usize, here: &str) {
        let parent = self.living(parent);
        let plan = Plan { messages: vec![(topic("born"), Value::Integer(step as i64))], ..plan };
        let (relation, trap) = (plan.relation, plan.trap_links);
        let started = match parent.map(|parent| &self.probes[parent]) {
            Some(parent) if step.is_multiple_of(3) => parent.spawn_here(plan),
            Some(parent) => parent.spawn(plan),
            None => self.stage.try_probe(plan),
        };
        match (started, self.model.spawn(parent, relation, trap, name)) {
            (Ok(probe), Some(id)) => {
                self.probes.push(probe);
                self.seats.insert(seat, id);
                self.model.actors[id].messages.push(Message { from: parent, number: step as i64 });
            }
            (Err(ActorError::NameTaken(_)), None) => {}
            (started, wanted) => panic!("{here}: {wanted:?} was started as {:?}", started.map(|probe| probe.pid())),
        }
    }

    fn relate(&mut self, a: u8, b: u8, step: usize, here: &str, link: bool) {
        let (Some(a), Some(b)) = (self.living(a), self.at(b)) else { return };
        let (probe, pid) = (&self.probes[a], self.pid(b));
        // Both ways to ask: for an answer that may come later, and for one at once.
        let done = match (link, step.is_multiple_of(2)) {
            (true, true) => probe.link(pid),
            (false, true) => probe.monitor(pid),
            (link, false) => match probe.run(move |cx| if link { cx.link(pid, None) } else { cx.monitor(pid, None) }) {
                Outcome::Done(result) => result,
                Outcome::Pending => panic!("{here}: without a token the answer comes at once"),
            },
        };
        let wanted = match if link { self.model.link(a, b) } else { self.model.monitor(a, b) } {
            Related::Done => Ok(()),
            Related::Already => Err(ActorError::AlreadyMonitoring(pid)),
            Related::Gone => Err(ActorError::NotFound(pid)),
        };
        assert_eq!(done, wanted, "{here}");
    }

    fn register(&mut self, by: u8, number: u8, who: Id, here: &str) {
        let (text, pid) = (name(number), self.pid(who));
        let done = match self.living(by) {
            Some(by) => self.probes[by].run(move |cx| cx.register(&text, pid)),
            None => self.stage.scheduler.names().register(&text, pid),
        };
        let taken = self.model.names.get(&number).is_some_and(|holder| *holder != who);
        match done {
            Err(ActorError::NameTaken(_)) => assert!(taken, "{here}"),
            Err(ActorError::NotFound(gone)) => assert!(gone == pid && !self.model.is_alive(who), "{here}"),
            Ok(()) => {
                assert!(!taken && self.model.is_alive(who), "{here}");
                self.model.names.insert(number, who);
            }
            Err(error) => panic!("{here}: {error}"),
        }
    }

    fn send(&mut self, from: Option<Id>, to: Id, number: i64, here: &str) {
        let pid = self.pid(to);
        let done = match from {
            Some(from) => self.probes[from].send(pid, "number", Value::Integer(number)),
            None => {
                let message = Envelope { from: None, topic: topic("number"), payload: Value::Integer(number) };
                self.stage.scheduler.deliver(pid, message.into())
            }
        };
        assert_eq!(done, self.unless_gone(to), "{here}");
        if done.is_ok() {
            self.model.actors[to].messages.push(Message { from, number });
        }
    }

    fn cancel(&mut self, by: Option<Id>, who: Id, delay: Option<Duration>, here: &str) {
        let pid = self.pid(who);
        let done = match by {
            Some(by) => self.probes[by].run(move |cx| cx.cancel(pid, delay)),
            None => {
                let deadline = delay.map(|delay| perilune_actor_core::Instant::from_start(self.model.now + delay));
                self.stage.scheduler.deliver(pid, Signal::Cancel { from: None, deadline, reason: None })
            }
        };
        assert_eq!(done, self.unless_gone(who), "{here}");
        if done.is_ok() {
            self.model.cancel(by, who, delay);
        }
    }
}
