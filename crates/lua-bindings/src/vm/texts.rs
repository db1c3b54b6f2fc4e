use std::cell::RefCell;
use std::ptr::NonNull;

use super::stack::{Kind, Ref, Stack};

/// What the texts that scripts of a VM use over and over stand for, so that they need not be read each time.
///
/// A VM keeps equal strings in one place for as long as somebody has them. The memo has those it remembers, so a place
/// is never another string's, and to know a text is to know its place.
pub(crate) struct Texts<T, const PLACES: usize>(RefCell<Vec<Option<Known<T>>>>);

#[derive(Clone, Copy)]
struct Known<T> {
    place: NonNull<u8>,
    kept: Ref,
    meaning: T,
}

impl<T, const PLACES: usize> Default for Texts<T, PLACES> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T: Clone, const PLACES: usize> Texts<T, PLACES> {
    /// The text at `index` and what it stands for, if that is remembered. As with [`Stack::bytes`], the caller must not
    /// pop or replace the value while it uses the text.
    pub(crate) fn find<'a>(&self, stack: Stack, index: i32) -> Option<(&'a str, T)> {
        let bytes = stack.string(index)?;
        let entries = self.0.borrow();
        let known = entries.get(slot::<PLACES>(bytes.as_ptr()))?.as_ref()?;
        if known.place.as_ptr().cast_const() != bytes.as_ptr() {
            return None;
        }
        // SAFETY: only texts are remembered, and the string at that place is the one that is.
        Some((unsafe { std::str::from_utf8_unchecked(bytes) }, known.meaning.clone()))
    }

    /// Remembers what the string at `index` stands for, in place of whatever else had that slot. Nothing happens when it
    /// is no text.
    pub(crate) fn remember(&self, stack: Stack, index: i32, meaning: T) {
        if stack.kind(index) != Kind::String {
            return;
        }
        let Some(bytes) = stack.string(index).filter(|bytes| std::str::from_utf8(bytes).is_ok()) else { return };
        let Some(place) = NonNull::new(bytes.as_ptr().cast_mut()) else { return };
        stack.reserve(1);
        stack.copy(index);
        let known = Known { place, kept: stack.pop_ref(), meaning };
        let mut entries = self.0.borrow_mut();
        if entries.is_empty() {
            entries.resize_with(PLACES, || None);
        }
        if let Some(entry) = entries.get_mut(slot::<PLACES>(bytes.as_ptr()))
            && let Some(former) = entry.replace(known)
        {
            stack.unref(former.kept);
        }
    }
}

/// Spreads neighbours, which are what a VM gives to strings that were made one after the other.
fn slot<const PLACES: usize>(place: *const u8) -> usize {
    const { assert!(PLACES.is_power_of_two() && PLACES > 1) };
    let address = (place as usize as u64) >> 3;
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::super::environment::tests::vm;
    use super::*;

    #[test]
    fn text_has_its_own_meaning_however_few_slots_there_are() {
        let vm = vm();
        vm.protect(|_, stack| {
            let texts = Texts::<u32, 4>::default();
            let mut found = 0;
            for round in 0..200 {
                for number in [0, 1, 2, 3, 2, 3, 4, 5, 6, 7].into_iter().chain(round..round + 10) {
                    let expected = format!("text {number}");
                    stack.push_str(&expected);
                    if let Some((text, meaning)) = texts.find(stack, 1) {
                        assert_eq!((text, meaning), (&*expected, number));
                        found += 1;
                    }
                    texts.remember(stack, 1, number);
                    assert_eq!(texts.find(stack, 1), Some((&*expected, number)));
                    texts.remember(stack, 1, number);
                    stack.pop(1);
                }
                if round % 16 == 0 {
                    // What nobody has any more makes room for others.
                    stack.collect();
                }
            }
            assert!(found > 100, "{found}");
        })
        .unwrap();
    }

    #[test]
    fn meaning_can_change() {
        let vm = vm();
        vm.protect(|_, stack| {
            let texts = Texts::<u32, 64>::default();
            stack.push_str("text");
            for number in 0..10 {
                texts.remember(stack, 1, number);
                assert_eq!(texts.find(stack, 1), Some(("text", number)));
            }
        })
        .unwrap();
    }

    #[test]
    fn what_is_no_text_is_not_remembered() {
        let vm = vm();
        vm.protect(|_, stack| {
            let texts = Texts::<u32, 64>::default();
            stack.push_number(7.0);
            stack.push_nil();
            stack.push_bytes(b"\xff\xfe");
            stack.push_table(0, 0);
            for index in 1..=5 {
                texts.remember(stack, index, 1);
                assert_eq!(texts.find(stack, index), None);
            }
            assert_eq!(stack.kind(1), Kind::Number);
        })
        .unwrap();
    }

    #[test]
    fn text_is_let_go_of_when_another_has_its_slot() {
        let vm = vm();
        let bytes = vm.used_bytes();
        vm.protect(|_, stack| {
            let texts = Texts::<u32, 2>::default();
            for number in 0..100 {
                stack.push_str(&format!("{number}{}", "x".repeat(100_000)));
                texts.remember(stack, 1, number);
                stack.pop(1);
            }
        })
        .unwrap();
        vm.collect_garbage();
        assert!(vm.used_bytes() < bytes + 500_000, "{} bytes more", vm.used_bytes() - bytes);
    }
}
