use std::collections::VecDeque;

use super::*;
use crate::modules::errors;
use crate::splitter::{Mode, Next, Splitter};
use crate::task::{Ending, Token, check_wait};
use crate::vm::raise;

/// How many chunks without a piece are looked at in one go. Nobody else has a turn meanwhile.
const AT_ONCE: usize = 16;

/// Reads a stream piece by piece. What it has read and not given out is its own: a later `read` goes on behind it.
struct Scanner {
    open: Rc<Open>,
    splitter: RefCell<Splitter>,
    /// A coroutine waits for more bytes. Others wait until it has them, so that pieces come whole and in order.
    filling: Cell<bool>,
    waiting: RefCell<VecDeque<Token>>,
    ended: Cell<bool>,
    error: RefCell<Option<Arc<Failure>>>,
}

impl Object for Scanner {
    const TAG: c_int = 51;
    const NAME: &'static str = "scanner";
}

const METHODS: Functions = &[
    (c"text", |stack| {
        let piece = Ref::map(stack.want_self::<Scanner>("text")?.splitter.borrow(), Splitter::piece);
        stack.push_bytes(&piece);
        ONE
    }),
    (c"err", |stack| {
        let error = stack.want_self::<Scanner>("err")?.error.borrow().clone();
        match error {
            Some(error) => errors::push_shared(stack, error),
            None => stack.push_nil(),
        }
        ONE
    }),
];

const META: Functions = &[(c"__tostring", |stack| {
    stack.want_self::<Scanner>("tostring")?;
    stack.push_str(&format!("scanner: {:p}", stack.pointer(1)));
    ONE
})];

pub(super) fn register(stack: Stack) {
    stack.register_object::<Scanner>(METHODS, &[(c"scan", scan)], META);
}

/// `stream:scanner(mode?)`
pub(super) fn make(stack: Stack) -> Outcome {
    let open = Rc::clone(&stack.want_self::<StreamObject>("scanner")?.0);
    let mode = match if stack.is_nothing(2) { &b"lines"[..] } else { stack.want_bytes(2, "scanner")? } {
        b"lines" => Mode::Lines,
        b"words" => Mode::Words,
        b"bytes" => Mode::Bytes,
        b"runes" => Mode::Runes,
        _ => return stack.unknown(2, "scanner", "lines, words, bytes or runes"),
    };
    if let Err(failure) = open.check() {
        return stack.fail(failure);
    }
    stack.push_object(Scanner {
        open,
        splitter: RefCell::new(Splitter::new(mode)),
        filling: Cell::new(false),
        waiting: RefCell::default(),
        ended: Cell::new(false),
        error: RefCell::default(),
    });
    ONE
}

impl Scanner {
    fn end(&self, error: Option<Failure>) -> Next {
        self.ended.set(true);
        self.splitter.borrow_mut().clear();
        *self.error.borrow_mut() = error.map(Arc::new);
        Next::End
    }

    fn step(&self) -> Next {
        if self.ended.get() {
            return Next::End;
        }
        if let Err(closed) = self.open.check() {
            return self.end(Some(closed));
        }
        let next = self.splitter.borrow_mut().step();
        match next {
            Next::Piece | Next::More => next,
            Next::End => self.end(None),
            Next::TooLong => self.end(Some(Failure::new(ErrorKind::Invalid, "line or word is longer than 1 MiB"))),
        }
    }

    /// Bytes have come, or the end, or an error.
    fn filled(&self, read: io::Result<Option<Vec<u8>>>) {
        self.filling.set(false);
        match read {
            _ if self.open.closed.get() => {}
            Ok(Some(chunk)) => self.splitter.borrow_mut().feed(chunk),
            Ok(None) => self.splitter.borrow_mut().end(),
            Err(error) => {
                self.end(Some(failure("read", &error)));
            }
        }
        // They look for themselves whether there is a piece for them.
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        if let Some(actor) = Vm::current().actor() {
            for token in waiting {
                actor.finish(token, Ending::Custom(Box::new(scan)));
            }
        }
    }
}

/// Goes to the next piece, without waiting if it is there.
fn scan(stack: Stack) -> Outcome {
    let scanner = stack.want_self::<Scanner>("scan")?;
    if scanner.filling.get() {
        return await_turn(stack, scanner);
    }
    let vm = Vm::current();
    for more in (0..AT_ONCE).rev() {
        let next = scanner.step();
        if next != Next::More {
            stack.push_boolean(next == Next::Piece);
            return ONE;
        }
        check_wait(vm, stack)?;
        let read = |read: io::Result<Option<&[u8]>>| scanner.filled(read.map(|bytes| bytes.map(<[u8]>::to_vec)));
        if more == 0 || scanner.open.read_now(vm, CHUNK, read).is_none() {
            break;
        }
    }
    fill(stack, scanner)
}

fn fill(stack: Stack, scanner: &Scanner) -> Outcome {
    let filled = scanner.open.read_later(stack, CHUNK, |stack, read| {
        let scanner = stack.want_self::<Scanner>("scan")?;
        scanner.open.has_read(&read);
        scanner.filled(read);
        scan(stack)
    });
    scanner.filling.set(filled.is_ok());
    filled
}

fn await_turn(stack: Stack, scanner: &Scanner) -> Outcome {
    let vm = Vm::current();
    check_wait(vm, stack)?;
    let Some(actor) = vm.actor() else { return raise("no context found") };
    scanner.waiting.borrow_mut().push_back(actor.token());
    actor.wait(vm, waits_for(&*scanner.open.stream))
}
