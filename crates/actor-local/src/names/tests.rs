use loom::model::Builder;
use loom::thread::spawn;
use perilune_actor_core::HostId;

use super::*;

struct Node {
    directory: Arc<Directory>,
    names: Arc<LocalNames>,
}

fn address(slot: u32) -> Address {
    Address { worker: 0, slot, generation: 0, host: HostId::new("names") }
}

fn pid(slot: u32) -> Pid {
    let address = address(slot);
    Pid::local(address.host, address.unique())
}

impl Node {
    fn new() -> Self {
        let directory = Arc::new(Directory::new(1, None));
        directory.open(address(0));
        directory.open(address(1));
        Self { names: Arc::new(LocalNames::new(Arc::clone(&directory))), directory }
    }

    /// What a worker does when an actor ends.
    fn end(&self, slot: u32) {
        if self.directory.close(address(slot)).named {
            self.names.release(pid(slot));
        }
    }

    fn is_empty(&self) -> bool {
        self.names.holders.len() == 0 && self.names.names.len() == 0
    }
}

/// Three threads meet in more orders than anybody waits for; three changes between them at the least expected moment find
/// what there is to find.
fn model(test: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(test);
}

#[test]
fn name_given_at_the_end_stays_with_nobody() {
    model(|| {
        let node = Node::new();
        let names = Arc::clone(&node.names);
        let other = spawn(move || names.register("name", pid(0)));
        node.end(0);
        match other.join().expect("no panic") {
            Ok(()) => {}
            Err(error) => assert_eq!(error, ActorError::NotFound(pid(0))),
        }
        assert_eq!(node.names.whereis("name"), None);
        assert!(node.is_empty());
    });
}

#[test]
fn name_is_free_when_the_end_is_seen() {
    model(|| {
        let node = Node::new();
        node.names.register("name", pid(0)).expect("a free name");
        let (names, directory) = (Arc::clone(&node.names), Arc::clone(&node.directory));
        // Whoever sees that the holder is gone need not wait for its worker to release the name.
        let other = spawn(move || {
            let gone = !directory.is_live(address(0));
            gone.then(|| {
                assert_eq!(names.whereis("name"), None);
                names.register("name", pid(1))
            })
        });
        node.end(0);
        let taken = other.join().expect("no panic");
        assert!(taken.is_none() || taken == Some(Ok(())));
        assert_eq!(node.names.whereis("name"), taken.map(|_| pid(1)));
        assert_eq!(node.names.of(pid(0)), Vec::<Name>::new());
        node.end(1);
        assert!(node.is_empty());
    });
}

#[test]
fn two_who_want_a_name_do_not_both_get_it() {
    model(|| {
        let node = Node::new();
        let names = Arc::clone(&node.names);
        let other = spawn(move || names.register("name", pid(1)));
        let mine = node.names.register("name", pid(0));
        let other = other.join().expect("no panic");
        let holder = if mine.is_ok() { pid(0) } else { pid(1) };
        assert!(mine.is_ok() != other.is_ok());
        assert_eq!(node.names.whereis("name"), Some(holder));
        node.end(0);
        node.end(1);
        assert!(node.is_empty());
    });
}

#[test]
fn late_registration_takes_no_name_from_its_next_holder() {
    model(|| {
        let node = Node::new();
        let others = [pid(0), pid(1)].map(|pid| {
            let names = Arc::clone(&node.names);
            spawn(move || names.register("name", pid))
        });
        node.end(0);
        let [_, lives] = others.map(|other| other.join().expect("no panic"));
        match lives {
            Ok(()) => assert_eq!(node.names.whereis("name"), Some(pid(1))),
            // The other one was alive when it had the name, whatever it was told afterwards. Now the name is free.
            Err(error) => {
                assert_eq!(error, ActorError::NameTaken("name".into()));
                assert_eq!(node.names.register("name", pid(1)), Ok(()));
            }
        }
        node.end(1);
        assert!(node.is_empty());
    });
}

#[test]
fn name_taken_away_at_the_end_leaves_nothing() {
    model(|| {
        let node = Node::new();
        node.names.register("name", pid(0)).expect("a free name");
        let names = Arc::clone(&node.names);
        let other = spawn(move || {
            names.unregister("name");
            names.register("name", pid(1)).is_ok()
        });
        node.end(0);
        let given = other.join().expect("no panic");
        assert!(given);
        assert_eq!(node.names.whereis("name"), Some(pid(1)));
        node.end(1);
        assert!(node.is_empty());
    });
}

#[test]
fn names_and_lists_agree_however_calls_cross() {
    model(|| {
        let node = Node::new();
        let names = Arc::clone(&node.names);
        let other = spawn(move || names.unregister("name"));
        assert_eq!(node.names.register("name", pid(0)), Ok(()));
        let removed = other.join().expect("no panic");
        let (holder, list) = if removed { (None, vec![]) } else { (Some(pid(0)), vec![Name::from("name")]) };
        assert_eq!((node.names.whereis("name"), node.names.of(pid(0))), (holder, list));
    });
}

#[test]
fn what_was_said_of_a_version_holds_while_it_lasts() {
    model(|| {
        let node = Node::new();
        node.names.register("name", pid(0)).expect("a free name");
        let names = Arc::clone(&node.names);
        let other = spawn(move || {
            names.unregister("name");
            names.register("name", pid(1)).expect("a free name");
        });
        let said = (node.names.version(), node.names.whereis("name"));
        other.join().expect("no panic");
        assert_eq!(node.names.whereis("name"), Some(pid(1)));
        assert!(said.1 == Some(pid(1)) || said.0 != node.names.version());
        let said = (node.names.version(), node.names.whereis("name"));
        node.end(1);
        assert_eq!(said.1, Some(pid(1)));
        assert!(said.0 != node.names.version());
    });
}
