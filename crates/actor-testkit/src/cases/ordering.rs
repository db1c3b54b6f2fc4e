use std::collections::HashSet;

use crossbeam_channel::unbounded;
use perilune_actor_core::{Event, ExitReason, Placement, Relation, Scheduler, Step, Value};

use crate::cases::ROUNDS;
use crate::harness::Harness;
use crate::probe::{Plan, failure, topic};
use crate::stage::{Stage, acting, wait};

pub fn messages_of_one_sender_arrive_in_order_over_topics<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let sender = stage.probe();
    for receiver in [stage.probe(), stage.probe(), sender.spawn_here(Plan::default()).expect("a child")] {
        let to = receiver.pid();
        for burst in 0..10 {
            sender.run(move |cx| {
                for i in burst * 100..(burst + 1) * 100 {
                    cx.send(to, topic(["a", "b", "c"][i as usize % 3]), Value::Integer(i)).expect("a live receiver");
                }
            });
        }
        for i in 0..1000 {
            let message = receiver.message();
            assert_eq!(message.payload, Value::Integer(i));
            assert_eq!(message.topic.as_str(), ["a", "b", "c"][i as usize % 3]);
            assert_eq!(message.from, Some(sender.pid()));
        }
    }
}

pub fn each_of_many_senders_keeps_its_own_order<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let receiver = stage.probe();
    let to = receiver.pid();
    let senders: Vec<_> = (0..4).map(|_| stage.probe()).collect();
    for i in 0..200 {
        for sender in &senders {
            sender.cast(move |cx| cx.send(to, topic("count"), Value::Integer(i)).expect("a live receiver"));
        }
    }
    let mut next = vec![0; senders.len()];
    for _ in 0..200 * senders.len() {
        let message = receiver.message();
        let which = senders.iter().position(|sender| Some(sender.pid()) == message.from).expect("a known sender");
        assert_eq!(message.payload, Value::Integer(next[which]));
        next[which] += 1;
    }
}

pub fn message_to_oneself_queues_like_any_other<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe_with(Plan::holding());
    let seen = probe.run(|cx| {
        let me = cx.pid();
        cx.send(me, topic("self"), Value::from(1.0)).expect("a live receiver");
        cx.send(me, topic("self"), Value::from(2.0)).expect("a live receiver");
        [cx.mailbox().take_unlistened(), cx.mailbox().take_unlistened(), cx.mailbox().take_unlistened()]
    });
    let [Some(first), Some(second), None] = seen else { panic!("not two messages: {seen:?}") };
    assert_eq!((first.from, first.payload), (Some(probe.pid()), Value::from(1.0)));
    assert_eq!(second.payload, Value::from(2.0));
}

pub fn signals_of_one_sender_keep_their_place_among_its_messages<H: Harness>(harness: &H) {
    const EACH: usize = 1000;

    let stage = Stage::new(harness);
    let start = |host| {
        let (tell, told) = unbounded();
        let (mut messages, mut events) = (0, 0);
        let (spawn, _) = acting(host, move |cx| {
            messages += std::iter::from_fn(|| cx.mailbox().take_unlistened()).count();
            events += std::iter::from_fn(|| cx.mailbox().take_event()).count();
            let _ = tell.send((messages, events));
            Step::Wait
        });
        (stage.scheduler.spawn(spawn).expect("an actor"), told)
    };
    let (together, apart) = stage.apart(|| start(stage.host), |(pid, _)| *pid);
    let sender = stage.try_probe_on(together, Plan::default()).expect("a probe");
    for (to, told) in [apart, start(together)] {
        sender.run(move |cx| {
            for _ in 0..EACH {
                cx.send(to, topic("between"), Value::Nil).expect("a live receiver");
                cx.cancel(to, None).expect("a live target");
            }
        });
        loop {
            // A message, a signal, a message, a signal: whenever one looks, there are as many, or one message more.
            let (messages, events) = wait(&told, "a look of the receiver");
            assert!(messages == events || messages == events + 1, "{messages} messages and {events} signals");
            if events == EACH {
                break;
            }
        }
    }
}

pub fn last_message_is_there_before_the_exit_is_seen<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (tell, told) = unbounded();
    let (host, mut started, mut sent) = (stage.host, 0, HashSet::new());
    let _observer = stage.act(move |cx| {
        let me = cx.pid();
        cx.set_trap_links(true);
        for round in (started..ROUNDS).take(20) {
            let (mut spawn, _) = acting(host, move |cx| {
                cx.send(me, topic("last words"), Value::Nil).expect("a live receiver");
                Step::Exit(ExitReason::failed(failure()))
            });
            // Half of them are monitored, and half are linked.
            spawn.relation = Relation { monitored: round % 4 < 2, linked: round % 4 >= 2 };
            spawn.placement = Some(if round % 2 == 0 { Placement::Local } else { Placement::Spread });
            cx.spawn(spawn, Some(round as u64));
        }
        started += 20;
        while let Some(event) = cx.mailbox().take_event() {
            let (Event::Down { from, .. } | Event::LinkDown { from, .. }) = event else { continue };
            sent.extend(std::iter::from_fn(|| cx.mailbox().take_unlistened()).map(|message| message.from));
            let _ = tell.send((from, sent.remove(&Some(from))));
        }
        if started < ROUNDS { Step::Yield } else { Step::Wait }
    });
    for _ in 0..ROUNDS {
        let (from, complete) = wait(&told, "the end of an actor");
        assert!(complete, "{from} was seen to end before its last message");
    }
}
