//! Does a mailbox agree with a plain list that is searched from the front?
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use perilune_actor_core::{Envelope, Mailbox, Topic, Value};

#[derive(Arbitrary, Debug)]
enum Op {
    Push(u8),
    Listen(u8),
    Unlisten(u8),
    UnlistenAll,
    Take(u8),
    TakeUnlistened,
}

#[derive(Default)]
struct Model {
    waiting: Vec<Envelope>,
    listened: Vec<Topic>,
}

impl Model {
    fn take(&mut self, wanted: impl Fn(&Topic, &[Topic]) -> bool) -> Option<Envelope> {
        let at = self.waiting.iter().position(|envelope| wanted(&envelope.topic, &self.listened))?;
        Some(self.waiting.remove(at))
    }
}

fuzz_target!(|input: (Option<u8>, Vec<Op>)| {
    let limit = input.0.map(usize::from);
    let (mut mailbox, mut model) = (Mailbox::with_limit(limit), Model::default());
    let topic = |n: u8| Topic::new(&format!("t{}", n % 4)).unwrap();
    for (number, op) in input.1.into_iter().enumerate() {
        match op {
            Op::Push(n) => {
                let envelope = Envelope { from: None, topic: topic(n), payload: Value::Integer(number as i64) };
                let fits = limit.is_none_or(|limit| model.waiting.len() < limit);
                assert_eq!(mailbox.push(envelope.clone()).is_ok(), fits);
                model.waiting.extend(fits.then_some(envelope));
            }
            Op::Listen(n) => {
                mailbox.listen(&topic(n));
                if !model.listened.contains(&topic(n)) {
                    model.listened.push(topic(n));
                }
            }
            Op::Unlisten(n) => {
                assert_eq!(mailbox.unlisten(&topic(n)), model.listened.contains(&topic(n)));
                model.listened.retain(|other| *other != topic(n));
            }
            Op::UnlistenAll => {
                mailbox.unlisten_all();
                model.listened.clear();
            }
            Op::Take(n) => {
                let expected = model.take(|other, listened| *other == topic(n) && listened.contains(other));
                assert_eq!(mailbox.take(&topic(n)), expected);
            }
            Op::TakeUnlistened => {
                assert_eq!(mailbox.take_unlistened(), model.take(|other, listened| !listened.contains(other)));
            }
        }
        assert_eq!(mailbox.len(), model.waiting.len());
    }
});
