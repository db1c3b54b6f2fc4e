//! The way from one version to another, entry by entry.

use std::collections::HashMap;
use std::sync::Arc;

use super::snapshot::Version;
use super::sorted::Sorted;
use crate::application::{ConfigData, Entry, EntryId};

/// What becomes of one entry.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) before: Option<Arc<Entry>>,
    pub(crate) after: Option<Arc<Entry>>,
}

impl Step {
    /// The entry as it will be, or was.
    pub(crate) fn entry(&self) -> Option<&Arc<Entry>> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// The ids under which two versions have different entries.
pub(crate) fn difference(old: &Sorted<Arc<Entry>>, new: &Sorted<Arc<Entry>>) -> Vec<EntryId> {
    let mut found = Vec::new();
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return found,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((left, _)), Some((right, _))) => left.cmp(right),
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        let is_same = matches!((before, after), (Some((_, before)), Some((_, after))) if Arc::ptr_eq(before, after));
        if let Some((id, _)) = before.or(after).filter(|_| !is_same) {
            found.push(id.clone());
        }
    }
}

/// What becomes of the entries with those ids, in the order in which it takes effect: what others import or depend on
/// comes before them; what goes comes last, in the opposite order.
pub(crate) fn steps(changed: &[EntryId], old: &Version, new: &Version) -> Vec<Step> {
    let step = |id: &EntryId| Step { before: old.entry(id.as_str()).cloned(), after: new.entry(id.as_str()).cloned() };
    in_order(changed.iter().map(step).collect())
}

pub(crate) fn in_order(steps: Vec<Step>) -> Vec<Step> {
    let (mut stay, mut go): (Vec<_>, Vec<_>) = steps.into_iter().partition(|step| step.after.is_some());
    stay = dependencies_first(stay);
    go = dependencies_first(go);
    go.reverse();
    stay.extend(go);
    stay
}

fn dependencies_first(mut steps: Vec<Step>) -> Vec<Step> {
    steps.sort_by(|left, right| id_of(left).cmp(&id_of(right)));
    let places: HashMap<_, _> =
        steps.iter().enumerate().filter_map(|(place, step)| Some((step.entry()?.id.clone(), place))).collect();
    let needs: Vec<Vec<usize>> = steps
        .iter()
        .map(|step| {
            let ids = step.entry().map(|entry| dependencies(entry)).unwrap_or_default();
            ids.iter().filter_map(|id| places.get(id).copied()).collect()
        })
        .collect();
    let mut order = Vec::with_capacity(steps.len());
    let mut seen = vec![false; steps.len()];
    for start in 0..steps.len() {
        // Whoever is on the way already is not waited for: `depends_on` may go in circles.
        let mut path = if std::mem::replace(&mut seen[start], true) { Vec::new() } else { vec![(start, 0)] };
        while let Some((place, next)) = path.last_mut() {
            match needs[*place].get(*next) {
                Some(&need) => {
                    *next += 1;
                    if !std::mem::replace(&mut seen[need], true) {
                        path.push((need, 0));
                    }
                }
                None => {
                    order.push(*place);
                    path.pop();
                }
            }
        }
    }
    let mut steps: Vec<_> = steps.into_iter().map(Some).collect();
    order.into_iter().filter_map(|place| steps[place].take()).collect()
}

fn id_of(step: &Step) -> Option<&EntryId> {
    step.entry().map(|entry| &entry.id)
}

/// What an entry imports, and what `meta.depends_on` names: an id or a list of them.
fn dependencies(entry: &Entry) -> Vec<EntryId> {
    let mut found: Vec<_> =
        entry.code().into_iter().flat_map(|code| &code.imports).map(|import| import.target.clone()).collect();
    if let Some(depends_on) = entry.meta.get("depends_on") {
        let items = match &depends_on.data {
            ConfigData::List(items) => items.as_slice(),
            _ => std::slice::from_ref(depends_on),
        };
        found.extend(items.iter().filter_map(|item| Some(entry.reference(item)?.0)));
    }
    found
}
