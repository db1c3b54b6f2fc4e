//! Lists that take no memory of their own while they have at most one item, as nearly always: there may be a million.

use std::collections::VecDeque;

/// A list.
pub(crate) struct Few<T> {
    // INVARIANT: without a first item there are no others.
    first: Option<T>,
    #[allow(clippy::box_collection)] // One word instead of three is the point.
    others: Option<Box<Vec<T>>>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, others: None }
    }
}

impl<T> Few<T> {
    #[inline(always)]
    pub(crate) fn push(&mut self, item: T) {
        match &mut self.first {
            None => self.first = Some(item),
            Some(_) => self.others.get_or_insert_default().push(item),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        match index {
            0 => self.first.as_ref(),
            _ => self.others.as_ref()?.get(index - 1),
        }
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        match index {
            0 => self.first.as_mut(),
            _ => self.others.as_mut()?.get_mut(index - 1),
        }
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.as_ref().map_or(0, |others| others.len())
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.first.as_ref()
    }

    pub(crate) fn clear(&mut self) {
        self.first = None;
        if let Some(others) = &mut self.others {
            others.clear();
        }
    }

    /// The item, when there is exactly one.
    pub(crate) fn only(&self) -> Option<&T> {
        let others = self.others.as_ref().is_some_and(|others| !others.is_empty());
        self.first.as_ref().filter(|_| !others)
    }

    /// Takes the item, when there is exactly one and `wanted` says so of it.
    pub(crate) fn take_only(&mut self, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        if self.only().is_some_and(wanted) { self.first.take() } else { None }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(self.others.iter().flat_map(|others| others.iter()))
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        if let Some(others) = &mut self.others {
            others.retain(&mut keep);
        }
        if self.first.as_ref().is_some_and(|first| !keep(first)) {
            let next = self.others.as_mut().filter(|others| !others.is_empty()).map(|others| others.remove(0));
            self.first = next;
        }
    }
}

/// A queue.
#[derive(Default)]
pub(crate) struct Ready {
    // INVARIANT: without a first item there are no others.
    first: Option<u32>,
    #[allow(clippy::box_collection)] // One word instead of four.
    others: Option<Box<VecDeque<u32>>>,
}

impl Ready {
    pub(crate) fn push_back(&mut self, task: u32) {
        match self.first {
            None => self.first = Some(task),
            Some(_) => self.others.get_or_insert_default().push_back(task),
        }
    }

    pub(crate) fn push_front(&mut self, task: u32) {
        if let Some(second) = self.first.replace(task) {
            self.others.get_or_insert_default().push_front(second);
        }
    }

    pub(crate) fn pop_front(&mut self) -> Option<u32> {
        let next = self.others.as_mut().and_then(|others| others.pop_front());
        std::mem::replace(&mut self.first, next)
    }

    /// Puts the last before all others.
    pub(crate) fn last_to_front(&mut self) {
        if let Some(last) = self.others.as_mut().and_then(|others| others.pop_back()) {
            self.push_front(last);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.as_ref().map_or(0, |others| others.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_keeps_its_order_whatever_leaves_it() {
        for leaving in 0..16_u32 {
            let mut few = Few::default();
            (0..4).for_each(|item| few.push(item));
            few.retain(|item| leaving & 1 << item == 0);
            let left: Vec<_> = (0..4).filter(|item| leaving & 1 << item == 0).collect();
            assert_eq!(few.iter().copied().collect::<Vec<_>>(), left);
            assert_eq!(few.len(), left.len());
            assert!((0..5).all(|index| few.get(index) == left.get(index)));
            assert!((0..5).all(|index| few.get_mut(index).copied() == left.get(index).copied()));
            assert_eq!(few.only().copied(), if left.len() == 1 { left.first().copied() } else { None });
            assert_eq!(few.take_only(|_| false), None);
            let taken = few.take_only(|item| Some(item) == left.first());
            assert_eq!(taken.is_some(), left.len() == 1);
            assert_eq!(few.len(), left.len() - usize::from(taken.is_some()));
            few.push(9);
            assert_eq!(few.iter().last(), Some(&9));
        }
    }

    #[test]
    fn queue_behaves_as_any_other() {
        let (mut ready, mut model) = (Ready::default(), VecDeque::new());
        for step in 0..400_u32 {
            match step * 7 % 11 % 5 {
                0 | 1 => {
                    ready.push_back(step);
                    model.push_back(step);
                }
                2 => {
                    ready.push_front(step);
                    model.push_front(step);
                }
                3 => {
                    ready.last_to_front();
                    model.rotate_right(model.len().min(1));
                }
                _ => assert_eq!(ready.pop_front(), model.pop_front()),
            }
            assert_eq!((ready.len(), ready.is_empty()), (model.len(), model.is_empty()));
        }
        while let Some(task) = model.pop_front() {
            assert_eq!(ready.pop_front(), Some(task));
        }
        assert!(ready.is_empty());
    }
}
