//! Is every document either refused, with a place, or a policy that decides?
#![no_main]

use libfuzzer_sys::fuzz_target;
use perilune_policy::{Map, Principal, Request, Scope};
use perilune_policy_rules::{PolicyKind, PolicySource};
use perilune_policy_testkit::document;

fuzz_target!(|input: (&[u8], &[u8], &str, &str)| {
    let (policy, meta, action, resource) = input;
    let meta: Map = document(meta).as_map().cloned().unwrap_or_default();
    let principal = Principal::new("alice", meta.clone());
    let request = Request::new(&principal, action, resource).with_attributes(&meta);
    for kind in [PolicyKind::Conditions, PolicyKind::Expression] {
        match PolicySource::read("t:p", kind, &document(policy)) {
            Ok(source) => {
                let policy = source.compile();
                let scope = Scope::new([policy.clone()]);
                assert_eq!(scope.decide(&request), scope.evaluate(&request).verdict);
                assert_eq!(scope.decide(&request).decision, policy.decide(&request));
            }
            Err(errors) => assert!(errors.iter().all(|error| error.path().is_some())),
        }
    }
});
