use std::sync::Arc;

use crate::application::EntryId;

/// Most items of a chunk.
const MOST: usize = 256;
/// Chunks smaller than this are joined with a neighbour.
const FEWEST: usize = 32;

/// A map in order of ids whose copies share what they have in common: a change copies one chunk and the list of chunks.
#[derive(Clone)]
pub(crate) struct Sorted<V> {
    // INVARIANT: no chunk is empty, and ids ascend through all of them.
    chunks: Vec<Arc<Vec<(EntryId, V)>>>,
    len: usize,
}

impl<V> Default for Sorted<V> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<V: Clone> Sorted<V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, id: &str) -> Option<&V> {
        let chunk = self.chunks.get(self.chunk_of(id))?;
        let at = position(chunk, id).ok()?;
        Some(&chunk[at].1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(EntryId, V)> + Clone {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// All items from the first whose id is not less than `id`.
    pub(crate) fn from(&self, id: &str) -> impl Iterator<Item = &(EntryId, V)> {
        let first = self.chunk_of(id);
        let start = self.chunks.get(first).map_or(0, |chunk| position(chunk, id).unwrap_or_else(|at| at));
        self.chunks[first.min(self.chunks.len())..].iter().flat_map(|chunk| chunk.iter()).skip(start)
    }

    pub(crate) fn insert(&mut self, id: EntryId, value: V) {
        if self.chunks.is_empty() {
            self.chunks.push(Arc::default());
        }
        let index = self.chunk_of(id.as_str()).min(self.chunks.len() - 1);
        let chunk = Arc::make_mut(&mut self.chunks[index]);
        match position(chunk, id.as_str()) {
            Ok(at) => chunk[at].1 = value,
            Err(at) => {
                chunk.insert(at, (id, value));
                self.len += 1;
            }
        }
        if chunk.len() > MOST {
            // Ids often come in order; then the first half is done with.
            let rest = chunk.split_off(MOST / 2);
            self.chunks.insert(index + 1, Arc::new(rest));
        }
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<V> {
        let index = self.chunk_of(id);
        let at = position(self.chunks.get(index)?, id).ok()?;
        let chunk = Arc::make_mut(&mut self.chunks[index]);
        let (_, value) = chunk.remove(at);
        self.len -= 1;
        if chunk.len() < FEWEST {
            self.join(index);
        }
        Some(value)
    }

    /// Puts the items of a small chunk into one beside it that has room.
    fn join(&mut self, index: usize) {
        let room = |index: usize| self.chunks.get(index).is_some_and(|chunk| chunk.len() <= MOST - FEWEST);
        if index > 0 && room(index - 1) {
            let chunk = self.chunks.remove(index);
            Arc::make_mut(&mut self.chunks[index - 1]).extend(chunk.iter().cloned());
        } else if room(index + 1) {
            let chunk = self.chunks.remove(index);
            Arc::make_mut(&mut self.chunks[index]).splice(..0, chunk.iter().cloned());
        } else if self.chunks[index].is_empty() {
            self.chunks.remove(index);
        }
    }

    /// The chunk that has the id, if any has.
    fn chunk_of(&self, id: &str) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|(last, _)| last.as_str() < id))
    }
}

fn position<V>(chunk: &[(EntryId, V)], id: &str) -> Result<usize, usize> {
    chunk.binary_search_by(|(known, _)| known.as_str().cmp(id))
}

impl<V: Clone> FromIterator<(EntryId, V)> for Sorted<V> {
    fn from_iter<I: IntoIterator<Item = (EntryId, V)>>(items: I) -> Self {
        let mut sorted = Self::default();
        for (id, value) in items {
            sorted.insert(id, value);
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn id(number: u32) -> EntryId {
        EntryId::new("app", &format!("n{number}"))
    }

    fn check(sorted: &Sorted<u32>, model: &BTreeMap<EntryId, u32>) {
        assert!(sorted.iter().map(|(id, value)| (id, value)).eq(model.iter()));
        assert_eq!(sorted.len(), model.len());
        assert!(sorted.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= MOST));
    }

    proptest! {
        #[test]
        fn is_a_map(changes in prop::collection::vec((0..2000u32, any::<bool>(), any::<u32>()), 0..3000), start: u32) {
            let mut sorted = Sorted::default();
            let mut model = BTreeMap::new();
            for (number, inserts, value) in changes {
                let id = id(number);
                if inserts {
                    sorted.insert(id.clone(), value);
                    model.insert(id.clone(), value);
                } else {
                    assert_eq!(sorted.remove(id.as_str()), model.remove(&id));
                }
                assert_eq!(sorted.get(id.as_str()), model.get(&id));
            }
            check(&sorted, &model);
            let start = id(start % 2500);
            let rest = sorted.from(start.as_str()).map(|(id, value)| (id, value));
            assert!(rest.eq(model.range(start.clone()..)));
            let before = (sorted.clone(), model.clone());
            while let Some((id, value)) = model.pop_first() {
                assert_eq!(sorted.remove(id.as_str()), Some(value));
            }
            check(&sorted, &model);
            check(&before.0, &before.1);
        }
    }

    #[test]
    fn copies_share_what_did_not_change() {
        let sorted: Sorted<u32> = (0..100_000).map(|number| (id(number), number)).collect();
        let mut copy = sorted.clone();
        copy.insert(id(100_001), 1);
        copy.remove(id(5).as_str());
        let kept = copy.chunks.iter().filter(|chunk| Arc::strong_count(chunk) > 1).count();
        assert!(kept >= copy.chunks.len() - 3, "{kept} of {}", copy.chunks.len());
    }
}
