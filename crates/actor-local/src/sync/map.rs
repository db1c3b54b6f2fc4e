//! A map with the methods of `DashMap` that this crate uses, and one lock that loom knows of: dashmap's own would stop
//! the only real thread of a loom test.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::ops::{Deref, DerefMut};

use loom::sync::{Mutex, MutexGuard};

type Locked<'a, K, V> = MutexGuard<'a, HashMap<K, V>>;

pub(crate) struct Map<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Clone + Eq + Hash, V> Map<K, V> {
    fn lock(&self) -> Locked<'_, K, V> {
        self.0.lock().expect("no panic in a loom test goes on")
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Held<'_, K, V>>
    where
        K: Borrow<Q>,
    {
        let map = self.lock();
        let key = map.get_key_value(key)?.0.clone();
        Some(Held { map, key })
    }

    pub(crate) fn get_mut(&self, key: &K) -> Option<Held<'_, K, V>> {
        self.get(key)
    }

    pub(crate) fn remove(&self, key: &K) -> Option<(K, V)> {
        self.lock().remove_entry(key)
    }

    pub(crate) fn remove_if<Q>(&self, key: &Q, wanted: impl FnOnce(&K, &V) -> bool) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut map = self.lock();
        let (known, value) = map.get_key_value(key)?;
        if wanted(known, value) { map.remove_entry(key) } else { None }
    }

    pub(crate) fn entry(&self, key: K) -> Entry<'_, K, V> {
        let map = self.lock();
        let occupied = map.contains_key(&key);
        let place = Held { map, key };
        if occupied { Entry::Occupied(Occupied(place)) } else { Entry::Vacant(Vacant(place)) }
    }
}

/// A value, locked.
pub(crate) struct Held<'a, K, V> {
    map: Locked<'a, K, V>,
    key: K,
}

impl<K: Eq + Hash, V> Deref for Held<'_, K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.map[&self.key]
    }
}

impl<K: Eq + Hash, V> DerefMut for Held<'_, K, V> {
    fn deref_mut(&mut self) -> &mut V {
        self.map.get_mut(&self.key).expect("locked since it was found")
    }
}

pub(crate) enum Entry<'a, K, V> {
    Occupied(Occupied<'a, K, V>),
    Vacant(Vacant<'a, K, V>),
}

impl<'a, K: Clone + Eq + Hash, V> Entry<'a, K, V> {
    pub(crate) fn or_default(self) -> Held<'a, K, V>
    where
        V: Default,
    {
        match self {
            Self::Occupied(Occupied(place)) => place,
            Self::Vacant(vacant) => vacant.insert(V::default()),
        }
    }
}

pub(crate) struct Occupied<'a, K, V>(Held<'a, K, V>);

impl<K: Eq + Hash, V> Occupied<'_, K, V> {
    pub(crate) fn get(&self) -> &V {
        &self.0
    }

    pub(crate) fn insert(&mut self, value: V) -> V {
        std::mem::replace(&mut self.0, value)
    }
}

pub(crate) struct Vacant<'a, K, V>(Held<'a, K, V>);

impl<'a, K: Clone + Eq + Hash, V> Vacant<'a, K, V> {
    pub(crate) fn insert(self, value: V) -> Held<'a, K, V> {
        let Held { mut map, key } = self.0;
        map.insert(key.clone(), value);
        Held { map, key }
    }
}
