use std::sync::Arc;

use perilune_actor_core::{Failure, HostId, Value as Travelling};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{decode, encode};
use crate::definition::Definition;
use crate::services::{Callable, Level, Origin, Services, Terminal};
use crate::vm::{Settings, Stack, Vm};

/// Nothing outside of the VM.
struct Nowhere;

impl Services for Nowhere {
    fn process(&self, _: &str) -> Result<Arc<Definition>, Failure> {
        Err(Failure::default())
    }

    fn host(&self, _: &str) -> Result<HostId, Failure> {
        Err(Failure::default())
    }

    fn function(&self, _: &Origin<'_>, _: &str) -> Result<Callable, Failure> {
        Err(Failure::default())
    }

    fn print(&self, _: &Origin<'_>, _: &[u8]) {}

    fn log(&self, _: &Origin<'_>, _: Level, _: &str, _: &str, _: &[(String, Travelling)]) {}

    fn failed(&self, _: &Origin<'_>, _: &Failure) {}

    fn terminal(&self, _: HostId) -> Option<Arc<dyn Terminal>> {
        None
    }
}

/// Reads a text into a VM; what it holds then, as text again.
fn there_and_back(text: &[u8]) -> Result<String, Failure> {
    thread_local! {
        static VM: std::rc::Rc<Vm> = Vm::new(Arc::new(Nowhere), Settings::default()).unwrap();
    }
    let work = |_: &Vm, stack: Stack| {
        stack.push_bytes(text);
        let read = decode(stack, 1);
        assert_eq!(stack.top(), if read.is_ok() { 2 } else { 1 });
        read?;
        encode(stack, 2)?;
        assert_eq!(stack.top(), 3);
        Ok(String::from_utf8(stack.bytes(3).unwrap().to_vec()).unwrap())
    };
    VM.with(|vm| vm.protect(work).unwrap())
}

/// Whatever comes back as it was: no nulls, which tables do not keep, and no empty maps, which look like lists.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-(1i64 << 53)..=1 << 53).prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 200, 80, |inner| {
        let fields = prop::collection::btree_map(any::<String>(), inner.clone(), 1..80);
        prop_oneof![
            prop::collection::vec(inner, 0..150).prop_map(Value::from),
            fields.prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The same, where `1.0` and `1` are the same number.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left.as_f64().map(f64::to_bits) == right.as_f64().map(f64::to_bits)
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let is_there = |(name, left)| right.get(name).is_some_and(|right| is_same(left, right));
            left.len() == right.len() && left.iter().all(is_there)
        }
        (left, right) => left == right,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn values_come_back_as_they_were(value in values()) {
        let text = there_and_back(value.to_string().as_bytes()).unwrap();
        let back: Value = serde_json::from_str(&text).unwrap();
        prop_assert!(is_same(&value, &back), "{value} became {text}");
        // Sorted and without any choice, so the same again.
        prop_assert_eq!(there_and_back(text.as_bytes()).unwrap(), text);
    }

    #[test]
    fn texts_are_taken_or_refused_and_leave_nothing_behind(text in r#"[\[\]{}:,"0-9a-f.eE+\\ -]{0,40}|[ -~]{0,9}"#) {
        let is_json = serde_json::from_str::<Value>(&text).is_ok();
        match there_and_back(text.as_bytes()) {
            Ok(_) => prop_assert!(is_json, "{text} was taken"),
            // Lists with nulls are read and not written.
            Err(failure) => prop_assert!(!is_json || failure.message.contains("with holes"), "{text}: {failure}"),
        }
    }

    #[test]
    fn numbers_are_read_to_the_nearest(text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?(e-?[0-9]{1,3})?") {
        let number: f64 = text.parse().unwrap();
        match there_and_back(text.as_bytes()) {
            Ok(back) => prop_assert_eq!(back.parse::<f64>().unwrap().to_bits(), number.to_bits()),
            Err(failure) => prop_assert!(number.is_infinite(), "{text}: {failure}"),
        }
    }
}
