use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Weak};

use perilune_actor_core::Value;
use perilune_lua_bindings::EntryValue;
use perilune_policy::{Map, Principal};
use proptest::prelude::*;

use super::apply::Operation;
use super::value::{read_entry, read_id};
use super::*;
use crate::application::load_folder;

/// An application with those entries; `data` is YAML in braces.
fn registry(entries: &[(&str, &str, &str)], keeps_history: bool) -> Registry {
    let folder = tempfile::TempDir::new().unwrap();
    let mut text = "namespace: app\nentries:\n".to_owned();
    for (name, kind, data) in entries {
        text.push_str(&format!("  - {{name: {name}, kind: {kind}, data: {data}}}\n"));
    }
    std::fs::write(folder.path().join("_index.yaml"), text).unwrap();
    Registry::new(load_folder(folder.path()).unwrap(), keeps_history)
}

fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    pairs.into_iter().map(|(key, value)| (Value::from(key), value)).collect()
}

fn entry(name: &str, kind: &str, data: Value) -> Entry {
    let meta = Value::from_iter([]);
    read_entry(&EntryValue { id: format!("app:{name}"), kind: kind.into(), meta, data }).unwrap()
}

fn code(name: &str, kind: &str, source: &str, imports: &[&str]) -> Entry {
    let imports = imports.iter().map(|name| (Value::from(*name), Value::from(*name))).collect();
    entry(name, kind, map([("source", Value::from(source)), ("imports", imports)]))
}

fn delete(name: &str) -> Operation {
    Operation::Delete(read_id(&format!("app:{name}")).unwrap())
}

fn told(result: Result<u64, Failure>) -> String {
    result.map_or_else(|failure| format!("{}: {failure}", failure.kind.as_str()), |version| version.to_string())
}

#[test]
fn a_change_is_seen_whole_when_it_returns() {
    let registry =
        registry(&[("lib", "library.lua", "{source: 'return 1'}"), ("w", "process.lua", "{source: ''}")], true);
    let before = registry.process("app:w").unwrap();
    let change = vec![
        Operation::Update(code("w", "process.lua", "return 2", &["fresh"])),
        Operation::Create(code("fresh", "library.lua", "return 3", &[])),
        delete("lib"),
    ];
    assert_eq!(registry.apply(change).unwrap(), 1);
    let after = registry.process("app:w").unwrap();
    assert_eq!((&*after.source, &*after.imports[0].1.source), ("return 2", "return 3"));
    assert_eq!(&*before.source, "");
    assert!(registry.version().entry("app:lib").is_none());
    assert_eq!(registry.versions(), [0, 1]);
    assert!(registry.version_at(0).unwrap().entry("app:lib").is_some());
}

#[test]
fn what_was_started_before_is_started_as_it_is_now() {
    let host = ("h", "process.host", "{}");
    let registry = registry(&[("w", "process.lua", "{source: 'return 0'}"), host], true);
    let (id, host) = ("app:w".to_owned(), "app:h".to_owned());
    let subject = |named: &str| Some(Subject { principal: Some(Principal::new(named, Map::default())), scope: None });
    let start = |named: &str| {
        let started = registry.start_again(&id, &host, |_| subject(named))?;
        let principal = started.subject.and_then(|subject| subject.principal);
        Ok::<_, Failure>((started.definition.source.to_string(), principal.map(|who| who.id().to_string())))
    };
    let is = |source: &str, named: &str| (source.to_owned(), Some(named.to_owned()));
    // Nobody is asked twice for whom the processes of a host act, until something changes.
    assert_eq!(start("first").unwrap(), is("return 0", "first"));
    assert_eq!(start("other").unwrap(), is("return 0", "first"));
    for round in 1..20 {
        let source = format!("return {round}");
        registry.apply(vec![Operation::Update(code("w", "process.lua", &source, &[]))]).unwrap();
        let who = format!("round {round}");
        assert_eq!(start(&who).unwrap(), is(&source, &who));
        assert_eq!(start("other").unwrap(), is(&source, &who));
    }
    registry.apply(vec![delete("h")]).unwrap();
    assert_eq!(start("x").unwrap_err().message, "host not found: app:h");
    registry.apply(vec![Operation::Create(entry("h", "process.host", map([]))), delete("w")]).unwrap();
    assert_eq!(start("x").unwrap_err().message, "entry not found: app:w");
    registry.apply_version(0).unwrap();
    assert_eq!(start("back").unwrap(), is("return 0", "back"));
    // On other threads too: what one remembers is of no account to the others.
    registry.apply(vec![Operation::Update(code("w", "process.lua", "return 'new'", &[]))]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(start("new").unwrap(), is("return 'new'", "new")));
        }
    });
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let registry = registry(
        &[
            ("lib", "library.lua", "{source: 'return 1'}"),
            ("w", "process.lua", "{source: '', imports: {lib: lib}}"),
            ("broken", "process.lua", "{source: 'this is not Lua'}"),
        ],
        true,
    );
    let check = |change: Vec<Operation>, expected: &str| {
        let before = registry.current();
        let good = Operation::Create(code("good", "process.lua", "", &[]));
        assert_eq!(told(registry.apply(change.into_iter().chain([good]).collect())), expected);
        let after = registry.current();
        assert!(Arc::ptr_eq(&before.version, &after.version));
        assert!(registry.process("app:good").is_err());
        assert_eq!(registry.versions(), [0]);
    };
    let create = |entry| vec![Operation::Create(entry)];
    check(create(code("w", "process.lua", "", &[])), "AlreadyExists: entry already exists: app:w");
    check(vec![Operation::Update(code("x", "process.lua", "", &[]))], "NotFound: entry not found: app:x");
    check(vec![delete("x")], "NotFound: entry not found: app:x");
    check(vec![delete("broken"), delete("broken")], "Invalid: the change set has several operations on `app:broken`");
    check(vec![delete("lib")], "Invalid: entry `app:w` imports `app:lib`, which does not exist");
    check(
        vec![Operation::Update(code("lib", "process.lua", "", &[]))],
        "Invalid: entry `app:w` imports `app:lib`, which is of kind `process.lua`, not `library.lua`",
    );
    check(
        vec![
            Operation::Update(code("lib", "library.lua", "", &["a"])),
            Operation::Create(code("a", "library.lua", "", &["lib"])),
        ],
        "Invalid: import cycle: `app:a` -> `app:lib` -> `app:a`",
    );
    check(
        create(code("a", "process.lua", "", &["libb"])),
        "Invalid: entry `app:a` imports `app:libb`, which does not exist; did you mean `app:lib`?",
    );
    let is_host = map([("isolation", Value::from("dedicated"))]);
    check(
        create(entry("h", "process.host", is_host)),
        "Invalid: entry `app:h`: this version has no dedicated isolation",
    );
    let failure = registry.apply(create(code("a", "process.lua", "local x = (\n", &[]))).unwrap_err();
    assert!(failure.message.starts_with("script does not compile: app:a:"), "{failure}");
    let both = vec![
        Operation::Create(code("a", "process.lua", "(", &[])),
        Operation::Create(code("b", "process.lua", "(", &[])),
    ];
    let failure = registry.apply(both).unwrap_err();
    assert!(failure.message.ends_with("(and 1 more)") && failure.details.is_some(), "{failure:?}");
    assert_eq!(told(registry.apply(Vec::new())), "Invalid: the change set is empty");
    // What was broken before keeps nobody from changing something else.
    assert_eq!(told(registry.apply(vec![Operation::Update(code("lib", "library.lua", "return 2", &[]))])), "1");
}

#[test]
fn chains_of_imports_cannot_be_made_too_long_from_below() {
    let registry = registry(&[("l0", "library.lua", "{source: ''}")], true);
    for n in 1..=100 {
        let library = code(&format!("l{n}"), "library.lua", "", &[&format!("l{}", n - 1)]);
        assert!(registry.apply(vec![Operation::Create(library)]).is_ok(), "{n}");
    }
    let below = Operation::Create(code("below", "library.lua", "", &[]));
    let change = vec![Operation::Update(code("l0", "library.lua", "", &["below"])), below];
    let expected = "Invalid: entry `app:l100` has more than 100 imports below one another";
    assert_eq!(told(registry.apply(change)), expected);
}

#[test]
fn definitions_stay_until_something_of_them_changes() {
    let registry = registry(
        &[
            ("deep", "library.lua", "{source: 'return 1'}"),
            ("lib", "library.lua", "{source: 'return 2', imports: {deep: deep}}"),
            ("w", "process.lua", "{source: 'return 3', imports: {lib: lib}}"),
            ("v", "process.lua", "{source: 'return 4'}"),
        ],
        true,
    );
    let get = |name: &str| registry.process(&format!("app:{name}")).unwrap();
    let (w, v) = (get("w"), get("v"));
    w.compile().unwrap();
    registry.apply(vec![Operation::Update(code("deep", "library.lua", "return 5", &[]))]).unwrap();
    assert!(Arc::ptr_eq(&get("v"), &v));
    let newer = get("w");
    assert_eq!(&*newer.imports[0].1.imports[0].1.source, "return 5");
    assert_eq!(&*w.imports[0].1.imports[0].1.source, "return 1");
    // Its own script is the same.
    assert!(std::ptr::eq(newer.compile().unwrap(), w.compile().unwrap()));
    let mut same = code("w", "process.lua", "return 3", &["lib"]);
    same.meta = entry("x", "thing", Value::Nil).meta;
    registry.apply(vec![Operation::Update(same)]).unwrap();
    // The file has the same text still, so positions in it hold.
    assert!(Arc::ptr_eq(&get("w"), &newer));
}

#[test]
fn versions_come_back() {
    let registry = registry(&[("w", "process.lua", "{source: 'return 0'}"), ("x", "thing", "{}")], true);
    for n in 1..=3 {
        let source = format!("return {n}");
        registry.apply(vec![Operation::Update(code("w", "process.lua", &source, &[]))]).unwrap();
    }
    let source = || registry.process("app:w").unwrap().source.to_string();
    assert_eq!((registry.apply_version(1).unwrap(), source()), (1, "return 1".into()));
    assert_eq!(registry.apply(vec![delete("x")]).unwrap(), 4);
    assert_eq!(source(), "return 1");
    assert_eq!((registry.apply_version(0).unwrap(), source()), (0, "return 0".into()));
    assert!(registry.version().entry("app:x").is_some());
    assert_eq!(registry.apply_version(0).unwrap(), 0);
    assert_eq!(registry.versions(), [0, 1, 2, 3, 4]);
    assert_eq!(told(registry.apply_version(5)), "NotFound: version 5 not found");
    assert_eq!(registry.version().id, 0);
}

#[test]
fn a_version_with_a_broken_script_comes_back_too() {
    let registry = registry(&[("w", "process.lua", "{source: 'not Lua'}")], true);
    registry.apply(vec![Operation::Update(code("w", "process.lua", "return 1", &[]))]).unwrap();
    assert_eq!(registry.apply_version(0).unwrap(), 0);
    assert!(registry.process("app:w").unwrap().compile().is_err());
}

#[test]
fn without_history_there_is_only_what_is_current() {
    let registry = registry(&[("w", "process.lua", "{source: ''}")], false);
    for n in 1..=3u64 {
        assert_eq!(registry.apply(vec![Operation::Update(code("w", "process.lua", "", &[]))]).unwrap(), n);
    }
    assert_eq!(registry.versions(), [3]);
    assert_eq!(told(registry.apply_version(1)), "Unavailable: version 1 was not kept: registry.enable_history is off");
    assert_eq!(told(registry.apply_version(3)), "3");
    assert_eq!(registry.versions(), [3]);
}

#[test]
fn thousands_of_versions_leave_no_definitions_behind() {
    let registry = registry(
        &[("lib", "library.lua", "{source: ''}"), ("w", "process.lua", "{source: '', imports: {lib: lib}}")],
        true,
    );
    let mut seen: Vec<Weak<Definition>> = Vec::new();
    for n in 0..3000 {
        let source = format!("return {n}");
        registry.apply(vec![Operation::Update(code("lib", "library.lua", &source, &[]))]).unwrap();
        seen.push(Arc::downgrade(&registry.process("app:w").unwrap()));
    }
    assert_eq!(seen.iter().filter(|definition| definition.strong_count() > 0).count(), 1);
    assert_eq!(registry.versions().len(), 3001);
    assert_eq!(&*registry.version_at(1000).unwrap().entry("app:lib").unwrap().code().unwrap().source, "return 999");
}

/// Refuses names that begin with `bad`, and counts what it was told.
#[derive(Default)]
struct Picky {
    published: Arc<AtomicUsize>,
    finished: Arc<AtomicUsize>,
    order: Mutex<Vec<String>>,
}

impl Listener for Picky {
    fn prepare(&self, change: &Transition<'_>) -> Result<Prepared, Failure> {
        let names = change.steps.iter().filter_map(|step| Some(step.entry()?.id.name().to_owned()));
        let names: Vec<_> = names.collect();
        if names.iter().any(|name| name.starts_with("bad")) {
            return Err(Failure::new(ErrorKind::Conflict, "no"));
        }
        *self.order.lock().unwrap() = names;
        let (published, finished) = (Arc::clone(&self.published), Arc::clone(&self.finished));
        Ok(Prepared::default()
            .publish(move || {
                published.fetch_add(1, Ordering::Relaxed);
            })
            .finish(move || {
                finished.fetch_add(1, Ordering::Relaxed);
            }))
    }
}

#[test]
fn all_listeners_agree_or_nothing_happens() {
    let registry = registry(&[("x", "thing", "{}")], true);
    let (yes, no) = (Arc::new(Picky::default()), Arc::new(Picky::default()));
    registry.listen(Arc::clone(&yes) as _);
    registry.listen(Arc::clone(&no) as _);
    let create = |name| vec![Operation::Create(entry(name, "thing", Value::from_iter([])))];
    let counts =
        |listener: &Picky| (listener.published.load(Ordering::Relaxed), listener.finished.load(Ordering::Relaxed));
    assert_eq!(told(registry.apply(create("bad"))), "Conflict: no");
    assert_eq!((counts(&yes), counts(&no), registry.versions().len()), ((0, 0), (0, 0), 1));
    assert_eq!(told(registry.apply(create("good"))), "1");
    assert_eq!((counts(&yes), counts(&no)), ((1, 1), (1, 1)));
    assert_eq!(told(registry.apply_version(0)), "0");
    assert_eq!((counts(&yes), counts(&no)), ((2, 2), (2, 2)));
    registry.close();
    assert_eq!(told(registry.apply(create("late"))), "Unavailable: the application is stopping");
}

#[test]
fn steps_are_in_order_of_imports_and_dependencies() {
    let registry = registry(&[("old1", "thing", "{}"), ("old2", "thing", "{}")], true);
    let picky = Arc::new(Picky::default());
    registry.listen(Arc::clone(&picky) as _);
    let needs = |name: &str, on: Value| {
        let meta = map([("depends_on", on)]);
        read_entry(&EntryValue { id: format!("app:{name}"), kind: "thing".into(), meta, data: Value::Nil }).unwrap()
    };
    let create = vec![
        Operation::Create(code("a", "process.lua", "", &["m"])),
        Operation::Create(code("m", "library.lua", "", &["z"])),
        Operation::Create(code("z", "library.lua", "", &[])),
        Operation::Create(needs("b", Value::from("app:y"))),
        Operation::Create(needs("y", vec![Value::from("app:c"), Value::from("nowhere:x")].into())),
        Operation::Create(needs("c", Value::from("b"))),
        delete("old1"),
        Operation::Update(entry("old2", "thing", Value::Nil)),
    ];
    registry.apply(create).unwrap();
    let order = || picky.order.lock().unwrap().join(" ");
    // `b`, `y` and `c` go in a circle: it begins with the first of them.
    assert_eq!(order(), "z m a c y b old2 old1");
    registry.apply(["z", "m", "a"].map(delete).into()).unwrap();
    assert_eq!(order(), "a m z");
}

// --- against a model

/// What a random entry is: its kind, a number in its source, and what it imports.
type Shape = (bool, u8, Vec<u8>);

#[derive(Clone, Debug)]
enum Wish {
    Create(u8, Shape),
    Update(u8, Shape),
    Delete(u8),
}

#[derive(Clone, Debug)]
enum Act {
    Apply(Vec<Wish>),
    Return(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let name = 0..6u8;
    let shape = (any::<bool>(), 0..3u8, prop::collection::vec(name.clone(), 0..2));
    let wish = prop_oneof![
        3 => (name.clone(), shape.clone()).prop_map(|(name, shape)| Wish::Create(name, shape)),
        3 => (name.clone(), shape).prop_map(|(name, shape)| Wish::Update(name, shape)),
        2 => name.prop_map(Wish::Delete),
    ];
    let act = prop_oneof![
        5 => prop::collection::vec(wish, 0..4).prop_map(Act::Apply),
        1 => (0..12u64).prop_map(Act::Return),
    ];
    prop::collection::vec(act, 1..40)
}

type Model = BTreeMap<u8, Shape>;

/// The model after a change set, if it can be made.
fn changed(model: &Model, wishes: &[Wish]) -> Option<Model> {
    let mut next = model.clone();
    let mut seen = BTreeSet::new();
    for wish in wishes {
        let (name, shape, must_be) = match wish {
            Wish::Create(name, shape) => (*name, Some(shape), false),
            Wish::Update(name, shape) => (*name, Some(shape), true),
            Wish::Delete(name) => (*name, None, true),
        };
        if !seen.insert(name) || model.contains_key(&name) != must_be {
            return None;
        }
        match shape {
            Some(shape) => drop(next.insert(name, shape.clone())),
            None => drop(next.remove(&name)),
        }
    }
    let fits = next.values().all(|(.., imports)| imports.iter().all(|import| next.get(import).is_some_and(|it| it.0)));
    let cyclic = |start: u8| {
        let mut reached = BTreeSet::new();
        let mut queue = next[&start].2.clone();
        while let Some(name) = queue.pop() {
            if reached.insert(name) {
                queue.extend(&next[&name].2);
            }
        }
        reached.contains(&start)
    };
    (!wishes.is_empty() && fits && !next.keys().any(|name| cyclic(*name))).then_some(next)
}

fn shaped(name: u8, (is_library, number, imports): &Shape) -> Entry {
    let kind = if *is_library { "library.lua" } else { "process.lua" };
    let names: BTreeSet<_> = imports.iter().map(|import| format!("n{import}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    code(&format!("n{name}"), kind, &format!("return {number}"), &names)
}

/// All that a definition stands for, as text.
fn written(definition: &Definition) -> String {
    let imports: Vec<_> =
        definition.imports.iter().map(|(alias, library)| format!("{alias}={}", written(library))).collect();
    format!("{:?} {} ({})", definition.kind, definition.source, imports.join(", "))
}

fn all_written(registry: &Registry) -> BTreeMap<String, (String, Arc<Definition>)> {
    let current = registry.current();
    current
        .definitions()
        .map(|definition| (definition.id.clone(), (written(definition), Arc::clone(definition))))
        .collect()
}

proptest! {
    #[test]
    fn behaves_as_the_model(acts in acts()) {
        let registry = registry(&[("fixed", "thing", "{}")], true);
        let mut versions: Vec<Model> = vec![Model::new()];
        let mut current = 0;
        for act in acts {
            let before = all_written(&registry);
            let expected = match &act {
                Act::Apply(wishes) => changed(&versions[current], wishes).map(|next| {
                    versions.push(next);
                    versions.len() - 1
                }),
                Act::Return(version) => Some(*version as usize).filter(|version| *version < versions.len()),
            };
            let got = match act {
                Act::Return(version) => registry.apply_version(version),
                Act::Apply(wishes) => registry.apply(wishes.iter().map(|wish| match wish {
                    Wish::Create(name, shape) => Operation::Create(shaped(*name, shape)),
                    Wish::Update(name, shape) => Operation::Update(shaped(*name, shape)),
                    Wish::Delete(name) => delete(&format!("n{name}")),
                }).collect()),
            };
            prop_assert_eq!(got.as_ref().ok().copied(), expected.map(|version| version as u64), "{:?}", got);
            current = expected.unwrap_or(current);
            prop_assert_eq!(registry.versions(), (0..versions.len() as u64).collect::<Vec<_>>());
            let model = Registry::new(loaded(&versions[current]), true);
            let after = all_written(&registry);
            let texts = |all: &BTreeMap<String, (String, Arc<Definition>)>| -> Vec<_> {
                all.iter().map(|(id, (text, _))| (id.clone(), text.clone())).collect()
            };
            prop_assert_eq!(texts(&after), texts(&all_written(&model)));
            for (id, (text, definition)) in &after {
                if let Some((known, same)) = before.get(id).filter(|(known, _)| known == text) {
                    prop_assert!(Arc::ptr_eq(definition, same), "{} is another one: {}", id, known);
                }
            }
            for (version, model) in versions.iter().enumerate() {
                let ids: Vec<_> = registry.version_at(version as u64).unwrap().entries().map(|it| it.id.to_string()).collect();
                let expected = std::iter::once("app:fixed".to_owned()).chain(model.keys().map(|name| format!("app:n{name}")));
                prop_assert_eq!(ids, expected.collect::<Vec<_>>());
            }
        }
    }
}

fn loaded(model: &Model) -> Loaded {
    static EMPTY: LazyLock<Loaded> = LazyLock::new(|| {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::write(folder.path().join("_index.yaml"), "namespace: app\nentries: []\n").unwrap();
        load_folder(folder.path()).unwrap()
    });
    let entries = model.iter().map(|(name, shape)| shaped(*name, shape));
    Loaded { entries: entries.map(|entry| (entry.id.clone(), entry)).collect(), ..EMPTY.clone() }
}
