use std::collections::HashMap;

use perilune_actor_core::{ActorError, Answer, Event, ExitReason, Outcome, Pid, Value};

use crate::cases::ROUNDS;
use crate::harness::Harness;
use crate::probe::{Plan, Probe, failure};
use crate::stage::Stage;

/// One actor beside the observer, and some that are elsewhere if there is an elsewhere.
pub(crate) fn targets<H: Harness>(stage: &Stage<'_, H>, observer: &Probe) -> Vec<Probe> {
    let beside = observer.spawn_here(Plan::default()).expect("a child");
    vec![beside, stage.probe(), stage.probe(), stage.probe(), stage.probe()]
}

/// How many ends of each actor are among the events.
pub(crate) fn count_downs(events: &[Event]) -> HashMap<Pid, usize> {
    let mut counts = HashMap::new();
    for event in events {
        let Event::Down { from, .. } = event else { panic!("unexpected: {event:?}") };
        *counts.entry(*from).or_default() += 1;
    }
    counts
}

pub fn monitor_fires_once_with_the_reason<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    for reason in [ExitReason::Normal(None), ExitReason::normal(Value::from(42.0)), ExitReason::failed(failure())] {
        for target in targets(&stage, &observer) {
            observer.monitor(target.pid()).expect("a live target");
            target.exit(reason.clone());
            assert_eq!(observer.down(), (target.pid(), reason.clone()));
        }
    }
    stage.settle();
    observer.is_quiet();
}

pub fn monitor_of_an_ended_actor_is_refused<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    for target in targets(&stage, &observer) {
        target.finish();
        target.ended();
        let pid = target.pid();
        let gone = Err(ActorError::NotFound(pid));
        assert_eq!(observer.monitor(pid), gone);
        assert_eq!(observer.run(move |cx| cx.monitor(pid, None)), Outcome::Done(gone));
        observer.unmonitor(pid);
    }
    stage.settle();
    observer.is_quiet();
}

pub fn second_monitor_is_refused_until_the_first_is_undone<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    for target in targets(&stage, &observer) {
        let pid = target.pid();
        let already = Err(ActorError::AlreadyMonitoring(pid));
        observer.monitor(pid).expect("a live target");
        assert_eq!(observer.monitor(pid), already);
        assert_eq!(observer.run(move |cx| cx.monitor(pid, None)), Outcome::Done(already.clone()));
        observer.unmonitor(pid);
        observer.unmonitor(pid);
        observer.monitor(pid).expect("a live target");
        observer.unmonitor(pid);
        // Both while the answer to the first is still on its way, perhaps.
        let (first, second) = observer.run(move |cx| (cx.monitor(pid, Some(1000)), cx.monitor(pid, Some(1001))));
        assert_eq!(second, Outcome::Done(already));
        if first == Outcome::Pending {
            assert!(matches!(observer.answer(), (1000, Answer::Related(Ok(())))));
        }
        target.finish();
        assert_eq!(observer.down().0, pid);
    }
    stage.settle();
    observer.is_quiet();
}

pub fn monitoring_oneself_does_nothing<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe();
    let me = probe.pid();
    for _ in 0..2 {
        assert_eq!(probe.run(move |cx| cx.monitor(me, Some(1))), Outcome::Done(Ok(())));
        assert_eq!(probe.run(move |cx| cx.link(me, Some(1))), Outcome::Done(Ok(())));
    }
    assert_eq!(stage.find(me).expect("a live actor").relations, (0, 0, 0));
    probe.run(move |cx| {
        cx.unmonitor(me);
        cx.unlink(me);
    });
    probe.is_quiet();
}

pub fn unmonitor_takes_back_a_waiting_event<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe_with(Plan::holding());
    for target in targets(&stage, &observer) {
        let pid = target.pid();
        observer.monitor(pid).expect("a live target");
        target.fail();
        target.ended();
        stage.settle();
        let events = observer.run(move |cx| {
            let before = cx.mailbox().events_len();
            cx.unmonitor(pid);
            (before, cx.mailbox().events_len())
        });
        assert_eq!(events, (1, 0));
    }
}

pub fn unmonitor_before_the_answer_leaves_nothing<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    for target in targets(&stage, &observer) {
        let pid = target.pid();
        let outcome = observer.run(move |cx| {
            let outcome = cx.monitor(pid, Some(1000));
            cx.unmonitor(pid);
            outcome
        });
        if outcome == Outcome::Pending {
            assert!(matches!(observer.answer(), (1000, Answer::Related(Ok(())))));
        }
        stage.settle();
        assert_eq!(stage.find(observer.pid()).expect("the observer").relations, (0, 0, 0));
        assert_eq!(stage.find(pid).expect("the target").relations, (0, 0, 0));
        observer.monitor(pid).expect("a live target");
        observer.unmonitor(pid);
        target.fail();
        target.ended();
    }
    stage.settle();
    observer.is_quiet();
}

/// Starts targets that end as soon as they are told, half of them by their observer, half by the case.
fn race<H: Harness>(stage: &Stage<'_, H>, observer: &Probe, round: usize) -> Probe {
    let target =
        if round.is_multiple_of(8) { observer.spawn_here(Plan::default()).expect("a child") } else { stage.probe() };
    if round.is_multiple_of(2) {
        target.finish();
    } else {
        target.fail();
    }
    target
}

pub fn nothing_comes_after_unmonitor<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe_with(Plan::holding());
    for round in 0..ROUNDS {
        let target = race(&stage, &observer, round);
        let pid = target.pid();
        let token = (round % 3 == 0).then_some(1);
        observer.run(move |cx| {
            cx.monitor(pid, token);
            cx.unmonitor(pid);
        });
        if round % 16 == 0 {
            target.ended();
        }
    }
    stage.settle();
    assert_eq!(observer.run(|cx| cx.mailbox().take_event()), None);
    assert_eq!(stage.find(observer.pid()).expect("the observer").relations, (0, 0, 0));
}

pub fn monitor_racing_with_the_end_gives_one_answer<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    let mut expected = HashMap::new();
    for round in 0..ROUNDS {
        let target = race(&stage, &observer, round);
        let pid = target.pid();
        let monitored = if round % 3 == 0 {
            observer.monitor(pid)
        } else {
            match observer.run(move |cx| cx.monitor(pid, None)) {
                Outcome::Done(result) => result,
                Outcome::Pending => panic!("answered at once"),
            }
        };
        match monitored {
            Ok(()) => drop(expected.insert(pid, 1)),
            Err(error) => assert_eq!(error, ActorError::NotFound(pid)),
        }
        target.ended();
    }
    let mut events: Vec<_> = (0..expected.len()).map(|_| observer.event()).collect();
    stage.settle();
    events.extend(observer.events());
    assert_eq!(count_downs(&events), expected);
    assert_eq!(stage.find(observer.pid()).expect("the observer").relations, (0, 0, 0));
}

pub fn old_end_does_not_answer_a_new_monitor<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    let mut expected = HashMap::new();
    for round in 0..ROUNDS {
        let target = race(&stage, &observer, round);
        let pid = target.pid();
        // The end may belong to the first monitor, which is undone, or to the second, which then was accepted.
        let second = observer.run(move |cx| {
            cx.monitor(pid, Some(2000));
            cx.unmonitor(pid);
            cx.monitor(pid, Some(2001))
        });
        let result = match second {
            Outcome::Done(result) => result,
            Outcome::Pending => loop {
                match observer.answer() {
                    (2001, Answer::Related(result)) => break result,
                    (2000, Answer::Related(_)) => {}
                    other => panic!("another answer: {other:?}"),
                }
            },
        };
        if result.is_ok() {
            expected.insert(pid, 1);
        }
        target.ended();
    }
    let mut events: Vec<_> = (0..expected.len()).map(|_| observer.event()).collect();
    stage.settle();
    events.extend(observer.events());
    assert_eq!(count_downs(&events), expected);
}

pub fn thousand_observers_hear_of_one_end<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let target = stage.probe();
    let observers: Vec<_> = (0..1000).map(|_| stage.probe()).collect();
    for observer in &observers {
        observer.monitor(target.pid()).expect("a live target");
    }
    target.fail();
    for observer in &observers {
        assert_eq!(observer.down(), (target.pid(), ExitReason::failed(failure())));
    }
    stage.settle();
    observers.iter().for_each(Probe::is_quiet);
}
