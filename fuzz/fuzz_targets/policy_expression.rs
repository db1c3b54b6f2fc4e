//! Is every text either no expression, with a place inside it, or one that gives the same answer again?
#![no_main]

use libfuzzer_sys::fuzz_target;
use perilune_policy::{Map, Principal, Request};
use perilune_policy_rules::Expression;
use perilune_policy_testkit::document;

fuzz_target!(|input: (&str, &[u8])| {
    let (text, meta) = input;
    let meta: Map = document(meta).as_map().cloned().unwrap_or_default();
    let principal = Principal::new("alice", meta.clone());
    let request = Request::new(&principal, "read", "app:report").with_attributes(&meta);
    match Expression::parse(text) {
        Ok(expression) => assert_eq!(expression.holds(&request), expression.holds(&request)),
        Err(error) => assert!(error.offset <= text.chars().count()),
    }
});
