use std::cell::RefCell;
use std::ffi::c_void;

use super::stack::{Kind, Ref, Stack};

/// What the texts that scripts of a VM use over and over stand for, so that they need not be read each time.
///
/// A VM keeps equal strings in one place for as long as somebody has them. The memo has those it remembers, so a place
/// is never another string's, and to know a text is to know its place.
pub(crate) struct Texts<T, const MOST: usize>(RefCell<Known<T>>);

/// A table of sets: a text is in the one that its place leads to.
struct Known<T> {
    /// A power of two of them, and none at first.
    sets: Vec<Set<T>>,
}

/// Some texts. With room for two of them, one in ten of a thousand texts may find none in four thousand places, as
/// addresses happen to be. In line with the processor's cache: places and the first text are read in one piece.
#[repr(C, align(64))]
struct Set<T> {
    /// Null where there is none.
    places: [*const c_void; WAYS],
    texts: [Option<Text<T>>; WAYS],
}

struct Text<T> {
    kept: Ref,
    meaning: T,
}

const WAYS: usize = 4;

/// Sets of a table that is used at all.
const FEWEST: usize = 4;

impl<T, const MOST: usize> Default for Texts<T, MOST> {
    fn default() -> Self {
        const { assert!(MOST.is_power_of_two() && MOST >= WAYS) };
        Self(RefCell::new(Known { sets: Vec::new() }))
    }
}

impl<T: Clone, const MOST: usize> Texts<T, MOST> {
    /// What the text at `index` stands for, if that is remembered. The text itself is not looked at.
    #[inline]
    pub(crate) fn find(&self, stack: Stack, index: i32) -> Option<T> {
        let place = stack.pointer(index);
        let known = self.0.borrow();
        let set = known.sets.get(number_of_set(place, known.sets.len()))?;
        let way = set.places.iter().position(|known| *known == place)?;
        set.texts[way].as_ref().map(|text| text.meaning.clone())
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
        let text = Text { kept: stack.pop_ref(), meaning };
        if let Some(former) = self.0.borrow_mut().put(place, text, MOST / WAYS) {
            stack.unref(former.kept);
        }
    }
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self { places: [std::ptr::null(); WAYS], texts: [const { None }; WAYS] }
    }
}

impl<T> Set<T> {
    /// Where that text is, or could be.
    fn way(&self, place: *const c_void) -> Option<usize> {
        let way_of = |place| self.places.iter().position(|known| *known == place);
        way_of(place).or_else(|| way_of(std::ptr::null()))
    }

    fn replace(&mut self, way: usize, place: *const c_void, text: Text<T>) -> Option<Text<T>> {
        self.places[way] = place;
        self.texts[way].replace(text)
    }
}

impl<T> Known<T> {
    /// Gives back what had to make room: what came first into a full set.
    fn put(&mut self, place: *const c_void, text: Text<T>, most: usize) -> Option<Text<T>> {
        if self.sets.is_empty() {
            self.sets.resize_with(FEWEST.min(most), Set::default);
        }
        loop {
            let number = number_of_set(place, self.sets.len());
            let set = self.sets.get_mut(number)?;
            if let Some(way) = set.way(place) {
                return set.replace(way, place, text);
            }
            if self.sets.len() >= most {
                let set = self.sets.get_mut(number)?;
                set.places.rotate_right(1);
                set.texts.rotate_right(1);
                return set.replace(0, place, text);
            }
            self.grow();
        }
    }

    /// Each set becomes two.
    fn grow(&mut self) {
        let count = 2 * self.sets.len();
        let mut sets = Vec::new();
        sets.resize_with(count, Set::default);
        for set in self.sets.drain(..) {
            for (place, text) in set.places.into_iter().zip(set.texts) {
                let Some(text) = text else { continue };
                let set: &mut Set<T> = &mut sets[number_of_set(place, count)];
                if let Some(way) = set.way(place) {
                    set.replace(way, place, text);
                }
            }
        }
        self.sets = sets;
    }
}

/// The set that a place leads to. Spreads neighbours, which are what a VM gives to strings that were made one after the
/// other.
fn number_of_set(place: *const c_void, sets: usize) -> usize {
    let address = (place as usize as u64) >> 3;
    let spread = address.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((u128::from(spread) * sets as u128) >> 64) as usize
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
            assert!(texts.0.borrow().sets.len() * WAYS <= 4096);
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
