use perilune_actor_core::{ActorError, Context, Envelope, ErrorKind, Event, Failure, Scheduler, Signal, Value};

use crate::harness::Harness;
use crate::probe::{Plan, Probe, topic};
use crate::stage::Stage;

/// What waits unlistened, received.
fn rest(cx: &mut dyn Context) -> Vec<Value> {
    std::iter::from_fn(|| cx.mailbox().take_unlistened()).map(|message| message.payload).collect()
}

fn send_all(sender: &Probe, to: &Probe, messages: &[(&str, i64)]) {
    for (about, number) in messages {
        sender.send(to.pid(), about, Value::Integer(*number)).expect("a live receiver");
    }
    // Queued does not mean that the receiver sees it already.
    while to.run(|cx| cx.mailbox().len()) < messages.len() {}
}

pub fn listener_sees_older_messages<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (sender, receiver) = (stage.probe(), stage.probe_with(Plan::holding()));
    send_all(&sender, &receiver, &[("a", 1), ("b", 2), ("a", 3)]);
    receiver.run(|cx| {
        cx.mailbox().listen(&topic("a"));
        assert_eq!(cx.mailbox().take(&topic("a")).map(|message| message.payload), Some(Value::Integer(1)));
        assert_eq!(cx.mailbox().take(&topic("a")).map(|message| message.payload), Some(Value::Integer(3)));
        assert_eq!(cx.mailbox().take(&topic("a")), None);
        assert_eq!(rest(cx), [Value::Integer(2)]);
    });
}

pub fn unlisten_restores_the_order_of_arrival<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (sender, receiver) = (stage.probe(), stage.probe_with(Plan::holding()));
    receiver.run(|cx| cx.mailbox().listen(&topic("a")));
    send_all(&sender, &receiver, &[("a", 1), ("b", 2), ("a", 3), ("c", 4)]);
    receiver.run(|cx| {
        assert!(cx.mailbox().unlisten(&topic("a")));
        assert!(!cx.mailbox().unlisten(&topic("a")));
        assert_eq!(rest(cx), [1, 2, 3, 4].map(Value::Integer));
    });
}

pub fn events_are_no_messages<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (other, receiver) = (stage.probe(), stage.probe_with(Plan::holding()));
    receiver.monitor(other.pid()).expect("a live target");
    other.finish();
    other.ended();
    stage.settle();
    receiver.run(|cx| {
        assert_eq!((cx.mailbox().len(), cx.mailbox().events_len()), (0, 1));
        assert_eq!(rest(cx), []);
        assert!(matches!(cx.mailbox().take_event(), Some(Event::Down { .. })));
    });
}

/// Probes that send from beside the receiver, from elsewhere, and from everywhere there is.
fn senders<H: Harness>(stage: &Stage<'_, H>, receiver: &Probe) -> Vec<Probe> {
    let beside = receiver.spawn_here(Plan::default()).expect("a child");
    vec![beside, stage.probe(), stage.probe(), stage.probe(), stage.probe()]
}

fn outside(number: i64) -> Signal {
    Signal::Message(Envelope { from: None, topic: topic("outside"), payload: Value::Integer(number) })
}

pub fn full_mailbox_tells_every_sender<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_limit(harness, 3) else { return };
    let receiver = stage.probe_with(Plan::holding());
    let to = receiver.pid();
    let full = ActorError::MailboxFull { pid: to, limit: 3 };
    let senders = senders(&stage, &receiver);
    for sender in senders.iter().take(3) {
        assert_eq!(sender.send(to, "work", 1.0), Ok(()));
    }
    for sender in &senders {
        assert_eq!(sender.send(to, "work", 2.0), Err(full.clone()));
    }
    assert_eq!(stage.scheduler.deliver(to, outside(1)), Err(full.clone()));
    assert_eq!(full.kind(), ErrorKind::Unavailable);
    assert_eq!(Failure::from(full).retryable, Some(true));
    stage.settle();
    assert_eq!(receiver.run(rest), [1.0, 1.0, 1.0].map(Value::from));
}

pub fn events_get_through_a_full_mailbox<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_limit(harness, 1) else { return };
    let (receiver, other) = (stage.probe_with(Plan { trap_links: true, ..Plan::holding() }), stage.probe());
    other.send(receiver.pid(), "work", 1.0).expect("room");
    receiver.monitor(other.pid()).expect("a live target");
    receiver.link(other.pid()).expect("a live target");
    let to = receiver.pid();
    other.run(move |cx| cx.cancel(to, None)).expect("a live target");
    other.fail();
    other.ended();
    stage.settle();
    let events: Vec<_> = receiver.run(|cx| std::iter::from_fn(|| cx.mailbox().take_event()).collect());
    let all = matches!(events[..], [Event::Cancel { .. }, Event::Down { .. }, Event::LinkDown { .. }]);
    assert!(all && receiver.run(|cx| cx.mailbox().len()) == 1, "{events:?}");
}

pub fn received_message_makes_room<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_limit(harness, 1) else { return };
    let receiver = stage.probe_with(Plan::holding());
    let to = receiver.pid();
    receiver.run(|cx| cx.mailbox().listen(&topic("heard")));
    for sender in &senders(&stage, &receiver) {
        for about in ["heard", "unheard"] {
            assert_eq!(sender.send(to, about, 1.0), Ok(()));
            assert!(sender.send(to, about, 2.0).is_err());
            stage.settle();
            let taken =
                receiver.run(|cx| cx.mailbox().take(&topic("heard")).or_else(|| cx.mailbox().take_unlistened()));
            assert_eq!(taken.map(|message| message.payload), Some(Value::from(1.0)));
        }
    }
}

pub fn senders_together_never_exceed_the_limit<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_limit(harness, 50) else { return };
    let receiver = stage.probe_with(Plan::holding());
    let to = receiver.pid();
    let (tell, told) = crossbeam_channel::unbounded();
    let senders = senders(&stage, &receiver);
    for sender in &senders {
        let tell = tell.clone();
        sender.cast(move |cx| {
            let sent = (0..100).filter(|_| cx.send(to, topic("work"), Value::Nil).is_ok()).count();
            let _ = tell.send(sent);
        });
    }
    let sent: usize = senders.iter().map(|_| crate::stage::wait(&told, "the count of a sender")).sum();
    stage.settle();
    assert_eq!((sent, receiver.run(rest).len()), (50, 50));
}

pub fn late_messages_of_an_ended_actor_take_no_room_from_the_next<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_limit(harness, 2) else { return };
    let sender = stage.probe();
    for _ in 0..200 {
        let first = stage.probe_with(Plan::holding());
        let to = first.pid();
        first.finish();
        sender.cast(move |cx| {
            for _ in 0..3 {
                let _ = cx.send(to, topic("late"), Value::Nil);
            }
        });
        first.ended();
        let next = stage.probe_with(Plan::holding());
        assert_eq!(sender.send(next.pid(), "work", 1.0), Ok(()));
        assert_eq!(sender.send(next.pid(), "work", 2.0), Ok(()));
        assert!(sender.send(next.pid(), "work", 3.0).is_err());
        next.finish();
        next.ended();
    }
}
