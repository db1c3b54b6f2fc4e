//! What does it cost to ask whether somebody may do something: remembered, by ten policies, by ten thousand?

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use perilune_policy::{DecisionCache, Effect, Map, Pattern, Principal, Request, Scope, Value};
use perilune_policy_rules::{Comparand, Condition, Expression, Field, Operator, PolicySource, When};

fn source(id: &str, effect: Effect, action: &str, resource: &str, when: When) -> PolicySource {
    let pattern = |text| Pattern::parse(text).unwrap_or_else(|error| panic!("{error}"));
    PolicySource { when, ..PolicySource::new(id, effect, [pattern(action)], [pattern(resource)]) }
}

fn when(field: &str, operator: Operator, value: &str) -> When {
    let field = Field::parse(field).unwrap_or_else(|error| panic!("{error}"));
    let condition = Condition::new(field, operator, Some(Comparand::Value(value.into())));
    When::All(vec![condition.unwrap_or_else(|error| panic!("{error}"))])
}

fn expression(text: &str) -> When {
    When::Expression(Box::new(Expression::parse(text).unwrap_or_else(|error| panic!("{error}"))))
}

/// Ten policies as an application has them, all but one about sending.
fn ten() -> Vec<PolicySource> {
    let (allow, deny, any) = (Effect::Allow, Effect::Deny, || When::Always);
    vec![
        source("app:everyone", allow, "process.send", "*", any()),
        source("app:processes", allow, "process.*", "{app:processes|*", any()),
        source("app:analysts", allow, "process.send", "*", when("actor.meta.role", Operator::Eq, "analyst")),
        source("app:team", allow, "*", "*", when("actor.meta.team", Operator::Eq, "core")),
        source("app:guests", deny, "*", "*", when("actor.meta.role", Operator::Eq, "guest")),
        source("app:banned", deny, "process.*", "*", when("actor.meta.flags", Operator::Contains, "banned")),
        source("app:system", deny, "*", "{app:system|*", any()),
        source("app:names", deny, "process.send", "*", when("resource", Operator::Matches, "^secret[.].+")),
        source(
            "app:rule",
            deny,
            "process.send",
            "*",
            expression("actor.meta.role == 'intern' && !(actor.id in ['a', 'b'])"),
        ),
        source("app:reports", allow, "read", "app.reports:*", any()),
    ]
}

/// A thousand policies about things of their own for each of the ten.
fn ten_thousand() -> Vec<PolicySource> {
    let mut sources = ten();
    for number in 0..9_990 {
        let (id, resource) = (format!("app:p{number}"), format!("app.things{}:t{number}", number % 100));
        let effect = if number % 5 == 0 { Effect::Deny } else { Effect::Allow };
        sources.push(match number % 4 {
            0 => source(&id, effect, "process.send", &resource, When::Always),
            1 => source(&id, effect, "process.*", &format!("{resource}*"), When::Always),
            2 => source(&id, effect, &format!("action{number}"), "*", when("actor.id", Operator::Ne, "x")),
            _ => source(&id, effect, &format!("things{}.*", number % 500), &format!("{resource}*"), When::Always),
        });
    }
    sources
}

fn scope(sources: &[PolicySource]) -> Scope {
    let scope: Scope = sources.iter().map(PolicySource::compile).collect();
    scope.prepare();
    scope
}

fn alice() -> Principal {
    let flags = Value::list(["trusted", "night"]).unwrap_or_default();
    let meta = [("role", Value::from("analyst")), ("team", "core".into()), ("flags", flags)];
    Principal::new("alice", Map::new(meta).unwrap_or_default())
}

const PID: &str = "{app:processes|0x00300}";

fn remembered(c: &mut Criterion) {
    let (scope, alice) = (scope(&ten()), alice());
    let mut cache = DecisionCache::new(1024);
    c.bench_function("decide, remembered, the same again", |b| {
        b.iter(|| cache.decide(black_box(&scope), &Request::new(black_box(&alice), "process.send", black_box(PID))));
    });

    // Fewer than there is room for, so that none is dropped, in an order that no predictor learns.
    let pids: Vec<String> = (0..512).map(|n| format!("{{app:processes|{n:#07x}}}")).collect();
    let mut cache = DecisionCache::new(4096);
    let mut at = 0usize;
    let mut next = || {
        at = (at * 5 + 3) % pids.len();
        &pids[at]
    };
    c.bench_function("decide, remembered, one of 512", |b| {
        b.iter(|| cache.decide(&scope, &Request::new(&alice, "process.send", next())));
    });
}

fn evaluated(c: &mut Criterion) {
    let alice = alice();
    for (name, sources) in [("10 policies", ten()), ("10,000 policies", ten_thousand())] {
        let scope = scope(&sources);
        c.bench_function(&format!("decide, {name}"), |b| {
            b.iter(|| scope.decide(&Request::new(black_box(&alice), "process.send", black_box(PID))));
        });
        c.bench_function(&format!("decide with reasons, {name}"), |b| {
            b.iter(|| scope.evaluate(&Request::new(black_box(&alice), "process.send", black_box(PID))));
        });
        c.bench_function(&format!("first decision of a new scope, {name}"), |b| {
            let policies = scope.policies().to_vec();
            let request = Request::new(&alice, "process.send", PID);
            b.iter_batched(
                || policies.clone(),
                |policies| Scope::new(policies).decide(&request),
                BatchSize::LargeInput,
            );
        });
    }
}

fn settings() -> Criterion {
    Criterion::default().measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500))
}

criterion_group!(name = benches; config = settings(); targets = remembered, evaluated);
criterion_main!(benches);
