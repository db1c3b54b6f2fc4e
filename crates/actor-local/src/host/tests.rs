use std::sync::Arc;

use loom::model;
use loom::thread::spawn;

use super::*;

fn host(max_actors: usize) -> Arc<Host> {
    Arc::new(Host::new(HostSpec { max_actors, ..HostSpec::new(HostId::new("counted")) }))
}

#[test]
fn stopped_host_is_empty_for_good() {
    model(|| {
        let host = host(0);
        let empty = Arc::new(AtomicBool::new(false));
        let (beside, seen_empty) = (Arc::clone(&host), Arc::clone(&empty));
        let other = spawn(move || {
            if beside.enter().is_ok() {
                assert!(!seen_empty.load(Ordering::SeqCst), "somebody is on a host that was seen empty");
                beside.leave();
            }
        });
        host.stop();
        assert!(host.wait_empty(None));
        empty.store(true, Ordering::SeqCst);
        assert_eq!(host.enter(), Err(ActorError::HostStopping(host.id())));
        other.join().expect("no panic");
        assert_eq!(host.live.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn last_to_leave_wakes_whoever_waits() {
    model(|| {
        let host = host(0);
        host.enter().expect("room");
        let beside = Arc::clone(&host);
        let other = spawn(move || beside.leave());
        host.stop();
        // Loom fails when nobody can go on: when nobody wakes this thread.
        assert!(host.wait_empty(None));
        other.join().expect("no panic");
    });
}

#[test]
fn no_more_come_in_than_there_is_room() {
    model(|| {
        let host = host(1);
        let others = [(), ()].map(|()| {
            let host = Arc::clone(&host);
            spawn(move || host.enter())
        });
        let entered = others.map(|other| other.join().expect("no panic"));
        let full = ActorError::HostFull { host: host.id(), limit: 1 };
        assert!(entered == [Ok(()), Err(full.clone())] || entered == [Err(full), Ok(())]);
    });
}
