use std::collections::HashMap;

use super::check::Entries;
use super::entry::Entry;
use super::id::EntryId;
use super::value::Position;

/// Entries that refer to one another in a row.
pub(super) struct Chain<'f> {
    pub(super) what: &'static str,
    /// How many may be below one.
    pub(super) limit: Option<usize>,
    /// Whether a row goes on at an entry.
    pub(super) is_link: &'f dyn for<'a> Fn(&'a Entry) -> bool,
    pub(super) references: &'f dyn for<'a> Fn(&'a Entry) -> Vec<(&'a EntryId, Position)>,
}

/// An entry on a row.
struct Step<'a> {
    entry: &'a Entry,
    references: Vec<(&'a EntryId, Position)>,
    next: usize,
    /// How many are below it, as far as was seen.
    below: usize,
}

impl Chain<'_> {
    /// Finds rows that come back to themselves, and else the first that is too long. Has a stack of its own: a row may
    /// be as long as the application has entries.
    pub(super) fn walk<'a>(
        &self,
        entries: &'a dyn Entries,
        starts: impl Iterator<Item = &'a Entry>,
    ) -> impl Iterator<Item = (&'a Entry, Position, String)> {
        // How many are below each that is done; `None` while it is on the path.
        let mut done: HashMap<&EntryId, Option<usize>> = HashMap::new();
        let (mut cycles, mut too_long) = (Vec::new(), None);
        let step = |entry| Step { entry, references: (self.references)(entry), next: 0, below: 0 };
        for start in starts {
            if done.contains_key(&start.id) {
                continue;
            }
            done.insert(&start.id, None);
            let mut path = vec![step(start)];
            while let Some(Step { entry, references, next, below }) = path.last_mut() {
                let entry = *entry;
                let Some(&(target, position)) = references.get(*next) else {
                    let below = *below;
                    if self.limit.is_some_and(|limit| below > limit) && too_long.is_none() {
                        too_long = references.first().map(|(_, position)| (entry, *position));
                    }
                    done.insert(&entry.id, Some(below));
                    path.pop();
                    if let Some(above) = path.last_mut() {
                        above.below = above.below.max(below + 1);
                    }
                    continue;
                };
                *next += 1;
                let Some(link) = entries.entry(target).filter(|entry| (self.is_link)(entry)) else { continue };
                match done.get(target) {
                    Some(Some(known)) => *below = (*below).max(known + 1),
                    Some(None) => {
                        let ids = path.iter().map(|step| &step.entry.id);
                        let cycle = ids.skip_while(|id| *id != target).chain([target]);
                        let names: Vec<_> = cycle.map(|id| format!("`{id}`")).collect();
                        cycles.push((entry, position, format!("{} cycle: {}", self.what, names.join(" -> "))));
                    }
                    None => {
                        done.insert(&link.id, None);
                        path.push(step(link));
                    }
                }
            }
        }
        let too_long = too_long.filter(|_| cycles.is_empty()).map(|(entry, position)| {
            let limit = self.limit.unwrap_or_default();
            (entry, position, format!("entry `{}` has more than {limit} {}s below one another", entry.id, self.what))
        });
        cycles.into_iter().chain(too_long)
    }
}
