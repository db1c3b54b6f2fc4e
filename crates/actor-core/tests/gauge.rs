//! A gauge hears of what leaves a mailbox, and of nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use perilune_actor_core::{Envelope, Gauge, Mailbox, Topic, Value};

struct Count(Arc<AtomicUsize>);

impl Gauge for Count {
    fn taken(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn gauge_hears_of_every_received_message() {
    let count = Arc::new(AtomicUsize::new(0));
    let mut mailbox = Mailbox::with_gauge(Box::new(Count(Arc::clone(&count))));
    let (heard, unheard) = (Topic::new("heard").expect("a topic"), Topic::new("unheard").expect("a topic"));
    for topic in [&heard, &unheard, &heard] {
        mailbox.push(Envelope { from: None, topic: topic.clone(), payload: Value::Nil }).expect("no limit");
    }
    mailbox.listen(&heard);
    assert!(mailbox.take(&unheard).is_none());
    assert_eq!(count.load(Ordering::Relaxed), 0);
    assert!(mailbox.take(&heard).is_some() && mailbox.take_unlistened().is_some());
    assert_eq!(count.load(Ordering::Relaxed), 2);
    mailbox.unlisten(&heard);
    assert!(mailbox.take_unlistened().is_some() && mailbox.take_unlistened().is_none());
    assert_eq!(count.load(Ordering::Relaxed), 3);
}
