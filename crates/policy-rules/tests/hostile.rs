//! Whatever is written into a policy, reading it and deciding by it comes to an end without a panic.

use perilune_policy::{Map, Policy, Principal, Request, Scope, Value};
use perilune_policy_rules::{Expression, PolicyKind, PolicySource};
use perilune_policy_testkit::{document, requests};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const PIECES: [&str; 38] = [
    "actor",
    "action",
    "resource",
    "meta",
    ".",
    "id",
    "[",
    "]",
    "(",
    ")",
    "!",
    "-",
    "&&",
    "||",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "true",
    "false",
    "nil",
    "0",
    "1.5",
    "'a'",
    "\"\\\"\"",
    "`(a|b)+`",
    ",",
    " ",
    "'",
    "ö",
    "1e999",
];

fn decide(policy: Policy, requests: &[Request<'_>]) {
    let scope = Scope::new([policy]);
    for request in requests {
        assert_eq!(scope.decide(request), scope.evaluate(request).verdict);
    }
}

proptest! {
    #[test]
    fn any_document_is_read_or_refused(bytes in vec(any::<u8>(), 0..200), asked in requests()) {
        // In place of chance, a part of the document is where a policy has its parts.
        let part = document(&bytes);
        let star = Value::from("*");
        let policy = Value::map([
            ("effect", "deny".into()),
            ("actions", star.clone()),
            ("resources", star),
            ("conditions", part.clone()),
        ]);
        for document in [Value::map([("policy", policy.unwrap_or_default())]).unwrap_or_default(), part] {
            for kind in [PolicyKind::Conditions, PolicyKind::Expression] {
                match PolicySource::read("t:p", kind, &document) {
                    Ok(source) => decide(source.compile(), &[asked.request()]),
                    Err(errors) => {
                        prop_assert!(!errors.is_empty());
                        prop_assert!(errors.iter().all(|error| error.policy() == "t:p" && !error.to_string().is_empty()));
                    }
                }
            }
        }
    }

    #[test]
    fn any_text_is_an_expression_or_refused(text in ".{0,60}", asked in requests()) {
        if let Ok(expression) = Expression::parse(&text) {
            let _ = expression.holds(&asked.request());
        }
    }

    #[test]
    fn any_pieces_are_an_expression_or_refused(pieces in vec(select(&PIECES[..]), 0..40), asked in requests()) {
        let text = pieces.concat();
        match Expression::parse(&text) {
            Ok(expression) => drop(expression.holds(&asked.request())),
            Err(error) => prop_assert!(error.offset <= text.chars().count()),
        }
    }
}

#[test]
fn longest_and_deepest_expressions_need_little_stack() {
    let long = |piece: &str, join: &str| vec![piece; Expression::MAX_LENGTH / (piece.len() + join.len())].join(join);
    let texts = [
        long("true", "&&"),
        long("a", "."),
        long("a", "[0]."),
        format!("[{}]", ["actor"; 1000].join(",")),
        format!("{}1{}", "[".repeat(32), "]".repeat(32)),
        format!("{}true{}", "(".repeat(32), ")".repeat(32)),
        format!("{}true{}", "!(".repeat(16), ")".repeat(16)),
        format!("{}0{}", "meta[".repeat(32), "]".repeat(32)),
    ];
    let all = move || {
        let alice = Principal::new("alice", Map::EMPTY);
        for text in texts {
            let expression = Expression::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let _ = expression.holds(&Request::new(&alice, "read", "x"));
        }
    };
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(all).expect("a thread");
    thread.join().expect("enough stack");
}
