use std::cell::RefCell;
use std::ffi::c_void;

use super::stack::{Kind, Ref, Stack};

/// What the texts that scripts of a VM use over and over stand for, so that they need not be read each time.
///
/// A VM keeps equal strings in one place for as long as somebody has them. The memo has those it remembers, so a place
/// is never another string's, and to know a text is to know its place.
pub(crate) struct Texts<T, const MOST: usize>(RefCell<Known<T>>);

/// A table of sets of slots: a text has one of those that its place leads to.
struct Known<T> {
    /// A power of two, at most `MOST`, and none at first.
    slots: Vec<Option<Text<T>>>,
}

struct Text<T> {
    place: *const c_void,
    kept: Ref,
    meaning: T,
}

/// Slots of a table that is used at all.
const FEWEST: usize = 16;

/// Slots of a set. With two, one in ten of a thousand texts in four thousand slots may find no room, as places happen
/// to be.
const WAYS: usize = 4;

impl<T, const MOST: usize> Default for Texts<T, MOST> {
    fn default() -> Self {
        const { assert!(MOST.is_power_of_two() && MOST >= WAYS) };
        Self(RefCell::new(Known { slots: Vec::new() }))
    }
}

impl<T: Clone, const MOST: usize> Texts<T, MOST> {
    /// What the text at `index` stands for, if that is remembered. The text itself is not looked at.
    #[inline]
    pub(crate) fn find(&self, stack: Stack, index: i32) -> Option<T> {
        let place = stack.pointer(index);
        let known = self.0.borrow();
        let first = set_of(place, known.slots.len());
        let set = known.slots.get(first..first + WAYS)?;
        set.iter().flatten().find(|text| text.place == place).map(|text| text.meaning.clone())
    }

    /// The text at `index`, if it is remembered. As with [`Stack::bytes`], the caller must not pop or replace the value while
    /// it uses the text.
    pub(crate) fn text<'a>(&self, stack: Stack, index: i32) -> Option<&'a str> {
        self.find(stack, index)?;
        // SAFETY: only texts are remembered, and what is at that place is the one that is.
        Some(unsafe { std::str::from_utf8_unchecked(stack.string(index)?) })
    }

    /// Remembers what the string at `index` stands for. Nothing happens when it is no text.
    pub(crate) fn remember(&self, stack: Stack, index: i32, meaning: T) {
        if stack.kind(index) != Kind::String {
            return;
        }
        if stack.string(index).is_none_or(|bytes| std::str::from_utf8(bytes).is_err()) {
            return;
        }
        let place = stack.pointer(index);
        stack.reserve(1);
        stack.copy(index);
        let text = Text { place, kept: stack.pop_ref(), meaning };
        if let Some(former) = self.0.borrow_mut().put(text, MOST) {
            stack.unref(former.kept);
        }
    }
}

impl<T> Known<T> {
    /// Gives back what had to make room.
    fn put(&mut self, text: Text<T>, most: usize) -> Option<Text<T>> {
        if self.slots.is_empty() {
            self.slots.resize_with(FEWEST.min(most), || None);
        }
        loop {
            let first = set_of(text.place, self.slots.len());
            let slots = self.slots.get_mut(first..first + WAYS)?;
            let is_it = |slot: &&mut Option<Text<T>>| slot.as_ref().is_some_and(|known| known.place == text.place);
            if let Some(same) = slots.iter_mut().find(is_it) {
                return same.replace(text);
            }
            if let Some(empty) = slots.iter_mut().find(|slot| slot.is_none()) {
                return empty.replace(text);
            }
            if self.slots.len() >= most {
                let slots = self.slots.get_mut(first..first + WAYS)?;
                slots.rotate_right(1);
                return slots.first_mut()?.replace(text);
            }
            self.grow();
        }
    }

    /// Each set becomes two.
    fn grow(&mut self) {
        let count = 2 * self.slots.len();
        let mut slots = Vec::new();
        slots.resize_with(count, || None);
        for text in self.slots.drain(..).flatten() {
            let first = set_of(text.place, count);
            let empty = slots.get_mut(first..first + WAYS).and_then(|set| set.iter_mut().find(|slot| slot.is_none()));
            if let Some(empty) = empty {
                *empty = Some(text);
            }
        }
        self.slots = slots;
    }
}

/// The first of the slots that a place leads to. Spreads neighbours, which are what a VM gives to strings that were
/// made one after the other.
fn set_of(place: *const c_void, slots: usize) -> usize {
    let sets = (slots / WAYS) as u128;
    let address = (place as usize as u64) >> 3;
    let spread = address.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    WAYS * ((u128::from(spread) * sets) >> 64) as usize
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
                    if let Some(meaning) = texts.find(stack, 1) {
                        assert_eq!(meaning, number);
                        found += 1;
                    }
                    texts.remember(stack, 1, number);
                    assert_eq!(texts.find(stack, 1), Some(number));
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
    fn few_are_all_remembered() {
        let vm = vm();
        vm.protect(|_, stack| {
            for start in 0..20 {
                let texts = Texts::<u32, 65536>::default();
                for number in 0..8 {
                    stack.push_str(&format!("text {start} {number}"));
                    texts.remember(stack, number + 1, number as u32);
                }
                for number in 0..8 {
                    assert_eq!(texts.find(stack, number + 1), Some(number as u32));
                }
                stack.set_top(0);
            }
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
                assert_eq!(texts.find(stack, 1), Some(number));
            }
        })
        .unwrap();
    }

    #[test]
    fn as_many_are_remembered_as_are_used() {
        let vm = vm();
        vm.protect(|_, stack| {
            let texts = Texts::<u32, 4096>::default();
            let count = 1000;
            stack.push_table(count as usize, 0);
            let mut found = 0;
            for round in 0..3 {
                for number in 1..=count {
                    stack.push_str(&format!("text {number}"));
                    match texts.find(stack, 2) {
                        Some(meaning) => {
                            assert_eq!(meaning, number);
                            found += u32::from(round == 2);
                        }
                        None => texts.remember(stack, 2, number),
                    }
                    stack.raw_seti(1, number as i32);
                }
            }
            assert!(found > count * 49 / 50, "{found}");
            assert!(texts.0.borrow().slots.len() <= 4096);
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
            let texts = Texts::<u32, 4>::default();
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
