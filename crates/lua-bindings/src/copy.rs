//! Values of a VM as values that can travel, and back.

use std::ffi::c_void;
use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure, Local, Table, Value};
use rustc_hash::FxHashMap;

use crate::modules;
use crate::vm::{Kind, Stack, Vm};

/// Deepest nesting that is copied; also what keeps the native stack safe.
const MAX_DEPTH: usize = 200;

/// Reads the value at `index` of a stack.
///
/// # Errors
/// A function or coroutine inside, too deep a nesting, or too many bytes.
pub(crate) fn read(stack: Stack, index: i32, max_bytes: usize) -> Result<Value, Failure> {
    Reader::new(stack, max_bytes).value(index, 0)
}

/// The same for a message to an actor elsewhere, so that a large string which is sent again is not copied again.
/// Allocates, so only inside a protected call.
///
/// # Errors
/// As [`read`].
pub(crate) fn send(stack: Stack, index: i32, max_bytes: usize) -> Result<Value, Failure> {
    Reader { remembers: true, ..Reader::new(stack, max_bytes) }.value(index, 0)
}

/// Reads the value at `index` if it takes no memory.
#[inline]
pub(crate) fn scalar(stack: Stack, index: i32) -> Option<Value> {
    match stack.kind(index) {
        Kind::Number => stack.number(index).map(Value::Number),
        Kind::Nil => Some(Value::Nil),
        Kind::Boolean => Some(Value::Boolean(stack.truthy(index))),
        _ => None,
    }
}

/// Reads the value at `index` for an actor of this very VM: a long string stays where it is, and a table without others
/// inside is copied inside the VM.
///
/// # Errors
/// As [`read`].
pub(crate) fn pass(vm: &Vm, stack: Stack, index: i32, max_bytes: usize) -> Result<Value, Failure> {
    let limit = if max_bytes == 0 { usize::MAX } else { max_bytes };
    match stack.kind(index) {
        Kind::String if (LONG..=limit).contains(&stack.length(index)) => {
            stack.reserve(1);
            stack.copy(index);
        }
        Kind::Table => match Shape::of_flat(stack, index, limit) {
            Some(shape) => shape.copy(stack, index),
            None => return read(stack, index, max_bytes),
        },
        _ => return read(stack, index, max_bytes),
    }
    Ok(vm.pass(stack))
}

/// From here on it costs less to keep a string in the VM than to copy it out and in.
const LONG: usize = 64;

/// What a table without tables inside looks like.
struct Shape {
    array: usize,
    pairs: usize,
    /// Where its last pair was found: how much room it has, as far as one can see.
    last: i32,
}

impl Shape {
    /// `None` for any other table, and for one with too many bytes.
    fn of_flat(stack: Stack, index: i32, limit: usize) -> Option<Self> {
        let mut shape = Self { array: 0, pairs: 0, last: 0 };
        let mut bytes = 32_usize;
        stack.reserve(4);
        let top = stack.top();
        while let Some(next) = stack.next(index, shape.last) {
            shape.last = next;
            let mut flat = true;
            let mut is_next = false;
            for part in [top + 1, top + 2] {
                if let Some(string) = stack.string(part) {
                    bytes = bytes.saturating_add(string.len());
                    continue;
                }
                match stack.kind(part) {
                    Kind::Number if part == top + 1 => {
                        is_next = shape.pairs == 0 && stack.number(part) == Some(shape.array as f64 + 1.0);
                    }
                    Kind::Boolean | Kind::Number | Kind::Vector => {}
                    _ => flat = false,
                }
            }
            bytes = bytes.saturating_add(16);
            if is_next {
                shape.array += 1;
            } else {
                shape.pairs += 1;
            }
            stack.pop(2);
            if !flat || bytes > limit {
                return None;
            }
        }
        Some(shape)
    }

    /// Pushes a copy without metatable. Cloning is fastest, but gives the copy whatever room the table has.
    fn copy(&self, stack: Stack, index: i32) {
        stack.reserve(4);
        let roomy = self.last as usize > 4 * self.pairs;
        if self.array == 0 && self.pairs >= 8 && !roomy && !stack.is_readonly(index) {
            stack.clone_table(index);
            stack.push_nil();
            return stack.set_metatable(stack.top() - 1);
        }
        stack.push_table(self.array, self.pairs);
        let copy = stack.top();
        let mut position = 0;
        while let Some(next) = stack.next(index, position) {
            position = next;
            stack.raw_set_top(copy);
        }
    }
}

struct Reader {
    stack: Stack,
    seen: FxHashMap<*const c_void, u32>,
    left: usize,
    unlimited: bool,
    remembers: bool,
}

impl Reader {
    fn new(stack: Stack, max_bytes: usize) -> Self {
        Self { stack, seen: FxHashMap::default(), left: max_bytes, unlimited: max_bytes == 0, remembers: false }
    }

    fn value(&mut self, index: i32, depth: usize) -> Result<Value, Failure> {
        let stack = self.stack;
        Ok(match stack.kind(index) {
            Kind::Boolean => Value::Boolean(stack.truthy(index)),
            Kind::Number => Value::Number(stack.number(index).unwrap_or_default()),
            Kind::Integer => Value::Integer(stack.integer64(index).unwrap_or_default()),
            Kind::Vector => Value::Vector(stack.vector(index).unwrap_or_default()),
            Kind::String => {
                self.charge(stack.length(index))?;
                Value::String(Vm::current().share(stack, index, self.remembers))
            }
            Kind::Buffer => {
                let bytes = stack.buffer(index).unwrap_or_default();
                self.charge(bytes.len())?;
                Value::Buffer(bytes)
            }
            Kind::Table => self.table(index, depth)?,
            Kind::Userdata => modules::export(stack, index, |index| self.value(index, depth + 1))?,
            Kind::Function => return Err(Failure::new(ErrorKind::Invalid, "cannot send a function")),
            Kind::Thread => return Err(Failure::new(ErrorKind::Invalid, "cannot send a coroutine")),
            Kind::None | Kind::Nil | Kind::LightUserdata => Value::Nil,
        })
    }

    fn table(&mut self, index: i32, depth: usize) -> Result<Value, Failure> {
        let stack = self.stack;
        if depth >= MAX_DEPTH {
            return Err(Failure::new(ErrorKind::Invalid, format!("cannot send more than {MAX_DEPTH} nested tables")));
        }
        let number = self.seen.len() as u32;
        match self.seen.entry(stack.pointer(index)) {
            std::collections::hash_map::Entry::Occupied(seen) => return Ok(Value::Same(*seen.get())),
            std::collections::hash_map::Entry::Vacant(unseen) => unseen.insert(number),
        };
        self.charge(32)?;
        let mut table = Table::default();
        let mut position = 0;
        stack.reserve(4);
        while let Some(next) = stack.next(index, position) {
            position = next;
            let (key, value) = (stack.top() - 1, stack.top());
            // Lua walks its array part first and in order, so this finds 1, 2, 3 … without asking for a length. After
            // the first pair nothing may go there any more: tables are numbered with the array first.
            if table.pairs.is_empty()
                && stack.kind(key) == Kind::Number
                && stack.number(key) == Some(table.array.len() as f64 + 1.0)
            {
                table.array.push(self.value(value, depth + 1)?);
            } else {
                let key = self.value(key, depth + 1)?;
                let value = self.value(value, depth + 1)?;
                // A key that cannot travel, a channel say, takes its value with it.
                if !key.is_nil() {
                    table.pairs.push((key, value));
                }
            }
            self.charge(16)?;
            stack.pop(2);
        }
        Ok(Value::Table(Box::new(table)))
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Failure> {
        if self.unlimited {
            return Ok(());
        }
        self.left =
            self.left.checked_sub(bytes).ok_or_else(|| Failure::new(ErrorKind::Invalid, "payload too large"))?;
        Ok(())
    }
}

/// Pushes a value that nobody needs afterwards. Allocates, so only inside a protected call.
#[inline]
pub(crate) fn push_owned(stack: Stack, value: Value) {
    if let Value::Number(number) = value {
        stack.push_number(number);
        // There is nothing to drop, which the compiler does not see.
        std::mem::forget(value);
    } else {
        push_other(stack, value);
    }
}

#[inline(never)]
fn push_other(stack: Stack, value: Value) {
    match &value {
        Value::Local(local) => push_local(stack, local, true),
        value => push(stack, value),
    }
}

fn push_local(stack: Stack, local: &Local, is_last: bool) {
    if !Vm::current().push_passed(stack, local, is_last) {
        match Vm::read_passed(local) {
            Some(value) => push(stack, &value),
            None => stack.push_nil(),
        }
    }
}

/// Pushes a value. Allocates, so only inside a protected call.
pub(crate) fn push(stack: Stack, value: &Value) {
    if let Value::Table(_) = value {
        let base = stack.top();
        // The tables met so far, by number; most payloads have no use for it, so it is made on the first repetition.
        let mut writer = Writer { stack, tables: if has_same(value) { Some(base + 1) } else { None }, count: 0 };
        if writer.tables.is_some() {
            stack.push_table(0, 0);
        }
        writer.push(value);
        if writer.tables.is_some() {
            stack.remove(base + 1);
        }
    } else {
        Writer { stack, tables: None, count: 0 }.push(value);
    }
}

fn has_same(value: &Value) -> bool {
    match value {
        Value::Same(_) => true,
        Value::Table(table) => {
            table.array.iter().any(has_same) || table.pairs.iter().any(|(key, value)| has_same(key) || has_same(value))
        }
        Value::Tagged(tagged) => has_same(&tagged.data),
        _ => false,
    }
}

struct Writer {
    stack: Stack,
    tables: Option<i32>,
    count: i32,
}

impl Writer {
    fn push(&mut self, value: &Value) {
        let stack = self.stack;
        stack.reserve(4);
        match value {
            Value::Boolean(value) => stack.push_boolean(*value),
            Value::Number(value) => stack.push_number(*value),
            Value::Integer(value) => stack.push_number(*value as f64),
            Value::String(bytes) => Vm::current().push_shared(stack, bytes),
            Value::Buffer(bytes) => stack.push_buffer(bytes),
            Value::Vector(vector) => stack.push_vector(*vector),
            Value::Table(table) => self.push_table(table),
            Value::Same(number) => match self.tables {
                Some(tables) => stack.raw_geti(tables, *number as i32 + 1),
                None => stack.push_nil(),
            },
            Value::Error(failure) => modules::errors::push_shared(stack, Arc::clone(failure)),
            Value::Tagged(tagged) => modules::import(stack, tagged),
            Value::Local(local) => push_local(stack, local, false),
            _ => stack.push_nil(),
        }
    }

    fn push_table(&mut self, table: &Table) {
        let stack = self.stack;
        stack.push_table(table.array.len(), table.pairs.len());
        let index = stack.top();
        self.count += 1;
        if let Some(tables) = self.tables {
            stack.copy(index);
            stack.raw_seti(tables, self.count);
        }
        for (value, key) in table.array.iter().zip(1..) {
            if !value.is_nil() {
                self.push(value);
                stack.raw_seti(index, key);
            }
        }
        for (key, value) in &table.pairs {
            self.push(key);
            self.push(value);
            match stack.kind(index + 1) {
                // What no table takes as a key.
                Kind::Nil | Kind::None => stack.pop(2),
                Kind::Number if stack.number(index + 1).is_some_and(f64::is_nan) => stack.pop(2),
                _ => stack.raw_set_top(index),
            }
        }
    }
}
