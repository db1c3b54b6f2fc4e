//! Does a mailbox agree with a plain list that is searched from the front?
#![no_main]

use libfuzzer_sys::fuzz_target;
use perilune_actor_testkit::{MailboxOp, check_mailbox};

fuzz_target!(|input: (Option<u8>, &[u8])| {
    let (limit, bytes) = input;
    let ops: Vec<_> = bytes.iter().map(|byte| MailboxOp::from_byte(*byte)).collect();
    check_mailbox(&ops, limit.map(usize::from));
});
