use std::ffi::{CStr, c_int, c_void};

use mlua::ffi;
use perilune_actor_core::Pid;

/// The stack of one Lua thread, as far as the function that holds it may see it.
///
/// Methods take positive indices, for which Lua answers "nothing there" when they are past the top. What is pushed stays
/// within the slots Lua guarantees to a function, or [`reserve`](Self::reserve) is called before.
///
/// A method that allocates may raise a Lua error, which unwinds through the Rust caller and runs its destructors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stack(*mut ffi::lua_State);

/// Type of a Lua value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    None,
    Nil,
    Boolean,
    LightUserdata,
    Number,
    Integer,
    Vector,
    String,
    Table,
    Function,
    Userdata,
    Thread,
    Buffer,
}

/// Holds a value that Lua code cannot reach. Freed with [`Stack::unref`], or with the VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ref(c_int);

impl Ref {
    pub(crate) const NONE: Self = Self(ffi::LUA_NOREF);

    pub(crate) fn is_none(self) -> bool {
        self.0 == ffi::LUA_NOREF
    }
}

/// The same of a value that the VM has for as long as it lives: a place on a thread that nobody runs. Pushing it is
/// quicker than looking up a [`Ref`].
#[derive(Clone, Copy)]
pub(crate) struct Fixed {
    keeper: Stack,
    index: i32,
}

/// A kind of host object: where its metatable is found, and what Rust value it holds.
pub(crate) trait Object: 'static {
    /// Unique among all kinds; 0 to 9 belong to mlua.
    const TAG: c_int;
    /// What argument errors call it.
    const NAME: &'static str;
}

impl Stack {
    /// # Safety
    /// The state must be live for as long as the value is used, and only be used on this thread.
    pub(crate) unsafe fn new(state: *mut ffi::lua_State) -> Self {
        Self(state)
    }

    pub(crate) fn raw(self) -> *mut ffi::lua_State {
        self.0
    }

    // --- the stack itself

    pub(crate) fn top(self) -> i32 {
        // SAFETY: the state is live (`new`); so for every block of this file that names no other reason.
        unsafe { ffi::lua_gettop(self.0) }
    }

    pub(crate) fn set_top(self, top: i32) {
        let now = self.top();
        if top > now {
            self.reserve(top - now);
        }
        if top != now {
            // SAFETY: see `top`; there is room.
            unsafe { ffi::lua_settop(self.0, top.max(0)) }
        }
    }

    pub(crate) fn pop(self, count: i32) {
        // SAFETY: see `top`; callers have pushed as many.
        unsafe { ffi::lua_settop(self.0, -count - 1) }
    }

    /// Makes room for `count` more values.
    pub(crate) fn reserve(self, count: i32) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_rawcheckstack(self.0, count) }
    }

    pub(crate) fn copy(self, index: i32) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_pushvalue(self.0, index) }
    }

    /// Pushes `index` of this stack onto another of the same VM.
    pub(crate) fn copy_to(self, index: i32, other: Self) {
        other.reserve(1);
        // SAFETY: see `top`; there is room.
        unsafe { ffi::lua_xpush(self.0, other.0, index) }
    }

    /// Moves the topmost value to `index`, shifting what is there.
    pub(crate) fn insert(self, index: i32) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_insert(self.0, index) }
    }

    pub(crate) fn remove(self, index: i32) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_remove(self.0, index) }
    }

    /// Pops a value into `index`.
    pub(crate) fn replace(self, index: i32) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_replace(self.0, index) }
    }

    // --- reading

    pub(crate) fn kind(self, index: i32) -> Kind {
        // SAFETY: see `top`.
        match unsafe { ffi::lua_type(self.0, index) } {
            ffi::LUA_TNIL => Kind::Nil,
            ffi::LUA_TBOOLEAN => Kind::Boolean,
            ffi::LUA_TLIGHTUSERDATA => Kind::LightUserdata,
            ffi::LUA_TNUMBER => Kind::Number,
            ffi::LUA_TINTEGER => Kind::Integer,
            ffi::LUA_TVECTOR => Kind::Vector,
            ffi::LUA_TSTRING => Kind::String,
            ffi::LUA_TTABLE => Kind::Table,
            ffi::LUA_TFUNCTION => Kind::Function,
            ffi::LUA_TUSERDATA => Kind::Userdata,
            ffi::LUA_TTHREAD => Kind::Thread,
            ffi::LUA_TBUFFER => Kind::Buffer,
            _ => Kind::None,
        }
    }

    pub(crate) fn is_nothing(self, index: i32) -> bool {
        matches!(self.kind(index), Kind::None | Kind::Nil)
    }

    pub(crate) fn truthy(self, index: i32) -> bool {
        // SAFETY: see `top`.
        unsafe { ffi::lua_toboolean(self.0, index) != 0 }
    }

    /// A number, or a string that reads as one.
    pub(crate) fn number(self, index: i32) -> Option<f64> {
        let mut is_number = 0;
        // SAFETY: see `top`.
        let number = unsafe { ffi::lua_tonumberx(self.0, index, &mut is_number) };
        (is_number != 0).then_some(number)
    }

    pub(crate) fn integer64(self, index: i32) -> Option<i64> {
        let mut is_integer = 0;
        // SAFETY: see `top`.
        let integer = unsafe { ffi::lua_tointeger64(self.0, index, &mut is_integer) };
        (is_integer != 0).then_some(integer)
    }

    /// The bytes of a string, or of a number turned into one in place. The caller must not pop or replace the value
    /// while it uses them.
    pub(crate) fn bytes<'a>(self, index: i32) -> Option<&'a [u8]> {
        let mut length = 0;
        // SAFETY: see `top`.
        let data = unsafe { ffi::lua_tolstring(self.0, index, &mut length) };
        // SAFETY: the string is `length` bytes long and lives while it is on the stack.
        (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast(), length) })
    }

    /// The bytes of a string, and of nothing else. As with [`bytes`](Self::bytes), the value must stay.
    pub(crate) fn string<'a>(self, index: i32) -> Option<&'a [u8]> {
        let mut length = 0;
        // SAFETY: see `top`; no atom is asked for.
        let data = unsafe { ffi::lua_tolstringatom(self.0, index, &mut length, std::ptr::null_mut()) };
        // SAFETY: the string is `length` bytes long and lives while it is on the stack.
        (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast(), length) })
    }

    pub(crate) fn vector(self, index: i32) -> Option<[f32; 3]> {
        // SAFETY: see `top`.
        let data = unsafe { ffi::lua_tovector(self.0, index) };
        // SAFETY: a vector is three floats.
        (!data.is_null()).then(|| unsafe { [*data, *data.add(1), *data.add(2)] })
    }

    /// A copy of a buffer's bytes.
    pub(crate) fn buffer(self, index: i32) -> Option<Box<[u8]>> {
        let mut length = 0;
        // SAFETY: see `top`.
        let data = unsafe { ffi::lua_tobuffer(self.0, index, &mut length) };
        // SAFETY: the buffer is `length` bytes long, and nothing runs while it is copied.
        (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length).into() })
    }

    /// The identity of a table, function, thread, userdata or string.
    pub(crate) fn pointer(self, index: i32) -> *const c_void {
        // SAFETY: see `top`.
        unsafe { ffi::lua_topointer(self.0, index) }
    }

    /// The Rust value of a host object. It lives as long as Lua can reach the object; the caller keeps it on a stack.
    pub(crate) fn object<'a, T: Object>(self, index: i32) -> Option<&'a T> {
        // SAFETY: see `top`.
        let data = unsafe { ffi::lua_touserdatatagged(self.0, index, T::TAG) };
        // SAFETY: only `push_object` makes userdata of this tag, with a `T` inside.
        unsafe { data.cast::<T>().as_ref() }
    }

    /// Identity of the metatable, null without one.
    pub(crate) fn metatable_pointer(self, index: i32) -> *const c_void {
        // SAFETY: see `top`.
        unsafe { ffi::lua_getmetatablepointer(self.0, index) }
    }

    pub(crate) fn type_name(self, index: i32) -> &'static str {
        match self.kind(index) {
            Kind::None | Kind::Nil => "nil",
            Kind::Boolean => "boolean",
            Kind::LightUserdata | Kind::Userdata => "userdata",
            Kind::Number | Kind::Integer => "number",
            Kind::Vector => "vector",
            Kind::String => "string",
            Kind::Table => "table",
            Kind::Function => "function",
            Kind::Thread => "thread",
            Kind::Buffer => "buffer",
        }
    }

    /// What Lua's `tostring` gives; pushes it. May run a script's `__tostring`.
    pub(crate) fn to_text<'a>(self, index: i32) -> &'a [u8] {
        let mut length = 0;
        // SAFETY: see `top`; the result is on the stack.
        unsafe {
            let data = ffi::luaL_tolstring_(self.0, index, &mut length);
            std::slice::from_raw_parts(data.cast(), length)
        }
    }

    // --- pushing

    pub(crate) fn push_nil(self) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_pushnil(self.0) }
    }

    pub(crate) fn push_boolean(self, value: bool) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_pushboolean(self.0, c_int::from(value)) }
    }

    pub(crate) fn push_number(self, value: f64) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_pushnumber(self.0, value) }
    }

    pub(crate) fn push_bytes(self, bytes: &[u8]) {
        // SAFETY: see `top`; Lua copies the bytes.
        unsafe { ffi::lua_pushlstring_(self.0, bytes.as_ptr().cast(), bytes.len()) }
    }

    pub(crate) fn push_str(self, text: &str) {
        self.push_bytes(text.as_bytes());
    }

    pub(crate) fn push_pid(self, pid: Pid) {
        pid.with_text(|text| self.push_str(text));
    }

    pub(crate) fn push_vector(self, [x, y, z]: [f32; 3]) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_pushvector(self.0, x, y, z) }
    }

    pub(crate) fn push_buffer(self, bytes: &[u8]) {
        // SAFETY: see `top`; the new buffer is as long as the bytes.
        unsafe {
            let data = ffi::lua_newbuffer(self.0, bytes.len());
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len());
        }
    }

    pub(crate) fn push_table(self, array: usize, pairs: usize) {
        let clamp = |n: usize| n.min(1 << 24) as c_int;
        // SAFETY: see `top`.
        unsafe { ffi::lua_createtable(self.0, clamp(array), clamp(pairs)) }
    }

    pub(crate) fn push_function(self, function: ffi::lua_CFunction, name: &'static CStr, upvalues: i32) {
        // SAFETY: see `top`; the name lives for ever.
        unsafe { ffi::lua_pushcclosurek(self.0, function, name.as_ptr(), upvalues, None) }
    }

    /// Pushes a number that only Rust understands, as an upvalue say.
    pub(crate) fn push_token(self, token: usize) {
        // SAFETY: see `top`; the pointer is never followed.
        unsafe { ffi::lua_pushlightuserdatatagged(self.0, token as *mut c_void, 0) }
    }

    pub(crate) fn upvalue_token(self, number: i32) -> usize {
        // SAFETY: see `top`.
        unsafe { ffi::lua_tolightuserdata(self.0, ffi::lua_upvalueindex(number)) as usize }
    }

    /// Pushes a host object. Its metatable was set by [`register`](Self::register).
    pub(crate) fn push_object<T: Object>(self, value: T) {
        const { assert!(align_of::<T>() <= 16) };
        // SAFETY: see `top`; the block is as large as a `T`, and the destructor of the tag runs once.
        unsafe {
            let data = ffi::lua_newuserdatataggedwithmetatable(self.0, size_of::<T>(), T::TAG);
            data.cast::<T>().write(value);
        }
    }

    /// Makes the table on top the metatable of a kind of host object, and pops it.
    pub(crate) fn register<T: Object>(self) {
        unsafe extern "C" fn destroy<T>(_: *mut ffi::lua_State, data: *mut c_void) {
            // SAFETY: called once, when the object that `push_object` made is freed.
            unsafe { data.cast::<T>().drop_in_place() }
        }
        // SAFETY: see `top`.
        unsafe {
            ffi::lua_setuserdatadtor(self.0, T::TAG, Some(destroy::<T>));
            ffi::lua_setuserdatametatable(self.0, T::TAG);
        }
    }

    /// Pushes a new thread that shares this one's globals.
    pub(crate) fn push_thread(self) -> Stack {
        // SAFETY: see `top`.
        Stack(unsafe { ffi::lua_newthread(self.0) })
    }

    /// Whether this thread of `main`'s VM has ended, failed or been suspended. One that a panic went through has not.
    pub(crate) fn is_at_rest(self, main: Self) -> bool {
        // SAFETY: see `top`, of both.
        unsafe { ffi::lua_status(self.0) != ffi::LUA_OK || ffi::lua_costatus(main.0, self.0) != ffi::LUA_CONOR }
    }

    /// Whether this thread of `main`'s VM has run to its end, or not at all: there are no calls on it, and no values but
    /// results or what it was to begin with.
    pub(crate) fn has_ended(self, main: Self) -> bool {
        // SAFETY: see `top`, of both.
        let status = unsafe { ffi::lua_costatus(main.0, self.0) };
        // One that waits for its first turn looks like one that has yielded.
        let is_whole = matches!(status, ffi::LUA_COFIN | ffi::LUA_COSUS);
        // SAFETY: see `top`.
        is_whole && unsafe { ffi::lua_status(self.0) } == ffi::LUA_OK
    }

    /// Takes everything from a thread that is at rest, but its globals: values, calls, and what its functions share with
    /// closures. Inside a protected call.
    pub(crate) fn clear(self) {
        // SAFETY: see `top`; callers know that the thread is at rest.
        unsafe { ffi::lua_resetthread(self.0) };
    }

    // --- tables

    /// Pushes `table[key]` without metamethods.
    pub(crate) fn raw_get(self, table: i32, key: &CStr) -> Kind {
        // SAFETY: see `top`; callers pass a table.
        unsafe { ffi::lua_rawgetfield(self.0, table, key.as_ptr()) };
        self.kind(self.top())
    }

    /// Pops the key and pushes `table[key]` without metamethods.
    pub(crate) fn raw_get_top(self, table: i32) {
        // SAFETY: see `top`; callers pass a table.
        unsafe { ffi::lua_rawget(self.0, table) };
    }

    pub(crate) fn raw_geti(self, table: i32, key: i32) {
        // SAFETY: see `top`; callers pass a table.
        unsafe { ffi::lua_rawgeti_(self.0, table, key) };
    }

    /// Pops a value into `table[key]`, without metamethods.
    pub(crate) fn raw_set(self, table: i32, key: &CStr) {
        // SAFETY: see `top`; callers pass a table that may be written.
        unsafe { ffi::lua_rawsetfield(self.0, table, key.as_ptr()) }
    }

    pub(crate) fn raw_seti(self, table: i32, key: i32) {
        // SAFETY: see `top`; callers pass a table that may be written.
        unsafe { ffi::lua_rawseti_(self.0, table, key) }
    }

    /// Pops value and key into `table`, without metamethods.
    pub(crate) fn raw_set_top(self, table: i32) {
        // SAFETY: see `top`; callers pass a table that may be written.
        unsafe { ffi::lua_rawset(self.0, table) }
    }

    /// Pushes `table[key]`, which may run metamethods.
    pub(crate) fn get(self, table: i32, key: &CStr) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_getfield(self.0, table, key.as_ptr()) };
    }

    /// Pops the key and pushes `table[key]`, which may run metamethods.
    pub(crate) fn get_top(self, table: i32) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_gettable(self.0, table) };
    }

    pub(crate) fn length(self, index: i32) -> usize {
        // SAFETY: see `top`.
        unsafe { ffi::lua_objlen(self.0, index) }
    }

    /// Pushes the next key and value; `None` at the end. Starts at 0.
    pub(crate) fn next(self, table: i32, position: i32) -> Option<i32> {
        // SAFETY: see `top`; callers pass a table and a position of this loop.
        let next = unsafe { ffi::lua_rawiter(self.0, table, position) };
        (next >= 0).then_some(next)
    }

    /// Pushes a copy of a table, with the same metatable and contents.
    pub(crate) fn clone_table(self, table: i32) {
        // SAFETY: see `top`; callers pass a table.
        unsafe { ffi::lua_clonetable(self.0, table) }
    }

    /// Pops a table and makes it the metatable of `index`.
    pub(crate) fn set_metatable(self, index: i32) {
        // SAFETY: see `top`; the top is a table.
        unsafe { ffi::lua_setmetatable(self.0, index) };
    }

    pub(crate) fn push_metatable(self, index: i32) -> bool {
        // SAFETY: see `top`.
        unsafe { ffi::lua_getmetatable(self.0, index) != 0 }
    }

    pub(crate) fn set_readonly(self, table: i32) {
        // SAFETY: see `top`; callers pass a table.
        unsafe { ffi::lua_setreadonly(self.0, table, 1) }
    }

    pub(crate) fn is_readonly(self, table: i32) -> bool {
        // SAFETY: see `top`; callers pass a table.
        unsafe { ffi::lua_getreadonly(self.0, table) != 0 }
    }

    /// Tells the VM that names of this table never change once found, or that they may.
    pub(crate) fn set_safe_environment(self, table: i32, safe: bool) {
        // SAFETY: see `top`; callers pass a table.
        unsafe { ffi::lua_setsafeenv(self.0, table, c_int::from(safe)) }
    }

    pub(crate) fn push_globals(self) {
        self.copy(ffi::LUA_GLOBALSINDEX);
    }

    /// Pops a table and makes it this thread's globals.
    pub(crate) fn set_globals(self) {
        self.replace(ffi::LUA_GLOBALSINDEX);
    }

    // --- references

    /// Pops a value and keeps it.
    pub(crate) fn pop_ref(self) -> Ref {
        // SAFETY: see `top`.
        let reference = unsafe { ffi::lua_ref(self.0, -1) };
        self.pop(1);
        Ref(reference)
    }

    pub(crate) fn push_ref(self, reference: Ref) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_rawgeti_(self.0, ffi::LUA_REGISTRYINDEX, reference.0) };
    }

    /// Pops a value and keeps it on `keeper`, for good.
    pub(crate) fn pop_fixed(self, keeper: Self) -> Fixed {
        self.copy_to(self.top(), keeper);
        self.pop(1);
        Fixed { keeper, index: keeper.top() }
    }

    /// Pops a value that takes the place of what `fixed` held.
    pub(crate) fn set_fixed(self, fixed: Fixed) {
        self.copy_to(self.top(), fixed.keeper);
        fixed.keeper.replace(fixed.index);
        self.pop(1);
    }

    pub(crate) fn push_fixed(self, Fixed { keeper, index }: Fixed) {
        // SAFETY: see `top`, of both.
        unsafe { ffi::lua_xpush(keeper.0, self.0, index) }
    }

    pub(crate) fn unref(self, reference: Ref) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_unref(self.0, reference.0) };
    }

    // --- functions and threads

    /// Replaces the Lua function on top by a clone whose globals are this thread's.
    pub(crate) fn clone_function(self) {
        let top = self.top();
        // SAFETY: see `top`; callers have a Lua function there.
        unsafe { ffi::lua_clonefunction(self.0, top) };
        self.remove(top);
    }

    /// Whether the function is one of a script and has no locals of what is around it.
    pub(crate) fn is_closed(self, index: i32) -> bool {
        // SAFETY: see `top`; what `lua_getupvalue` pushes is popped.
        unsafe {
            if ffi::lua_iscfunction(self.0, index) != 0 {
                return false;
            }
            let has_some = !ffi::lua_getupvalue(self.0, index, 1).is_null();
            if has_some {
                self.pop(1);
            }
            !has_some
        }
    }

    /// Replaces the globals of the function on top by the table below it, which is popped.
    pub(crate) fn set_function_globals(self) {
        let top = self.top();
        self.copy(top - 1);
        // SAFETY: see `top`; callers have a function there.
        unsafe { ffi::lua_setfenv(self.0, top) };
        self.remove(top - 1);
    }

    /// Calls the function below `arguments`, which replaces all by its results. On an error, that is what is left.
    pub(crate) fn call_protected(self, arguments: i32, results: i32) -> bool {
        // SAFETY: see `top`; the function and its arguments are there.
        unsafe { ffi::lua_pcall(self.0, arguments, results, 0) == ffi::LUA_OK }
    }

    /// Loads bytecode whose names are looked up in this thread's globals; pushes the function, or a message.
    pub(crate) fn load(self, chunk: &CStr, bytecode: &[u8]) -> bool {
        // SAFETY: see `top`; the bytecode was made by the compiler of this very version.
        unsafe { ffi::luau_load(self.0, chunk.as_ptr(), bytecode.as_ptr().cast(), bytecode.len(), 0) == 0 }
    }

    /// Continues a thread with the `arguments` on top of its stack.
    pub(crate) fn resume(self, arguments: i32) -> c_int {
        // SAFETY: see `top`; the caller knows the thread to be suspended.
        unsafe { ffi::lua_resume_(self.0, std::ptr::null_mut(), arguments) }
    }

    /// Makes a thread that has yielded look like one that waits: no script can resume or close it.
    pub(crate) fn keep_from_scripts(self) {
        // SAFETY: see `top`; the thread is not running, so this only changes its status, and it goes on in the same way.
        unsafe { ffi::lua_break(self.0) };
    }

    pub(crate) fn can_break(self) -> bool {
        // SAFETY: see `top`.
        unsafe { ffi::lua_isyieldable(self.0) != 0 }
    }

    /// The name of the method that `__namecall` was called for.
    pub(crate) fn method_name(self) -> &'static str {
        // SAFETY: see `top`.
        let name = unsafe { ffi::lua_namecallatom(self.0, std::ptr::null_mut()) };
        if name.is_null() {
            return "";
        }
        // SAFETY: Lua keeps the name of the method being called.
        unsafe { CStr::from_ptr(name) }.to_str().unwrap_or_default()
    }

    /// Where the function `level` calls up is; level 0 is the running function.
    pub(crate) fn place(self, level: i32) -> Option<Place> {
        // SAFETY: `lua_Debug` is plain data that Lua fills.
        let mut debug: ffi::lua_Debug = unsafe { std::mem::zeroed() };
        // SAFETY: see `top`.
        if unsafe { ffi::lua_getinfo(self.0, level, c"sln".as_ptr(), &mut debug) } == 0 {
            return None;
        }
        let text = |data: *const std::ffi::c_char| match data.is_null() {
            true => String::new(),
            // SAFETY: Lua gives texts that end in NUL and live as long as `debug`.
            false => unsafe { CStr::from_ptr(data) }.to_string_lossy().into_owned(),
        };
        Some(Place { source: text(debug.short_src), line: debug.currentline, name: text(debug.name) })
    }

    /// Whether the function `level` calls up is the one at `index`.
    pub(crate) fn is_function_at(self, level: i32, function: *const c_void) -> Option<bool> {
        // SAFETY: `lua_Debug` is plain data that Lua fills.
        let mut debug: ffi::lua_Debug = unsafe { std::mem::zeroed() };
        self.reserve(1);
        // SAFETY: see `top`; "f" pushes the function.
        if unsafe { ffi::lua_getinfo(self.0, level, c"f".as_ptr(), &mut debug) } == 0 {
            return None;
        }
        let found = self.pointer(self.top()) == function;
        self.pop(1);
        Some(found)
    }

    /// The calls that led here, one a line, innermost first.
    pub(crate) fn traceback(self) -> String {
        let mut text = String::new();
        for level in 0..32 {
            let Some(place) = self.place(level) else { return text };
            if place.line <= 0 {
                continue;
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("{}:{}", place.source, place.line));
            if !place.name.is_empty() {
                text.push_str(&format!(" in function {}", place.name));
            }
        }
        text.push_str("\n...");
        text
    }

    pub(crate) fn collect(self) {
        // SAFETY: see `top`.
        unsafe { ffi::lua_gc(self.0, ffi::LUA_GCCOLLECT, 0) };
    }

    /// A part of what the collector does anyway, as much as if so much had been allocated; whether that ends a round.
    pub(crate) fn collect_some(self, kibibytes: u16) -> bool {
        // SAFETY: see `top`.
        unsafe { ffi::lua_gc(self.0, ffi::LUA_GCSTEP, kibibytes.into()) != 0 }
    }

    pub(crate) fn total_bytes(self) -> usize {
        // SAFETY: see `top`; category 0 is where everything of ours is counted.
        unsafe { ffi::lua_totalbytes(self.0, 0) }
    }
}

/// A place in a script.
pub(crate) struct Place {
    pub(crate) source: String,
    pub(crate) line: i32,
    pub(crate) name: String,
}
