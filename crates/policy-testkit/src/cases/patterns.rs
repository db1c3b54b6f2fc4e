use perilune_policy::{Decision, PolicyEngine};

use crate::harness::Harness;
use crate::spec::{PolicySpec, RequestSpec};
use crate::table::{Finding, check_finding};

/// What the patterns match, as actions and as resources.
fn check<H: Harness>(harness: &H, patterns: &[&str], matching: &[&str], others: &[&str]) {
    let (actions, resources) =
        (PolicySpec::allow("t:a").actions(patterns), PolicySpec::allow("t:r").resources(patterns));
    for (texts, expected) in [(matching, Finding::Applies), (others, Finding::Not)] {
        for text in texts {
            check_finding(harness, &actions, &RequestSpec::new("alice", text, "app:x"), expected);
            check_finding(harness, &resources, &RequestSpec::new("alice", "read", text), expected);
        }
    }
}

pub fn exact_text_matches_itself_alone<H: Harness>(harness: &H) {
    check(harness, &["read"], &["read"], &["Read", "reads", "rea", "", " read", "*", "read*"]);
    check(harness, &["app:a.b"], &["app:a.b"], &["app:aXb", "app:a.b.c"]);
}

pub fn trailing_star_matches_every_rest<H: Harness>(harness: &H) {
    check(
        harness,
        &["process.*"],
        &["process.spawn", "process.", "process.a.b"],
        &["process", "processor", "xprocess.a"],
    );
    check(harness, &["app.reports:*"], &["app.reports:x", "app.reports:*"], &["app.report:x", "App.reports:x"]);
    check(harness, &["pro*"], &["pro", "process.spawn"], &["pr", "Pro"]);
    check(harness, &["é*"], &["é", "éa"], &["e", "è"]);
}

pub fn star_alone_matches_everything<H: Harness>(harness: &H) {
    check(harness, &["*"], &["", "a", "process.spawn", "*", "ünï:cöde"], &[]);
}

pub fn any_pattern_of_a_list_is_enough<H: Harness>(harness: &H) {
    check(harness, &["read", "list", "doc.*"], &["read", "list", "doc.x"], &["write", "doc"]);
    check(harness, &["a*", "ab*", "abc"], &["a", "ab", "abc", "abcd"], &["b"]);
}

pub fn action_and_resource_must_both_match<H: Harness>(harness: &H) {
    let policy = PolicySpec::allow("t:p").actions(&["read", "list"]).resources(&["app:*", "sys:x"]);
    for (action, resource, expected) in [
        ("read", "app:a", Finding::Applies),
        ("list", "sys:x", Finding::Applies),
        ("read", "sys:y", Finding::Not),
        ("write", "app:a", Finding::Not),
        ("app:a", "read", Finding::Not),
    ] {
        check_finding(harness, &policy, &RequestSpec::new("alice", action, resource), expected);
    }
}

/// Thousands of policies, and lists of many patterns, are found by other means than a few.
pub fn many_policies_are_as_exact_as_few<H: Harness>(harness: &H) {
    let number = |text: &str| -> Option<usize> { text.strip_prefix("app:r")?.parse().ok() };
    let mut policies = vec![
        PolicySpec::allow("t:prefix").actions(&["read"]).resources(&["app:r1*"]),
        PolicySpec::deny("t:deny").actions(&["doc.*"]).resources(&["app:r77"]),
    ];
    policies.extend((0..1000).map(|n| {
        PolicySpec::allow(&format!("t:p{n}")).actions(&["write", "doc.write"]).resources(&[&format!("app:r{n}")])
    }));
    let many: Vec<String> = (0..100).map(|n| format!("app:r{}", n * 3)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    policies.push(PolicySpec::allow("t:wide").actions(&["list", "doc.list", "doc.*"]).resources(&many));
    let engine = harness.start(&policies.into_iter().map(|policy| policy.groups(&["all"])).collect::<Vec<_>>());
    let scope = engine.scope("t:all").expect("a named scope");
    for action in ["read", "write", "list", "doc.write", "doc.list", "doc.x", "doc", "other"] {
        for resource in ["app:r0", "app:r1", "app:r77", "app:r297", "app:r300", "app:r999", "app:r1000", "app:", "x"] {
            let n = number(resource);
            let wide = n.is_some_and(|n| n % 3 == 0 && n < 300);
            let expected = match action {
                "doc.write" | "doc.list" | "doc.x" if n == Some(77) => Decision::Deny,
                "read" if resource.starts_with("app:r1") => Decision::Allow,
                "write" | "doc.write" if n.is_some_and(|n| n < 1000) => Decision::Allow,
                "list" | "doc.list" | "doc.x" if wide => Decision::Allow,
                _ => Decision::Undefined,
            };
            let spec = RequestSpec::new("alice", action, resource);
            let diagnostics = scope.evaluate(&spec.request());
            assert_eq!(diagnostics.decision(), expected, "{spec:?}: {diagnostics}");
            assert_eq!(scope.decide(&spec.request()), diagnostics.verdict, "{spec:?}");
            let mut ids: Vec<&str> = diagnostics.matched.iter().map(|policy| &**policy.id()).collect();
            ids.dedup();
            assert_eq!(ids.len(), diagnostics.matched.len(), "{spec:?}: somebody spoke twice");
        }
    }
}
