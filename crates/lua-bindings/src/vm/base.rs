use std::ffi::{CStr, c_int};

use mlua::ffi;

use super::native::{NOTHING, ONE, Outcome, Return, raise};
use super::stack::{Kind, Ref, Stack};
use super::{Vm, codegen, environment};
use crate::modules::errors;

/// Names of the language that scripts keep. Whatever is not here is not reachable: nothing that loads code or files, looks
/// into other actors' tables, or steers the collector.
const GLOBALS: [&CStr; 26] = [
    c"assert",
    c"error",
    c"getmetatable",
    c"ipairs",
    c"next",
    c"pairs",
    c"pcall",
    c"rawequal",
    c"rawget",
    c"rawlen",
    c"select",
    c"setmetatable",
    c"tonumber",
    c"tostring",
    c"type",
    c"typeof",
    c"unpack",
    c"xpcall",
    c"_VERSION",
    c"math",
    c"string",
    c"table",
    c"bit32",
    c"buffer",
    c"utf8",
    c"vector",
];

const LIBRARIES: [&CStr; 9] =
    [c"math", c"string", c"table", c"bit32", c"buffer", c"utf8", c"vector", c"coroutine", c"os"];

const OS: [&CStr; 3] = [c"date", c"clock", c"difftime"];

/// String functions that also take a structured error for its message.
const TEXT_FUNCTIONS: [&CStr; 12] =
    [c"find", c"match", c"gmatch", c"gsub", c"sub", c"len", c"lower", c"upper", c"rep", c"byte", c"reverse", c"format"];

/// Makes the read-only libraries that all actors of the VM share.
pub(super) fn build(vm: &Vm, stack: Stack) {
    // SAFETY: inside a protected call; opens Lua's own libraries.
    unsafe { ffi::luaL_openlibs(stack.raw()) };
    codegen::register(stack);
    stack.push_globals();
    let all = stack.top();
    stack.push_table(0, 64);
    let base = stack.top();
    for name in GLOBALS {
        stack.raw_get(all, name);
        stack.raw_set(base, name);
    }
    stack.push_native(c"rawset", environment::raw_set, 0);
    stack.raw_set(base, c"rawset");
    stack.push_native(c"print", crate::modules::print, 0);
    stack.raw_set(base, c"print");

    for (name, kept) in [(c"coroutine", None), (c"os", Some(OS))] {
        stack.raw_get(all, name);
        if let Some(kept) = kept {
            stack.push_table(0, kept.len() + 2);
            let library = stack.top();
            for function in kept {
                stack.raw_get(library - 1, function);
                stack.raw_set(library, function);
            }
            stack.push_str(std::env::consts::OS);
            stack.raw_set(library, c"platform");
            stack.set_functions(&[(c"time", crate::modules::os::time)]);
            stack.remove(library - 1);
        }
        stack.raw_set(base, name);
    }
    strings(stack, base);
    tables(vm, stack, base);
    stack.raw_get(base, c"math");
    stack.set_functions(&[(c"random", random), (c"randomseed", random_seed)]);
    stack.pop(1);
    stack.raw_get(base, c"coroutine");
    stack.set_waiting_functions(&[(c"spawn", crate::modules::coroutine::spawn)]);
    stack.pop(1);
    starter(vm, stack);

    errors::register(stack);
    crate::modules::channel::register(stack);
    crate::modules::process::register(vm, stack);
    crate::modules::events::register(stack);
    crate::modules::funcs::register(stack);
    crate::modules::registry::register(stack);
    crate::modules::security::register(stack);
    crate::modules::exec::register(stack);
    crate::modules::logger::register(stack);
    crate::modules::payload::register(stack);
    crate::modules::stream::register(stack);
    crate::modules::fs::register(stack);
    crate::modules::time::register(stack);
    vm.case.set(shared_metatable(stack, c"channel.case", &[]));
    vm.result.set(shared_metatable(stack, c"result", &[(c"__tostring", crate::modules::process::result_text)]));
    for (name, make) in crate::modules::ALWAYS {
        make(vm, stack);
        stack.set_readonly(stack.top());
        stack.raw_set(base, name);
    }
    for name in LIBRARIES {
        stack.raw_get(base, name);
        stack.set_readonly(stack.top());
        stack.pop(1);
    }
    stack.set_readonly(base);
    stack.set_safe_environment(base, true);
    stack.copy(base);
    vm.base.set(stack.pop_ref());
    stack.set_top(0);
}

/// A protected metatable that objects of a kind share.
fn shared_metatable(stack: Stack, name: &'static CStr, functions: super::Functions) -> Ref {
    stack.push_table(0, functions.len() + 1);
    stack.set_functions(functions);
    stack.push_bytes(name.to_bytes());
    stack.raw_set(stack.top() - 1, c"__metatable");
    stack.set_readonly(stack.top());
    stack.pop_ref()
}

// --- string

fn strings(stack: Stack, base: i32) {
    stack.raw_get(base, c"string");
    let string = stack.top();
    for name in TEXT_FUNCTIONS {
        stack.raw_get(string, name);
        // SAFETY: the state is live.
        let original = unsafe { ffi::lua_tocfunction(stack.raw(), stack.top()) };
        stack.pop(1);
        if let Some(original) = original {
            let wrapper = if name == c"find" { find } else { with_error_texts };
            stack.push_token(original as usize);
            stack.push_function(wrapper, name, 1);
            stack.raw_set(string, name);
        }
    }
    stack.push_table(0, 2);
    stack.push_native(c"string", call_string, 0);
    stack.raw_set(string + 1, c"__call");
    stack.push_str("string");
    stack.raw_set(string + 1, c"__metatable");
    stack.set_readonly(string + 1);
    stack.set_metatable(string);
    // Strings themselves share one metatable; it must not lead to anything that can be changed.
    stack.push_str("");
    if stack.push_metatable(string + 1) {
        stack.push_str("string");
        stack.raw_set(string + 2, c"__metatable");
        stack.set_readonly(string + 2);
    }
    stack.set_top(string - 1);
}

/// Replaces error objects among the arguments by their messages and goes on as the function of the language.
unsafe extern "C-unwind" fn with_error_texts(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls with a live state; the upvalue is the function that `strings` found, and sees this very frame.
    unsafe {
        let stack = Stack::new(state);
        errors::replace_by_texts(stack);
        std::mem::transmute::<usize, ffi::lua_CFunction>(stack.upvalue_token(1))(state)
    }
}

/// `string.find`, whose plain form must not take quadratic time: no interrupt reaches it.
unsafe extern "C-unwind" fn find(state: *mut ffi::lua_State) -> c_int {
    const SHORT: usize = 256;
    // SAFETY: Lua calls with a live state.
    let stack = unsafe { Stack::new(state) };
    if stack.kind(1) == Kind::String && stack.kind(2) == Kind::String {
        let (text, needle) = (stack.bytes(1).unwrap_or_default(), stack.bytes(2).unwrap_or_default());
        let is_plain = || stack.truthy(4) || !needle.iter().any(|byte| b"^$*+?.([%-".contains(byte));
        if text.len() > SHORT && needle.len() > 1 && is_plain() {
            return find_plain(stack, text, needle);
        }
    }
    // SAFETY: as here.
    unsafe { with_error_texts(state) }
}

fn find_plain(stack: Stack, text: &[u8], needle: &[u8]) -> c_int {
    let length = text.len() as f64;
    let start = stack.number(3).unwrap_or(1.0).trunc();
    let start = if start < 0.0 { (length + start).max(0.0) } else { (start - 1.0).max(0.0) };
    let found = if start > length { None } else { memchr::memmem::find(&text[start as usize..], needle) };
    match found {
        Some(offset) => {
            let first = start + offset as f64 + 1.0;
            stack.push_number(first);
            stack.push_number(first + needle.len() as f64 - 1.0);
            2
        }
        None => {
            stack.push_nil();
            1
        }
    }
}

/// `string(x)`: scripts use the library's name as a check.
fn call_string(stack: Stack) -> Outcome {
    match stack.kind(2) {
        Kind::String | Kind::Number => {
            stack.bytes(2);
            stack.copy(2);
            ONE
        }
        _ => raise(format!("bad argument #1 to 'string' (string expected, got {})", stack.type_name(2))),
    }
}

// --- table

fn tables(vm: &Vm, stack: Stack, base: i32) {
    stack.raw_get(base, c"table");
    let table = stack.top();
    stack.set_functions(&[(c"create", create)]);
    let bytecode = mlua::chunk::Compiler::new().set_optimization_level(2).compile(include_str!("sort.luau"));
    if let Ok(bytecode) = bytecode
        && stack.load(c"=table.sort", &bytecode)
    {
        let sort = stack.top();
        stack.raw_get(table, c"sort");
        stack.push_buffer(&[0; 8]);
        stack.copy(stack.top());
        let progress = stack.pop_ref();
        stack.push_native(c"check", check_sort, 0);
        if stack.call_protected(3, 1) {
            stack.copy(sort);
            stack.raw_set(table, c"sort");
            vm.sort.set((stack.pop_ref(), progress));
            vm.find_sort_words();
        }
    }
    stack.set_top(table - 1);
}

/// A function that waits before it calls its first argument with the others.
fn starter(vm: &Vm, stack: Stack) {
    const SOURCE: &str = "local wait = ... return function(run, ...) wait() run(...) end";
    let compiler = mlua::chunk::Compiler::new().set_optimization_level(2).set_debug_level(0);
    if let Ok(bytecode) = compiler.compile(SOURCE)
        && stack.load(c"=coroutine.spawn", &bytecode)
    {
        stack.push_table(0, 1);
        stack.set_waiting_functions(&[(c"wait", crate::modules::coroutine::wait_for_turn)]);
        stack.raw_get(stack.top(), c"wait");
        stack.remove(stack.top() - 1);
        if stack.call_protected(1, 1) {
            vm.starter.set(stack.pop_ref());
        }
    }
}

/// `table.create(narr, nrec)`: two sizes, and an empty table.
fn create(stack: Stack) -> Outcome {
    let array = stack.want_number(1, "create")?;
    let pairs = if stack.is_nothing(2) { 0.0 } else { stack.number(2).unwrap_or(0.0) };
    if !(0.0..=f64::from(1 << 26)).contains(&array) || !(0.0..=f64::from(1 << 26)).contains(&pairs) {
        return raise("bad argument #1 to 'create' (size out of range)");
    }
    stack.push_table(array as usize, pairs as usize);
    ONE
}

fn check_sort(stack: Stack) -> Outcome {
    stack.want_kind(1, "sort", Kind::Table, "table")?;
    if stack.is_readonly(1) {
        return raise("attempt to modify a readonly table");
    }
    if !stack.is_nothing(2) {
        stack.want_kind(2, "sort", Kind::Function, "function")?;
    }
    NOTHING
}

impl Vm {
    /// Whether a sort has begun and not been seen to end.
    pub(crate) fn may_be_sorting(&self) -> bool {
        self.sort_words().1 != 0
    }

    pub(crate) fn sort_progress(&self) -> u32 {
        self.sort_words().0
    }

    /// Asked at every wait, so without going through the VM.
    fn sort_words(&self) -> (u32, u32) {
        let words = self.sort_words.get();
        if words.is_null() {
            return (0, 0);
        }
        // SAFETY: `find_sort_words` took it from a buffer of eight bytes, which `sort` keeps and the VM never moves; only
        // scripts of this thread write it.
        let [progress, running] = unsafe { words.read_unaligned() };
        (u32::from_le_bytes(progress), u32::from_le_bytes(running))
    }

    fn find_sort_words(&self) {
        let stack = self.main;
        let mut length = 0;
        stack.push_ref(self.sort.get().1);
        // SAFETY: the main stack is live; what is on top may be asked for its bytes whatever it is.
        let data = unsafe { ffi::lua_tobuffer(stack.raw(), stack.top(), &mut length) };
        stack.pop(1);
        if length == 8 {
            self.sort_words.set(data.cast_const().cast());
        }
    }

    /// No sort was running after all: one has ended with an error.
    pub(crate) fn end_sorting(&self) {
        let stack = self.main;
        stack.push_ref(self.sort.get().1);
        let mut length = 0;
        // SAFETY: the buffer was made with eight bytes, and no script runs.
        unsafe {
            let data = ffi::lua_tobuffer(stack.raw(), stack.top(), &mut length).cast::<u8>();
            if length == 8 {
                data.add(4).write_bytes(0, 4);
            }
        }
        stack.pop(1);
    }

    /// Whether the thread is inside `table.sort`, walking its calls.
    pub(crate) fn is_inside_sort(&self, stack: Stack) -> bool {
        self.main.push_ref(self.sort.get().0);
        let sort = self.main.pointer(self.main.top());
        self.main.pop(1);
        (0..).map_while(|level| stack.is_function_at(level, sort)).any(|found| found)
    }

    pub(crate) fn slice(&self) -> std::time::Duration {
        if self.settings.break_everywhere { std::time::Duration::from_micros(10) } else { self.settings.slice }
    }
}

// --- math

/// The next state, and 53 random bits of it, as a fraction.
fn next_random(state: u64) -> (u64, f64) {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (state, (bits >> 11) as f64 / (1u64 << 53) as f64)
}

/// `math.random`, with a state per actor.
fn random(stack: Stack) -> Outcome {
    let Some(actor) = Vm::current().actor() else { return raise("no context found") };
    let (state, fraction) = next_random(actor.random());
    actor.set_random(state);
    let (low, high) = match (stack.is_nothing(1), stack.is_nothing(2)) {
        (true, _) => {
            stack.push_number(fraction);
            return ONE;
        }
        (false, true) => (1.0, stack.want_number(1, "random")?),
        (false, false) => (stack.want_number(1, "random")?, stack.want_number(2, "random")?),
    };
    let (low, high) = (low.floor(), high.floor());
    if low > high || !(high - low).is_finite() {
        let index = if stack.is_nothing(2) { 1 } else { 2 };
        return raise(format!("bad argument #{index} to 'random' (interval is empty)"));
    }
    stack.push_number((low + (fraction * (high - low + 1.0)).floor()).min(high));
    ONE
}

fn random_seed(stack: Stack) -> Outcome {
    let seed = stack.want_number(1, "randomseed")?;
    if let Some(actor) = Vm::current().actor() {
        actor.set_random(seed.to_bits());
    }
    Ok(Return::Values(0))
}
