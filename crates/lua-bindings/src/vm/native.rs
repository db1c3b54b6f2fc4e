use std::ffi::{CStr, c_int};

use mlua::ffi;
use perilune_actor_core::{ErrorKind, Failure};

use super::stack::{Kind, Object, Stack};

/// What a host function gives back.
pub(crate) enum Return {
    /// The topmost values.
    Values(i32),
    /// The coroutine waits; whoever ends the wait pushes the results.
    Wait,
}

/// What a host function raises.
pub(crate) enum Raise {
    /// A structured error, as it is.
    Failure(Box<Failure>),
    /// Text, with the caller's position before it.
    Text(String),
    /// An argument is not what it should be: which one, the object a method is called on included, and what is wrong.
    Argument(i32, String),
    /// What is on top of the stack.
    Top,
}

pub(crate) type Outcome = Result<Return, Raise>;

/// A host function. It sees its arguments at 1, 2, … of the stack.
pub(crate) type Native = fn(Stack) -> Outcome;

impl Raise {
    /// Numbers a wrong argument as the script sees it.
    pub(crate) fn into_text(self, method: bool) -> Self {
        match self {
            Self::Argument(index, problem) => {
                let number = if method { (index - 1).max(1) } else { index };
                Self::Text(format!("bad argument #{number} {problem}"))
            }
            other => other,
        }
    }
}

impl From<Failure> for Raise {
    fn from(failure: Failure) -> Self {
        Self::Failure(Box::new(failure))
    }
}

/// Raises text.
pub(crate) fn raise<T>(text: impl Into<String>) -> Result<T, Raise> {
    Err(Raise::Text(text.into()))
}

/// One value.
pub(crate) const ONE: Outcome = Ok(Return::Values(1));

/// Nothing.
pub(crate) const NOTHING: Outcome = Ok(Return::Values(0));

/// A table of functions in a script's eyes.
pub(crate) type Functions = &'static [(&'static CStr, Native)];

/// Calls a host function; for a method the object does not count as an argument.
unsafe extern "C-unwind" fn call<const METHOD: bool>(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls with a live state, on its thread.
    let stack = unsafe { Stack::new(state) };
    // SAFETY: `push_native` put a function of that type into the first upvalue.
    let native: Native = unsafe { std::mem::transmute::<usize, Native>(stack.upvalue_token(1)) };
    // SAFETY: the state is the one just called.
    unsafe { finish(state, native(stack).map_err(|raise| raise.into_text(METHOD))) }
}

/// Continues a host function whose wait is over.
unsafe extern "C-unwind" fn resume(state: *mut ffi::lua_State, _: c_int) -> c_int {
    // SAFETY: as in `call`, whose waiting threads end up here.
    unsafe { finish(state, crate::task::finish_wait(Stack::new(state))) }
}

/// # Safety
/// The state is live, and runs the host function whose outcome this is.
unsafe fn finish(state: *mut ffi::lua_State, outcome: Outcome) -> c_int {
    match outcome {
        Ok(Return::Values(count)) => count,
        // SAFETY: `wait` made sure that the thread may break here.
        Ok(Return::Wait) => unsafe { ffi::lua_break(state) },
        Err(raise) => {
            // SAFETY: see this function.
            push_raise(unsafe { Stack::new(state) }, raise);
            // SAFETY: the value to raise is on top, and nothing is left to drop.
            unsafe { ffi::lua_error(state) }
        }
    }
}

fn push_raise(stack: Stack, raise: Raise) {
    match raise {
        Raise::Failure(failure) => crate::modules::errors::push(stack, *failure),
        Raise::Text(text) => {
            let place = stack.place(1).filter(|place| place.line > 0);
            let place = place.map(|place| format!("{}:{}: ", place.source, place.line)).unwrap_or_default();
            stack.push_str(&format!("{place}{text}"));
        }
        Raise::Argument(..) => push_raise(stack, raise.into_text(false)),
        Raise::Top => {}
    }
}

impl Stack {
    /// Pushes a host function with the topmost values as its upvalues 2, 3, ….
    pub(crate) fn push_native(self, name: &'static CStr, native: Native, upvalues: i32) {
        self.push_token(native as usize);
        if upvalues > 0 {
            self.insert(self.top() - upvalues);
        }
        self.push_function(call::<false>, name, upvalues + 1);
    }

    /// Puts functions into the table on top.
    pub(crate) fn set_functions(self, functions: Functions) {
        self.set_all::<false>(functions, None);
    }

    /// Puts functions that may wait into the table on top. They must not call Lua functions: a wait inside one could not
    /// get past them.
    pub(crate) fn set_waiting_functions(self, functions: Functions) {
        self.set_all::<false>(functions, Some(resume));
    }

    /// Puts a function into the table on top that is called more often than others: one that need not be told which
    /// native it is.
    pub(crate) fn set_hot_function(self, name: &'static CStr, native: impl Fn(Stack) -> Outcome + Copy + 'static) {
        self.set_hot::<_, false>(name, native, None);
    }

    fn set_hot<F: Fn(Stack) -> Outcome + Copy + 'static, const METHOD: bool>(
        self,
        name: &'static CStr,
        _: F,
        resume: Option<ffi::lua_Continuation>,
    ) {
        unsafe extern "C-unwind" fn call<F: Fn(Stack) -> Outcome, const METHOD: bool>(
            state: *mut ffi::lua_State,
        ) -> c_int {
            // SAFETY: Lua calls with a live state, on its thread.
            let stack = unsafe { Stack::new(state) };
            // SAFETY: what has no size is at every place that is aligned for it, and `set_hot` was given one.
            let native = unsafe { std::ptr::NonNull::<F>::dangling().as_ref() };
            // SAFETY: the state is the one just called.
            unsafe { finish(state, native(stack).map_err(|raise| raise.into_text(METHOD))) }
        }
        const { assert!(size_of::<F>() == 0) };
        let table = self.top();
        // SAFETY: the stack's state is live; the name lives for ever.
        unsafe { ffi::lua_pushcclosurek(self.raw(), call::<F, METHOD>, name.as_ptr(), 0, resume) }
        self.raw_set(table, name);
    }

    fn set_all<const METHOD: bool>(self, functions: Functions, resume: Option<ffi::lua_Continuation>) {
        let table = self.top();
        for &(name, native) in functions {
            self.push_token(native as usize);
            // SAFETY: the stack's state is live; the upvalue is on top and the name lives for ever.
            unsafe { ffi::lua_pushcclosurek(self.raw(), call::<METHOD>, name.as_ptr(), 1, resume) }
            self.raw_set(table, name);
        }
    }

    /// Registers a kind of host object whose methods those are; `meta` are its metamethods.
    pub(crate) fn register_object<T: Object>(self, methods: Functions, waiting: Functions, meta: Functions) {
        self.register_object_with::<T>(methods, meta, |stack| stack.set_all::<true>(waiting, Some(resume)));
    }

    /// The same for a kind with a method that waits and is called more often than others.
    pub(crate) fn register_object_with_hot<T: Object>(
        self,
        methods: Functions,
        waiting: Functions,
        (name, hot): (&'static CStr, impl Fn(Stack) -> Outcome + Copy + 'static),
        meta: Functions,
    ) {
        self.register_object_with::<T>(methods, meta, |stack| {
            stack.set_all::<true>(waiting, Some(resume));
            stack.set_hot::<_, true>(name, hot, Some(resume));
        });
    }

    fn register_object_with<T: Object>(self, methods: Functions, meta: Functions, set_waiting: impl FnOnce(Self)) {
        self.push_table(0, meta.len() + 3);
        self.set_functions(meta);
        let metatable = self.top();
        self.push_table(0, methods.len());
        self.set_all::<true>(methods, None);
        set_waiting(self);
        self.set_readonly(metatable + 1);
        if self.raw_get(metatable, c"__index") == Kind::Nil {
            self.pop(1);
            self.raw_set(metatable, c"__index");
        } else {
            self.pop(2);
        }
        self.push_str("userdata");
        self.raw_set(metatable, c"__metatable");
        self.set_readonly(metatable);
        self.register::<T>();
    }

    // --- arguments, which raise when they are not what they should be

    /// What Lua's own functions raise for a wrong argument.
    pub(crate) fn wrong<T>(self, index: i32, name: &str, expected: &str) -> Result<T, Raise> {
        let got = if self.kind(index) == Kind::None { "no value" } else { self.type_name(index) };
        Err(Raise::Argument(index, format!("to '{name}' ({expected} expected, got {got})")))
    }

    /// What is raised for text that is none of those that mean something.
    pub(crate) fn unknown<T>(self, index: i32, name: &str, expected: &str) -> Result<T, Raise> {
        let bytes = self.bytes(index).unwrap_or_default();
        let got = bytes[..bytes.len().min(40)].escape_ascii();
        Err(Raise::Argument(index, format!("to '{name}' ({expected} expected, got `{got}`)")))
    }

    pub(crate) fn want_bytes<'a>(self, index: i32, name: &str) -> Result<&'a [u8], Raise> {
        match self.bytes(index) {
            Some(bytes) => Ok(bytes),
            None => self.wrong(index, name, "string"),
        }
    }

    pub(crate) fn want_text<'a>(self, index: i32, name: &str) -> Result<&'a str, Raise> {
        let bytes = self.want_bytes(index, name)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(_) => Err(Raise::Argument(index, format!("to '{name}' (text is not UTF-8)"))),
        }
    }

    pub(crate) fn want_number(self, index: i32, name: &str) -> Result<f64, Raise> {
        match self.number(index) {
            Some(number) => Ok(number),
            None => self.wrong(index, name, "number"),
        }
    }

    pub(crate) fn want_kind(self, index: i32, name: &str, kind: Kind, expected: &str) -> Result<(), Raise> {
        if self.kind(index) == kind { Ok(()) } else { self.wrong(index, name, expected) }
    }

    /// The object a method was called on.
    #[inline]
    pub(crate) fn want_self<'a, T: Object>(self, name: &str) -> Result<&'a T, Raise> {
        match self.object(1) {
            Some(object) => Ok(object),
            None => self.wrong(1, name, T::NAME),
        }
    }

    // --- results

    /// `nil, err`.
    pub(crate) fn fail(self, failure: impl Into<Failure>) -> Outcome {
        self.push_nil();
        crate::modules::errors::push(self, failure.into());
        Ok(Return::Values(2))
    }

    /// `nil, err` of kind INVALID.
    pub(crate) fn invalid(self, message: impl Into<String>) -> Outcome {
        self.fail(Failure::new(ErrorKind::Invalid, message))
    }

    /// `false, err`.
    pub(crate) fn refuse(self, failure: impl Into<Failure>) -> Outcome {
        self.push_boolean(false);
        crate::modules::errors::push(self, failure.into());
        Ok(Return::Values(2))
    }

    /// `true, nil`.
    pub(crate) fn done(self) -> Outcome {
        self.push_boolean(true);
        ONE
    }
}
