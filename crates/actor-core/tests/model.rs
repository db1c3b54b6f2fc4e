//! The pure state changes against their reference models.

use perilune_actor_testkit::{check_mailbox, check_relations, mailbox_ops, relation_ops};
use proptest::prelude::*;

proptest! {
    #[test]
    fn mailbox_agrees_with_a_plain_list(ops in mailbox_ops(0..200), limit in proptest::option::of(0usize..20)) {
        check_mailbox(&ops, limit);
    }

    #[test]
    fn relations_agree_with_plain_sets(ops in relation_ops(0..60), fails: bool) {
        check_relations(&ops, fails);
    }
}
