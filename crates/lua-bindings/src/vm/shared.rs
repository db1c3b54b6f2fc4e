use std::sync::Arc;

use super::Vm;
use super::stack::{Ref, Stack};

/// From here on a string is worth remembering: making it again means to copy and to hash every byte.
const LARGE: usize = 4 << 10;

/// Nobody shall wonder where memory went: a VM remembers no more than eight strings of this size.
const LARGEST: usize = 256 << 10;
const MOST: usize = 8;

/// Large strings that have left this VM or come to it, with the bytes that travel.
///
/// A string that is sent again, to many or back to where it came from, is not copied out again, and one that is known
/// is not made again.
#[derive(Default)]
pub(super) struct Strings {
    known: Vec<Known>,
    /// Which one gives way to the next.
    oldest: usize,
}

/// Both stay where they are as long as this holds them, so that their addresses tell them from all others.
struct Known {
    bytes: Arc<[u8]>,
    string: Ref,
    text: *const u8,
}

fn is_large(bytes: &[u8]) -> bool {
    (LARGE..=LARGEST).contains(&bytes.len())
}

impl Vm {
    /// The bytes of a string of this VM, for whoever is elsewhere. Allocates in the VM only if it shall be remembered.
    pub(crate) fn share(&self, stack: Stack, index: i32, remember: bool) -> Arc<[u8]> {
        let bytes = stack.bytes(index).unwrap_or_default();
        if !is_large(bytes) {
            return bytes.into();
        }
        let text = bytes.as_ptr();
        if let Some(known) = self.shared.borrow().known.iter().find(|known| known.text == text) {
            return Arc::clone(&known.bytes);
        }
        let bytes: Arc<[u8]> = bytes.into();
        if remember {
            self.remember(stack, index, &bytes);
        }
        bytes
    }

    /// Pushes a string of bytes that came from elsewhere. Allocates, so only inside a protected call.
    pub(crate) fn push_shared(&self, stack: Stack, bytes: &Arc<[u8]>) {
        if !is_large(bytes) {
            return stack.push_bytes(bytes);
        }
        let known =
            self.shared.borrow().known.iter().find(|known| Arc::ptr_eq(&known.bytes, bytes)).map(|it| it.string);
        if let Some(string) = known {
            return stack.push_ref(string);
        }
        stack.push_bytes(bytes);
        self.remember(stack, stack.top(), bytes);
    }

    fn remember(&self, stack: Stack, index: i32, bytes: &Arc<[u8]>) {
        let Some(text) = stack.bytes(index).map(<[u8]>::as_ptr) else { return };
        stack.reserve(1);
        stack.copy(index);
        let known = Known { bytes: Arc::clone(bytes), string: stack.pop_ref(), text };
        let mut strings = self.shared.borrow_mut();
        let oldest = strings.oldest;
        strings.oldest = (oldest + 1) % MOST;
        match strings.known.get_mut(oldest) {
            Some(former) => stack.unref(std::mem::replace(former, known).string),
            None => strings.known.push(known),
        }
    }

    pub(super) fn forget_shared(&self) {
        let known = std::mem::take(&mut *self.shared.borrow_mut()).known;
        known.into_iter().for_each(|known| self.main.unref(known.string));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::environment::tests::vm;

    fn text(length: usize) -> Vec<u8> {
        vec![b'x'; length]
    }

    /// Sends a text of the VM away.
    fn leave(vm: &Vm, text: &[u8]) -> Arc<[u8]> {
        let shared = vm.protect(|vm, stack| {
            stack.push_bytes(text);
            vm.share(stack, stack.top(), true)
        });
        shared.unwrap()
    }

    /// Lets bytes come in: what they are then, and where.
    fn come(vm: &Vm, bytes: &Arc<[u8]>) -> (Vec<u8>, *const u8) {
        let come = vm.protect(|vm, stack| {
            vm.push_shared(stack, bytes);
            let bytes = stack.bytes(stack.top()).unwrap();
            (bytes.to_vec(), bytes.as_ptr())
        });
        come.unwrap()
    }

    #[test]
    fn large_text_is_copied_once_however_often_it_leaves() {
        for (length, known) in [(LARGE - 1, false), (LARGE, true), (LARGEST, true), (LARGEST + 1, false)] {
            let vm = vm();
            let text = text(length);
            let (first, second) = (leave(&vm, &text), leave(&vm, &text));
            assert_eq!((&*first, &*second), (&*text, &*text));
            assert_eq!(Arc::ptr_eq(&first, &second), known, "{length}");
        }
    }

    #[test]
    fn text_that_comes_back_is_the_same_in_both_vms() {
        let (here, there) = (vm(), vm());
        let text = text(LARGE);
        let sent = leave(&here, &text);
        let (arrived, _) = come(&there, &sent);
        assert_eq!(arrived, text);
        let back = leave(&there, &text);
        assert!(Arc::ptr_eq(&sent, &back));
        assert_eq!(come(&here, &back), come(&here, &sent));
    }

    #[test]
    fn those_that_are_too_many_are_let_go() {
        let vm = vm();
        let texts: Vec<Vec<u8>> = (0..3 * MOST).map(|number| text(LARGE + number)).collect();
        let first: Vec<_> = texts.iter().map(|text| leave(&vm, text)).collect();
        for (text, first) in texts.iter().zip(&first).rev() {
            let again = leave(&vm, text);
            assert_eq!(*again, **text);
            assert_eq!(come(&vm, first).0, *text);
        }
        drop(first);
        vm.collect_garbage();
        let before = vm.used_bytes();
        for number in 0..20 * MOST {
            leave(&vm, &text(LARGEST - number));
        }
        vm.main.collect();
        vm.main.collect();
        assert!(vm.used_bytes() < before + (MOST + 1) * LARGEST, "{} bytes more", vm.used_bytes() - before);
        vm.collect_garbage();
        assert!(vm.used_bytes() < before + LARGEST);
    }
}
