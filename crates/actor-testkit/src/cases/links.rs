use std::collections::HashMap;
use std::sync::Arc;

use perilune_actor_core::{
    ActorError, ErrorKind, Event, ExitReason, Failure, Outcome, Pid, Placement, Relation, Scheduler, Step,
};

use crate::cases::ROUNDS;
use crate::cases::monitors::targets;
use crate::harness::Harness;
use crate::probe::{Plan, Probe, failure};
use crate::stage::{Stage, acting, wait};

/// Checks the reason of an actor that ended because `of` did.
fn is_failure_of(reason: &ExitReason, of: Pid) {
    let failure = reason.failure().expect("a failure");
    assert_eq!(
        (failure.kind.clone(), failure.message.clone()),
        (ErrorKind::Internal, format!("linked process failed: {of}"))
    );
}

fn relations<H: Harness>(stage: &Stage<'_, H>, pid: Pid) -> (usize, usize, usize) {
    stage.find(pid).expect("a live actor").relations
}

pub fn normal_end_of_a_linked_actor_is_silent<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe();
    for target in targets(&stage, &probe) {
        probe.link(target.pid()).expect("a live target");
        target.finish();
        target.ended();
    }
    stage.settle();
    probe.is_quiet();
    assert_eq!(relations(&stage, probe.pid()), (0, 0, 0));
}

pub fn failure_ends_linked_actors<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe();
    for (round, target) in targets(&stage, &probe).into_iter().enumerate() {
        let peer = stage.probe();
        // Whichever side asks, the link goes both ways.
        let (failing, other) = if round % 2 == 0 { (&peer, &target) } else { (&target, &peer) };
        peer.link(target.pid()).expect("a live target");
        failing.fail();
        let reason = other.ended();
        is_failure_of(&reason, failing.pid());
        assert_eq!(reason.failure().and_then(|failure| failure.cause.as_deref()), Some(&failure()));
    }
}

pub fn failure_runs_down_a_chain<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let chain: Vec<_> = (0..20).map(|_| stage.probe()).collect();
    for pair in chain.windows(2) {
        pair[0].link(pair[1].pid()).expect("a live target");
    }
    chain[0].fail();
    for pair in chain.windows(2) {
        is_failure_of(&pair[1].ended(), pair[0].pid());
    }
    stage.settle();
    stage.is_empty();
}

pub fn cycle_of_links_ends_each_once<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    for round in 0..100 {
        let cycle: Vec<_> = (0..4).map(|_| stage.probe()).collect();
        for (i, probe) in cycle.iter().enumerate() {
            probe.link(cycle[(i + 1) % cycle.len()].pid()).expect("a live target");
            observer.monitor(probe.pid()).expect("a live target");
        }
        cycle[round % 4].fail();
        let mut ended: Vec<Pid> = cycle.iter().map(|_| observer.down().0).collect();
        let mut all: Vec<Pid> = cycle.iter().map(Probe::pid).collect();
        ended.sort();
        all.sort();
        assert_eq!(ended, all);
    }
    stage.settle();
    observer.is_quiet();
}

pub fn trapped_failure_is_an_event_and_stops_there<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let trapping = stage.probe();
    trapping.run(|cx| {
        assert!(!cx.trap_links());
        cx.set_trap_links(true);
        assert!(cx.trap_links());
    });
    let behind = stage.probe();
    trapping.link(behind.pid()).expect("a live target");
    for target in targets(&stage, &trapping) {
        trapping.link(target.pid()).expect("a live target");
        target.fail();
        assert_eq!(trapping.link_down(), (target.pid(), Arc::new(failure())));
    }
    // What is queued stays an event, whatever comes later.
    trapping.run(|cx| cx.set_trap_links(false));
    stage.settle();
    trapping.is_quiet();
    behind.is_quiet();
    behind.fail();
    is_failure_of(&trapping.ended(), behind.pid());
}

pub fn exit_comes_before_link_down<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe_with(Plan::trapping());
    for (round, target) in targets(&stage, &observer).into_iter().enumerate() {
        if round % 2 == 0 {
            observer.link(target.pid()).expect("a live target");
            observer.monitor(target.pid()).expect("a live target");
        } else {
            observer.monitor(target.pid()).expect("a live target");
            target.link(observer.pid()).expect("a live target");
        }
        target.fail();
        assert_eq!(observer.down().0, target.pid());
        assert_eq!(observer.link_down().0, target.pid());
    }
}

pub fn second_link_changes_nothing<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe_with(Plan::trapping());
    for target in targets(&stage, &probe) {
        probe.link(target.pid()).expect("a live target");
        probe.link(target.pid()).expect("a live target");
        target.link(probe.pid()).expect("a live target");
        assert_eq!((relations(&stage, probe.pid()), relations(&stage, target.pid())), ((0, 0, 1), (0, 0, 1)));
        target.fail();
        probe.link_down();
    }
    stage.settle();
    probe.is_quiet();
}

pub fn link_to_an_ended_actor_is_refused<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe();
    for target in targets(&stage, &probe) {
        let pid = target.pid();
        target.fail();
        target.ended();
        let gone = Err(ActorError::NotFound(pid));
        assert_eq!(probe.link(pid), gone);
        assert_eq!(probe.run(move |cx| cx.link(pid, None)), Outcome::Done(gone));
        probe.unlink(pid);
    }
    stage.settle();
    probe.is_quiet();
    assert_eq!(relations(&stage, probe.pid()), (0, 0, 0));
}

pub fn unlink_takes_back_a_waiting_event<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe_with(Plan { trap_links: true, ..Plan::holding() });
    for target in targets(&stage, &probe) {
        let pid = target.pid();
        probe.link(pid).expect("a live target");
        target.fail();
        target.ended();
        stage.settle();
        let events = probe.run(move |cx| {
            let before = cx.mailbox().events_len();
            cx.unlink(pid);
            (before, cx.mailbox().events_len())
        });
        assert_eq!(events, (1, 0));
    }
}

pub fn nothing_comes_after_unlink<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe_with(Plan { trap_links: true, ..Plan::holding() });
    for round in 0..ROUNDS {
        let target = if round % 8 == 0 { probe.spawn_here(Plan::default()).expect("a child") } else { stage.probe() };
        let pid = target.pid();
        target.fail();
        let token = (round % 3 == 0).then_some(1);
        probe.run(move |cx| {
            cx.link(pid, token);
            cx.unlink(pid);
        });
        if round % 16 == 0 {
            target.ended();
        }
    }
    stage.settle();
    assert_eq!(probe.run(|cx| cx.mailbox().take_event()), None);
    assert_eq!(relations(&stage, probe.pid()), (0, 0, 0));
}

pub fn link_racing_with_the_end_gives_one_answer<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe_with(Plan::trapping());
    let mut expected = HashMap::new();
    for round in 0..ROUNDS {
        let target = if round % 8 == 0 { probe.spawn_here(Plan::default()).expect("a child") } else { stage.probe() };
        let pid = target.pid();
        target.fail();
        let linked = if round % 3 == 0 {
            probe.link(pid)
        } else {
            match probe.run(move |cx| cx.link(pid, None)) {
                Outcome::Done(result) => result,
                Outcome::Pending => panic!("answered at once"),
            }
        };
        match linked {
            Ok(()) => drop(expected.insert(pid, 1)),
            Err(error) => assert_eq!(error, ActorError::NotFound(pid)),
        }
        target.ended();
    }
    let mut events: Vec<_> = (0..expected.len()).map(|_| probe.event()).collect();
    stage.settle();
    events.extend(probe.events());
    let mut counts = HashMap::new();
    for event in events {
        let Event::LinkDown { from, .. } = event else { panic!("unexpected: {event:?}") };
        *counts.entry(from).or_default() += 1;
    }
    assert_eq!(counts, expected);
    assert_eq!(relations(&stage, probe.pid()), (0, 0, 0));
}

pub fn crossing_link_and_unlink_leave_both_sides_agreeing<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (left, right) = (stage.probe(), stage.probe());
    let (a, b) = (left.pid(), right.pid());
    for round in 0..ROUNDS / 4 {
        for (number, (probe, peer)) in [(&left, b), (&right, a)].into_iter().enumerate() {
            probe.cast(move |cx| {
                for i in 0..1 + round % 5 {
                    let token = (i % 2 == 0).then_some(1);
                    if (round >> i) % 3 == number { cx.unlink(peer) } else { drop(cx.link(peer, token)) }
                }
            });
        }
        left.run(|_| ());
        right.run(|_| ());
        stage.settle();
        assert_eq!(relations(&stage, a), relations(&stage, b), "round {round}");
    }
}

/// A parent that ends while its linked child is being started elsewhere, in all stages of that.
fn child_of_an_ending_parent<H: Harness>(harness: &H, end: impl Fn() -> ExitReason) -> usize {
    let stage = Stage::new(harness);
    let mut ended = 0;
    for round in 0..ROUNDS / 10 {
        let host = stage.host;
        let (mut child, child_ended) = acting(host, |_| Step::Wait);
        child.relation = Relation { monitored: true, linked: true };
        child.placement = Some(Placement::Spread);
        let (parent_end, token) = (end(), (round % 4 > 0).then_some(1));
        let mut child = Some(child);
        let parent = stage.act(move |cx| {
            let child = child.take().expect("the first step");
            cx.spawn(child, token);
            Step::Exit(parent_end.clone())
        });
        wait(&parent.ended, "the parent's end");
        stage.settle();
        match child_ended.try_recv() {
            Ok(reason) => {
                is_failure_of(&reason, parent.pid);
                ended += 1;
            }
            Err(_) => {
                let left = stage.scheduler.actors();
                assert_eq!(left.len(), 1);
                assert_eq!(left[0].relations, (0, 0, 0));
                stage
                    .scheduler
                    .deliver(left[0].pid, perilune_actor_core::Signal::Terminate(Failure::default().into()))
                    .expect("a live child");
                wait(&child_ended, "the child's end");
            }
        }
        stage.is_empty();
    }
    ended
}

pub fn linked_child_outlives_a_parent_that_ends_normally<H: Harness>(harness: &H) {
    assert_eq!(child_of_an_ending_parent(harness, || ExitReason::Normal(None)), 0);
}

pub fn linked_child_of_a_parent_that_fails_fails<H: Harness>(harness: &H) {
    assert_eq!(child_of_an_ending_parent(harness, || ExitReason::failed(failure())), ROUNDS / 10);
}

pub fn thousand_linked_actors_end_together<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let center = stage.probe();
    let others: Vec<_> = (0..1000)
        .map(|i| {
            let plan = Plan { name: Some(format!("other {i}").into()), ..Plan::default() };
            let other = stage.probe_with(plan);
            center.link(other.pid()).expect("a live target");
            other
        })
        .collect();
    others[500].fail();
    for other in others.iter().filter(|other| other.pid() != others[500].pid()) {
        is_failure_of(&other.ended(), center.pid());
    }
    is_failure_of(&center.ended(), others[500].pid());
    stage.settle();
    stage.is_empty();
    assert!((0..1000).all(|i| stage.scheduler.names().whereis(&format!("other {i}")).is_none()));
}
