use std::hash::Hasher;

use rustc_hash::FxHasher;

use crate::decision::Decision;
use crate::identity::Identity;
use crate::request::Request;
use crate::scope::Scope;

/// How many places a key may be in. A key looks at no others, so no choice of keys makes a look-up slow.
const WAYS: usize = 4;

/// What makes an entry three cache lines.
const TEXT: usize = 172;

/// Remembers decisions, in a fixed amount of memory: about 200 bytes for each.
///
/// It has no lock, because each worker has its own. Looking up and remembering allocate nothing. What is used stays;
/// of what is not, something goes when there is no place. A request whose action and resource are longer than 172 bytes
/// together is not remembered.
///
/// Scopes and principals never change and no identity is given twice, so what is remembered never becomes wrong.
/// [`DecisionCache::advance`] drops what belongs to policies that are no more.
///
/// ```
/// use perilune_policy::{Decision, DecisionCache, Map, Principal, Request, Scope};
///
/// let mut cache = DecisionCache::new(1024);
/// let (alice, scope) = (Principal::new("alice", Map::EMPTY), Scope::default());
/// let request = Request::new(&alice, "read", "app:report");
/// assert_eq!(cache.decide(&scope, &request), Decision::Undefined);
/// assert_eq!(cache.len(), 1);
/// cache.advance(1);
/// assert!(cache.is_empty());
/// ```
#[derive(Clone)]
pub struct DecisionCache {
    generation: u64,
    /// Hashes of the keys in `entries`, apart from them so that one line tells which of a set to look at; 0 for none.
    tags: Box<[[u64; WAYS]]>,
    entries: Box<[[Entry; WAYS]]>,
}

/// What a decision depends on, if it does not depend on attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// [`Principal::identity`](crate::Principal::identity).
    pub principal: Identity,
    /// [`Scope::identity`].
    pub scope: Identity,
    /// What for.
    pub action: &'a str,
    /// To what.
    pub resource: &'a str,
}

#[derive(Clone, Copy)]
struct Entry {
    principal: u64,
    scope: u64,
    action: u8,
    resource: u8,
    decision: Decision,
    used: bool,
    /// Action and resource, one after the other.
    text: [u8; TEXT],
}

const NOTHING: Entry = Entry {
    principal: 0,
    scope: 0,
    action: 0,
    resource: 0,
    decision: Decision::Undefined,
    used: false,
    text: [0; TEXT],
};

impl DecisionCache {
    /// Room for so many decisions, rounded up to a power of two.
    pub fn new(decisions: usize) -> Self {
        let sets = decisions.div_ceil(WAYS).clamp(1, 1 << 24).next_power_of_two();
        Self { generation: 0, tags: vec![[0; WAYS]; sets].into(), entries: vec![[NOTHING; WAYS]; sets].into() }
    }

    /// Forgets everything if that is another generation than before.
    pub fn advance(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.tags.fill([0; WAYS]);
        }
    }

    /// What the scope decides, remembered if it may be.
    pub fn decide(&mut self, scope: &Scope, request: &Request<'_>) -> Decision {
        let key = Key::new(scope, request);
        if let Some(decision) = self.get(&key) {
            return decision;
        }
        let verdict = scope.decide(request);
        if !verdict.depends_on_attributes {
            self.insert(&key, verdict.decision);
        }
        verdict.decision
    }

    /// What is remembered.
    pub fn get(&mut self, key: &Key<'_>) -> Option<Decision> {
        let (set, tag) = self.place(key);
        let way = self.find(key, set, tag)?;
        let entry = &mut self.entries[set][way];
        entry.used = true;
        Some(entry.decision)
    }

    /// Remembers a decision that does not depend on attributes.
    pub fn insert(&mut self, key: &Key<'_>, decision: Decision) {
        let Some(entry) = Entry::new(key, decision) else { return };
        let (set, tag) = self.place(key);
        let way = self.find(key, set, tag).unwrap_or_else(|| self.free(set, tag));
        self.tags[set][way] = tag;
        self.entries[set][way] = entry;
    }

    /// How many decisions are remembered.
    pub fn len(&self) -> usize {
        self.tags.as_flattened().iter().filter(|&&tag| tag != 0).count()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many decisions there is room for.
    pub fn capacity(&self) -> usize {
        self.tags.len() * WAYS
    }

    fn place(&self, key: &Key<'_>) -> (usize, u64) {
        let mut hasher = FxHasher::default();
        hasher.write_u64(key.principal.number());
        hasher.write_u64(key.scope.number());
        hasher.write(key.action.as_bytes());
        hasher.write(key.resource.as_bytes());
        let hash = hasher.finish();
        (hash as usize & (self.tags.len() - 1), hash | 1)
    }

    fn find(&self, key: &Key<'_>, set: usize, tag: u64) -> Option<usize> {
        let mut ways = self.tags[set].iter().enumerate().filter(|(_, other)| **other == tag);
        ways.find(|(way, _)| self.entries[set][*way].is(key)).map(|(way, _)| way)
    }

    /// An empty place, else one that was not used since the last search, else one that the hash chooses.
    fn free(&mut self, set: usize, tag: u64) -> usize {
        if let Some(way) = self.tags[set].iter().position(|&tag| tag == 0) {
            return way;
        }
        let first = (tag >> 32) as usize;
        for way in (first..first + WAYS).map(|way| way % WAYS) {
            if !std::mem::take(&mut self.entries[set][way].used) {
                return way;
            }
        }
        first % WAYS
    }
}

impl<'a> Key<'a> {
    /// The key of that request in that scope.
    pub fn new(scope: &Scope, request: &Request<'a>) -> Self {
        Self {
            principal: request.principal().identity(),
            scope: scope.identity(),
            action: request.action(),
            resource: request.resource(),
        }
    }
}

impl Entry {
    fn new(key: &Key<'_>, decision: Decision) -> Option<Self> {
        let (action, resource) = (key.action.as_bytes(), key.resource.as_bytes());
        let mut entry = Self {
            principal: key.principal.number(),
            scope: key.scope.number(),
            action: u8::try_from(action.len()).ok()?,
            resource: u8::try_from(resource.len()).ok()?,
            decision,
            ..NOTHING
        };
        let (first, rest) = entry.text.split_at_mut_checked(action.len())?;
        first.copy_from_slice(action);
        rest.get_mut(..resource.len())?.copy_from_slice(resource);
        Some(entry)
    }

    fn is(&self, key: &Key<'_>) -> bool {
        let (action, resource) = (key.action.as_bytes(), key.resource.as_bytes());
        let end = usize::from(self.action);
        self.principal == key.principal.number()
            && self.scope == key.scope.number()
            && self.text[..end] == *action
            && self.text[end..][..usize::from(self.resource)] == *resource
    }
}

impl std::fmt::Debug for DecisionCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecisionCache").field("len", &self.len()).field("capacity", &self.capacity()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{DecisionCache, Entry, Key, TEXT};
    use crate::decision::Decision::{self, Allow, Deny, Undefined};
    use crate::identity::Identity;

    fn key<'a>(who: Identity, action: &'a str, resource: &'a str) -> Key<'a> {
        Key { principal: who, scope: who, action, resource }
    }

    #[test]
    fn keys_are_told_apart_in_every_part() {
        let mut cache = DecisionCache::new(64);
        let (a, b) = (Identity::next(), Identity::next());
        let keys = [
            Key { principal: a, scope: a, action: "ab", resource: "c" },
            Key { principal: b, scope: a, action: "ab", resource: "c" },
            Key { principal: a, scope: b, action: "ab", resource: "c" },
            Key { principal: a, scope: a, action: "a", resource: "bc" },
            Key { principal: a, scope: a, action: "", resource: "abc" },
            Key { principal: a, scope: a, action: "xb", resource: "c" },
            Key { principal: a, scope: a, action: "ab", resource: "cd" },
            Key { principal: a, scope: a, action: "ab", resource: "" },
        ];
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(cache.get(key), None);
            cache.insert(key, [Allow, Deny, Undefined][at % 3]);
            // Not by the luck of unlike hashes.
            let entry = Entry::new(key, Allow).expect("a short key");
            assert!(keys.iter().all(|other| entry.is(other) == (key == other)), "{key:?}");
        }
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(cache.get(key), Some([Allow, Deny, Undefined][at % 3]), "{key:?}");
        }
        cache.insert(&keys[0], Deny);
        assert_eq!((cache.get(&keys[0]), cache.len()), (Some(Deny), keys.len()));
    }

    #[test]
    fn another_generation_forgets_everything() {
        let mut cache = DecisionCache::new(8);
        let key = key(Identity::next(), "read", "x");
        cache.insert(&key, Allow);
        cache.advance(0);
        assert_eq!(cache.get(&key), Some(Allow));
        cache.advance(7);
        assert_eq!((cache.get(&key), cache.len()), (None, 0));
        cache.insert(&key, Deny);
        cache.advance(7);
        assert_eq!(cache.get(&key), Some(Deny));
    }

    #[test]
    fn memory_is_bounded_and_used_decisions_stay() {
        let mut cache = DecisionCache::new(100);
        assert_eq!((cache.capacity(), DecisionCache::new(0).capacity()), (128, 4));
        let who = Identity::next();
        cache.insert(&key(who, "read", "often"), Allow);
        for n in 0..10_000 {
            cache.insert(&key(who, "read", &n.to_string()), Deny);
            assert_eq!(cache.get(&key(who, "read", "often")), Some(Allow), "after {n}");
        }
        assert!(cache.len() <= 128);
    }

    #[test]
    fn what_is_too_long_is_not_remembered() {
        let mut cache = DecisionCache::new(4);
        let who = Identity::next();
        let mut check = |action: usize, resource: usize, expected: Option<Decision>| {
            let (action, resource) = ("a".repeat(action), "r".repeat(resource));
            cache.insert(&key(who, &action, &resource), Allow);
            assert_eq!(cache.get(&key(who, &action, &resource)), expected);
        };
        check(4, TEXT - 4, Some(Allow));
        check(4, TEXT - 3, None);
        check(TEXT + 1, 0, None);
        check(0, 256, None);
        check(300, 300, None);
    }
}
