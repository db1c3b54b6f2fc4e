use loom::model;
use loom::thread::spawn;
use perilune_actor_core::{Envelope, Mailbox, Topic, Value};

use super::*;
use crate::sync::Mutex;

fn address(slot: u32, generation: u32) -> Address {
    Address { worker: 0, slot, generation, host: HostId::new("directory") }
}

fn directory(limit: Option<usize>) -> Arc<Directory> {
    Arc::new(Directory::new(1, limit))
}

#[test]
fn address_survives_the_pid() {
    for (worker, slot, generation) in [(0, 0, 0), (255, MAX_SLOTS - 1, u32::MAX), (1, 77, 3)] {
        let address = Address { worker, ..address(slot, generation) };
        assert_eq!(Address::of(Pid::local(address.host, address.unique())), Some(address));
    }
}

#[test]
fn closed_actor_is_gone_and_its_slot_tells_generations_apart() {
    model(|| {
        let directory = directory(None);
        let first = address(5, 0);
        let second = Address { generation: 1, ..first };
        assert!(!directory.is_live(first));
        directory.open(first);
        assert!(directory.is_live(first) && !directory.is_live(second));
        assert!(directory.mark_named(first) && !directory.mark_named(second));
        assert!(directory.close(first).named);
        assert!(!directory.is_live(first) && !directory.mark_doomed(first));
        directory.open(second);
        assert!(directory.is_live(second) && !directory.is_live(first));
        assert!(!directory.close(second).named);
    });
}

#[test]
fn right_number_with_the_wrong_host_reaches_nobody() {
    model(|| {
        let directory = directory(None);
        let real = address(0, 0);
        let forged = Address { host: HostId::new("elsewhere"), ..real };
        directory.open(real);
        assert!(!directory.is_live(forged) && !directory.mark_doomed(forged) && !directory.mark_named(forged));
        assert!(directory.is_live(real) && !directory.is_doomed(real));
    });
}

#[test]
fn late_sender_takes_no_room_from_the_next_actor_of_the_slot() {
    model(|| {
        let directory = directory(Some(1));
        let (first, second) = (address(0, 0), address(0, 1));
        assert_eq!(directory.reserve(first), Err(Refused::Gone));
        directory.open(first);
        assert_eq!(directory.reserve(first), Ok(()));
        assert_eq!(directory.reserve(first), Err(Refused::Full { limit: 1 }));
        directory.taken(first);
        assert_eq!(directory.reserve(first), Ok(()));
        directory.close(first);
        directory.open(second);
        assert_eq!(directory.reserve(first), Err(Refused::Gone));
        directory.taken(first);
        assert_eq!(directory.reserve(second), Ok(()));
        assert_eq!(directory.reserve(second), Err(Refused::Full { limit: 1 }));
    });
}

#[test]
fn mark_made_in_time_is_seen_by_the_end() {
    model(|| {
        let directory = directory(None);
        let address = address(0, 0);
        directory.open(address);
        let others = [Directory::mark_named, Directory::mark_doomed].map(|mark| {
            let directory = Arc::clone(&directory);
            spawn(move || mark(&directory, address))
        });
        let last = directory.close(address);
        let [named, _] = others.map(|other| other.join().expect("no panic"));
        assert_eq!(last.named, named);
        assert!(!directory.is_live(address));
    });
}

#[test]
fn no_mark_is_lost_beside_another() {
    model(|| {
        let directory = directory(None);
        let address = address(0, 0);
        directory.open(address);
        let beside = Arc::clone(&directory);
        let other = spawn(move || beside.mark_named(address));
        assert!(directory.mark_doomed(address));
        assert!(other.join().expect("no panic"));
        assert!(directory.is_doomed(address) && directory.close(address).named);
    });
}

#[test]
fn late_mark_does_not_reach_the_next_actor_of_the_slot() {
    model(|| {
        let directory = directory(None);
        let (first, second) = (address(0, 0), address(0, 1));
        directory.open(first);
        let beside = Arc::clone(&directory);
        let other = spawn(move || {
            beside.mark_doomed(first);
            beside.mark_named(first);
        });
        directory.close(first);
        directory.open(second);
        other.join().expect("no panic");
        assert!(directory.is_live(second) && !directory.is_doomed(second));
        assert!(!directory.close(second).named);
    });
}

#[test]
fn whoever_sees_an_actor_finds_its_room() {
    model(|| {
        let directory = directory(Some(1));
        // Somebody had the slot before, so that its words are there.
        let (former, address) = (address(0, 0), address(0, 1));
        directory.open(former);
        directory.close(former);
        let beside = Arc::clone(&directory);
        let other = spawn(move || beside.is_live(address).then(|| beside.reserve(address)));
        directory.open(address);
        if let Some(reserved) = other.join().expect("no panic") {
            assert_eq!(reserved, Ok(()));
        }
    });
}

#[test]
fn senders_together_get_as_much_room_as_there_is() {
    model(|| {
        let directory = directory(Some(1));
        let address = address(0, 0);
        directory.open(address);
        let others = [(), ()].map(|()| {
            let directory = Arc::clone(&directory);
            spawn(move || directory.reserve(address).is_ok())
        });
        let got = others.map(|other| other.join().expect("no panic"));
        assert_eq!(got.into_iter().filter(|got| *got).count(), 1);
        assert_eq!(directory.reserve(address), Err(Refused::Full { limit: 1 }));
    });
}

#[test]
fn late_reservation_takes_nothing_from_the_next_actor_of_the_slot() {
    model(|| {
        let directory = directory(Some(1));
        let (first, second) = (address(0, 0), address(0, 1));
        directory.open(first);
        let beside = Arc::clone(&directory);
        let other = spawn(move || {
            // The second is what the mailbox of the first does when it is dropped late, or read late.
            let _ = beside.reserve(first);
            beside.taken(first);
        });
        directory.close(first);
        directory.open(second);
        assert_eq!(directory.reserve(second), Ok(()));
        other.join().expect("no panic");
        assert_eq!(directory.reserve(second), Err(Refused::Full { limit: 1 }));
    });
}

#[test]
fn mailbox_and_what_is_on_its_way_never_exceed_the_limit() {
    model(|| {
        let directory = directory(Some(1));
        let address = address(0, 0);
        directory.open(address);
        let gauge = Counted { directory: Arc::clone(&directory), address };
        let mailbox = Arc::new(Mutex::new(Mailbox::with_gauge(Box::new(gauge))));
        let message = || Envelope { from: None, topic: Topic::new("work").expect("a topic"), payload: Value::Nil };
        let others = [(), ()].map(|()| {
            let (directory, mailbox) = (Arc::clone(&directory), Arc::clone(&mailbox));
            spawn(move || {
                let room = directory.reserve(address).is_ok();
                if room {
                    let mut mailbox = mailbox.lock().expect("no panic");
                    mailbox.push(message()).expect("no limit of its own");
                    assert!(mailbox.len() <= 1);
                }
                room
            })
        });
        let early = mailbox.lock().expect("no panic").take_unlistened().is_some();
        let sent = others.map(|other| other.join().expect("no panic")).into_iter().filter(|sent| *sent).count();
        // Nothing is refused while there is room, and what was received is room again.
        assert!(sent == 1 || early && sent == 2);
        let mut mailbox = mailbox.lock().expect("no panic");
        assert_eq!(mailbox.len(), sent - usize::from(early));
        while mailbox.take_unlistened().is_some() {}
        assert_eq!((directory.reserve(address), directory.reserve(address)), (Ok(()), Err(Refused::Full { limit: 1 })));
    });
}
