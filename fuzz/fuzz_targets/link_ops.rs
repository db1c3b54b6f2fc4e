//! Do links, monitors, names and ends agree with plain sets, on one worker and on two?
#![no_main]

use libfuzzer_sys::fuzz_target;
use perilune_actor_local::LocalScheduler;
use perilune_actor_testkit::{ActorOp, Harness, RelationOp, Setup, check_actors, check_relations};

struct Local(usize);

impl Harness for Local {
    type Scheduler = LocalScheduler;

    fn start(&self, setup: Setup) -> LocalScheduler {
        let builder = LocalScheduler::builder().workers(self.0);
        let builder = setup.clock.into_iter().fold(builder, |builder, clock| builder.manual_clock(clock));
        builder.start().unwrap()
    }

    fn clock_moved(&self, scheduler: &LocalScheduler) {
        scheduler.clock_moved();
    }
}

fuzz_target!(|input: (bool, &[u8])| {
    let (alone, bytes) = input;
    let relations: Vec<_> = bytes.iter().map(|byte| RelationOp::from_byte(*byte)).collect();
    check_relations(&relations, alone);
    let lives: Vec<_> = bytes.chunks_exact(2).map(|pair| ActorOp::from_bytes([pair[0], pair[1]])).collect();
    check_actors(&Local(if alone { 1 } else { 2 }), &lives);
});
