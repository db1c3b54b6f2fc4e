use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::c_void;
use std::fmt::Write as _;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;

use perilune_actor_core::{ErrorKind, Failure};
use serde_core::Serialize;

use super::{MAX_DEPTH, too_large};
use crate::modules::{errors, payload, time};
use crate::vm::{Kind, Stack};

/// The value at `index` as text of at most `limit` bytes.
pub(super) fn text(stack: Stack, index: i32, limit: usize) -> Result<Vec<u8>, Failure> {
    let top = stack.top();
    let text = Text { bytes: Vec::new(), limit };
    let mut writer = Writer { stack, text, depth: 0, tables: HashMap::default(), fields: Vec::new() };
    match writer.value(index) {
        Ok(_) => Ok(writer.text.bytes),
        Err(problem) => {
            stack.set_top(top);
            Err(problem.into())
        }
    }
}

struct Writer<'a> {
    stack: Stack,
    text: Text,
    /// How many tables are being written, each inside the one before.
    depth: usize,
    /// Where each table is in the text, so that one which occurs again is not walked again: walking takes as long as the
    /// table is large, however little it has to say.
    tables: HashMap<*const c_void, Place, BuildHasherDefault<Nearby>>,
    /// Fields of the tables that are being written.
    fields: Vec<Field<'a>>,
}

/// Keeps tables beside each other that are so in memory: nearly always they are met in that order.
#[derive(Default)]
struct Nearby(u64);

impl Hasher for Nearby {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }

    fn write_usize(&mut self, pointer: usize) {
        // The highest bits tell neighbours apart.
        let number = (pointer >> 4) as u64;
        self.0 = number ^ number << 57;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What a table became. Small, for there may be millions; texts are no longer than 1 GiB.
#[derive(Clone, Copy)]
struct Place {
    start: u32,
    /// 0 while it is being written.
    end: u32,
    /// How many levels it has.
    height: u8,
}

/// A key, and where in its table it is found. The table keeps it alive: no script runs that could change it.
#[derive(Clone, Copy)]
struct Field<'a> {
    name: &'a str,
    position: i32,
}

/// Bytes, up to a limit.
struct Text {
    bytes: Vec<u8>,
    limit: usize,
}

/// Why a value has no text.
struct Problem<'a> {
    what: String,
    /// The keys that lead to it, innermost first; `None` when no single place is to blame.
    place: Option<Vec<Step<'a>>>,
}

enum Step<'a> {
    Item(usize),
    Field(&'a str),
}

/// What a table is.
enum Shape {
    List(usize),
    Map,
}

impl<'a> Writer<'a> {
    /// Writes a value. Tells how many levels it has: none, but for tables.
    fn value(&mut self, index: i32) -> Result<usize, Problem<'a>> {
        let stack = self.stack;
        match stack.kind(index) {
            Kind::None | Kind::Nil => self.write(&())?,
            Kind::Boolean => self.write(&stack.truthy(index))?,
            Kind::Number => self.number(stack.number(index).unwrap_or_default())?,
            Kind::Integer => self.write(&stack.integer64(index).unwrap_or_default())?,
            Kind::String => self.write(utf8(stack.bytes(index).unwrap_or_default())?)?,
            Kind::Table => return self.table(index),
            Kind::Userdata => return self.object(index),
            Kind::Thread => return problem("cannot encode a coroutine"),
            _ => return problem(format!("cannot encode a {}", stack.type_name(index))),
        }
        Ok(0)
    }

    fn number(&mut self, number: f64) -> Result<(), Problem<'a>> {
        // Beyond these, doubles are not written out as whole numbers.
        const WHOLE: f64 = (1u64 << 63) as f64;
        if !number.is_finite() {
            return problem(format!("cannot encode the number {number}"));
        }
        if number == 0.0 && number.is_sign_negative() {
            return self.text.push(b"-0");
        }
        let is_whole = number.fract() == 0.0 && number.abs() < WHOLE;
        if is_whole { self.write(&(number as i64)) } else { self.write(&number) }
    }

    /// Objects that stand for a value others can read.
    fn object(&mut self, index: i32) -> Result<usize, Problem<'a>> {
        let stack = self.stack;
        stack.reserve(2);
        if payload::push_data(stack, index) {
            let height = self.value(stack.top())?;
            stack.pop(1);
            return Ok(height);
        }
        match time::text(stack, index).or_else(|| Some(errors::get(stack, index)?.message.clone())) {
            Some(text) => self.write(&text)?,
            None => return problem("cannot encode userdata"),
        }
        Ok(0)
    }

    fn table(&mut self, index: i32) -> Result<usize, Problem<'a>> {
        let table = self.stack.pointer(index);
        let start = self.text.bytes.len() as u32;
        let before = match self.tables.entry(table) {
            Entry::Vacant(unseen) => {
                unseen.insert(Place { start, end: 0, height: 0 });
                None
            }
            Entry::Occupied(seen) => Some(*seen.get()),
        };
        if let Some(place) = before {
            return self.again(place);
        }
        self.check_depth(1)?;
        // Key and value while walking, and an object's data.
        self.stack.reserve(4);
        self.depth += 1;
        let first = self.fields.len();
        let inside = match self.shape(index)? {
            Shape::List(count) => self.list(index, count)?,
            Shape::Map => self.map(index, first)?,
        };
        self.fields.truncate(first);
        self.depth -= 1;
        let height = inside + 1;
        // The depth was checked.
        self.tables.insert(table, Place { start, end: self.text.bytes.len() as u32, height: height as u8 });
        Ok(height)
    }

    /// Writes a table that has occurred before.
    fn again(&mut self, place: Place) -> Result<usize, Problem<'a>> {
        if place.end == 0 {
            return problem("cannot encode a table that contains itself");
        }
        let height = usize::from(place.height);
        self.check_depth(height)?;
        self.text.repeat(place.start as usize, place.end as usize)?;
        Ok(height)
    }

    fn check_depth(&self, more: usize) -> Result<(), Problem<'a>> {
        if self.depth + more > MAX_DEPTH {
            return Err(Problem::of_all(format!("cannot encode more than {MAX_DEPTH} nested tables")));
        }
        Ok(())
    }

    /// Tells what a table is, and notes its fields if it has any.
    fn shape(&mut self, index: i32) -> Result<Shape, Problem<'a>> {
        let stack = self.stack;
        let (mut count, mut last) = (0_usize, 0.0_f64);
        let first = self.fields.len();
        let mut position = 0;
        while let Some(next) = stack.next(index, position) {
            let key = stack.top() - 1;
            match stack.kind(key) {
                Kind::Number => {
                    let number = stack.number(key).unwrap_or_default();
                    if number < 1.0 || number.fract() != 0.0 {
                        return problem("cannot encode numbers as keys, unless they are 1, 2, 3 and so on");
                    }
                    count += 1;
                    last = last.max(number);
                }
                Kind::String => {
                    let name = utf8(stack.bytes(key).unwrap_or_default())?;
                    self.fields.push(Field { name, position });
                }
                _ => return problem(format!("cannot encode a {} as a key", stack.type_name(key))),
            }
            stack.pop(2);
            position = next;
        }
        match (count, self.fields.len() - first) {
            (_, 0) if count as f64 == last => Ok(Shape::List(count)),
            (_, 0) => problem("cannot encode a list with holes"),
            (0, _) => Ok(Shape::Map),
            _ => problem("cannot encode a table with both items and fields"),
        }
    }

    fn list(&mut self, index: i32, count: usize) -> Result<usize, Problem<'a>> {
        let stack = self.stack;
        let mut height = 0;
        self.text.push(b"[")?;
        for item in 1..=count {
            if item > 1 {
                self.text.push(b",")?;
            }
            stack.raw_geti(index, item as i32);
            height = height.max(self.value(stack.top()).map_err(|problem| problem.below(Step::Item(item)))?);
            stack.pop(1);
        }
        self.text.push(b"]")?;
        Ok(height)
    }

    /// Writes the fields from `first` on, sorted: the same value is the same text.
    fn map(&mut self, index: i32, first: usize) -> Result<usize, Problem<'a>> {
        let stack = self.stack;
        let mut height = 0;
        let last = self.fields.len();
        self.fields[first..].sort_unstable_by_key(|field| field.name);
        self.text.push(b"{")?;
        for place in first..last {
            let Field { name, position } = self.fields[place];
            if place > first {
                self.text.push(b",")?;
            }
            self.write(name)?;
            self.text.push(b":")?;
            stack.next(index, position);
            height = height.max(self.value(stack.top()).map_err(|problem| problem.below(Step::Field(name)))?);
            stack.pop(2);
        }
        self.text.push(b"}")?;
        Ok(height)
    }

    fn write<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem<'a>> {
        // Only the limit can stop it.
        serde_json::to_writer(&mut self.text, value).map_err(|_| Problem::of_all(too_large().message))
    }
}

fn utf8<'a>(bytes: &'a [u8]) -> Result<&'a str, Problem<'a>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => problem("cannot encode a string that is not UTF-8; base64 can"),
    }
}

impl Text {
    fn push<'a>(&mut self, bytes: &[u8]) -> Result<(), Problem<'a>> {
        io::Write::write_all(self, bytes).map_err(|_| Problem::of_all(too_large().message))
    }

    fn repeat<'a>(&mut self, start: usize, end: usize) -> Result<(), Problem<'a>> {
        if end - start > self.limit - self.bytes.len() {
            return Err(Problem::of_all(too_large().message));
        }
        self.bytes.extend_from_within(start..end);
        Ok(())
    }
}

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.limit - self.bytes.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn problem<'a, T>(what: impl Into<String>) -> Result<T, Problem<'a>> {
    Err(Problem { what: what.into(), place: Some(Vec::new()) })
}

impl<'a> Problem<'a> {
    fn of_all(what: String) -> Self {
        Self { what, place: None }
    }

    fn below(mut self, step: Step<'a>) -> Self {
        if let Some(place) = &mut self.place {
            place.push(step);
        }
        self
    }
}

impl From<Problem<'_>> for Failure {
    fn from(problem: Problem<'_>) -> Self {
        let mut place = String::new();
        let mut steps = problem.place.iter().flatten().rev();
        for step in steps.by_ref().take(MOST_STEPS) {
            // Writing to a string does not fail.
            let _ = match step {
                Step::Item(item) => write!(place, "[{item}]"),
                Step::Field(name) if place.is_empty() => write!(place, "{}", short(name)),
                Step::Field(name) => write!(place, ".{}", short(name)),
            };
        }
        if steps.next().is_some() {
            place.push('…');
        }
        let at = if place.is_empty() { String::new() } else { format!(" (at {place})") };
        Failure::new(ErrorKind::Invalid, problem.what + &at)
    }
}

/// How many keys of a place a message needs.
const MOST_STEPS: usize = 20;

/// As much of a key as a message needs.
fn short(name: &str) -> &str {
    name.char_indices().nth(40).map_or(name, |(end, _)| &name[..end])
}
