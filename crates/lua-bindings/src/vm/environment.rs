use std::cell::Cell;
use std::ffi::CString;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use perilune_actor_core::{ErrorKind, Failure};
use rustc_hash::FxHashMap;

use super::codegen::Place;
use super::native::{NOTHING, ONE, Outcome, raise};
use super::stack::{Kind, Ref, Stack};
use super::{Raise, Vm};
use crate::actor::ActorState;
use crate::definition::Definition;

/// A definition inside a VM: loaded once, cloned for every actor.
pub(crate) struct Loaded {
    /// Of those that nobody can start and no actor runs any more, what is loaded is dropped.
    definition: Weak<Definition>,
    serial: u64,
    chunk: Ref,
    /// Metatable of the environment, when the definition is an actor's main source, and when it is a library.
    main: Ref,
    library: Ref,
    /// The name of its main function.
    method: Ref,
    alone: Cell<Alone>,
}

/// Whether the main function can be had without running the chunk for each actor: if the chunk looks at no name and the
/// function has nothing of the chunk's locals, nobody can tell that the chunk did not run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alone {
    /// The chunk has not run to its end yet.
    Unknown,
    No,
    /// The function, with globals that are nobody's.
    Main(Ref),
}

impl Loaded {
    /// Pushes a table for the globals of a new actor. It gets `_G` when somebody asks for that.
    pub(super) fn push_globals(&self, stack: Stack) {
        stack.push_table(0, 0);
        stack.push_ref(self.main);
        stack.set_metatable(stack.top() - 1);
        stack.set_safe_environment(stack.top(), true);
    }

    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Lets names be found through the globals of a thread as actors of this definition find them.
    pub(super) fn adopt_globals(&self, thread: Stack) {
        thread.push_globals();
        thread.push_ref(self.main);
        thread.set_metatable(thread.top() - 1);
        thread.pop(1);
    }

    /// Pushes the main function with the thread's own globals, if it can be had without the chunk.
    pub(crate) fn push_main(&self, stack: Stack) -> bool {
        let Alone::Main(main) = self.alone.get() else { return false };
        stack.push_ref(main);
        stack.clone_function();
        true
    }

    /// Whether that is not known yet, and the next run of the chunk is to be [watched](Self::watch).
    pub(crate) fn is_unknown(&self) -> bool {
        self.alone.get() == Alone::Unknown
    }

    /// From now on no name of the thread's globals goes unnoticed.
    pub(crate) fn watch(&self, thread: Stack) {
        thread.reserve(4);
        thread.push_globals();
        let globals = thread.top();
        thread.push_ref(self.main);
        thread.clone_table(globals + 1);
        thread.push_native(c"__index", watched_index, 0);
        thread.raw_set(globals + 2, c"__index");
        thread.set_readonly(globals + 2);
        thread.set_metatable(globals);
        thread.set_safe_environment(globals, false);
        thread.set_top(globals - 1);
    }

    /// The chunk that was watched on that actor's thread has run, and the main function is on top.
    pub(crate) fn stop_watching(&self, vm: &Vm, thread: Stack, actor: &ActorState) {
        thread.reserve(4);
        thread.push_globals();
        thread.push_ref(self.main);
        thread.set_metatable(thread.top() - 1);
        thread.set_safe_environment(thread.top(), actor.has_constants());
        thread.pop(1);
        let had_names = actor.has_looked() || actor.globals() != Globals::Untouched;
        self.alone.set(if !had_names && thread.is_closed(thread.top()) {
            let main = vm.main();
            main.reserve(2);
            thread.copy_to(thread.top(), main);
            main.clone_function();
            Alone::Main(main.pop_ref())
        } else {
            Alone::No
        });
    }

    /// Pushes the name of the main function.
    pub(crate) fn push_method(&self, stack: Stack) {
        stack.push_ref(self.method);
    }

    /// Pushes the environment of a library: what it declares itself, and otherwise the actor's globals.
    fn push_library_environment(&self, stack: Stack, imports: usize) {
        stack.push_table(0, imports);
        stack.push_ref(self.library);
        stack.set_metatable(stack.top() - 1);
        stack.set_safe_environment(stack.top(), true);
    }

    /// Pushes the chunk as a function with the thread's own globals.
    pub(crate) fn push_chunk(&self, stack: Stack) {
        stack.push_ref(self.chunk);
        stack.clone_function();
    }

    fn unload(&self, stack: Stack) {
        for held in [self.chunk, self.main, self.library, self.method] {
            stack.unref(held);
        }
        if let Alone::Main(main) = self.alone.get() {
            stack.unref(main);
        }
    }
}

/// What a VM has loaded, by the serial of the definition.
pub(super) struct LoadedSet {
    known: FxHashMap<u64, Rc<Loaded>>,
    /// With so many it looks for dead ones: twice as many as there were after the last time, so that looking costs
    /// next to nothing for each.
    look_at: usize,
}

/// So few are never worth looking at.
const FEW: usize = 64;

impl Default for LoadedSet {
    fn default() -> Self {
        Self { known: FxHashMap::default(), look_at: FEW }
    }
}

impl LoadedSet {
    fn get(&self, serial: u64) -> Option<Rc<Loaded>> {
        self.known.get(&serial).map(Rc::clone)
    }

    fn insert(&mut self, stack: Stack, serial: u64, loaded: Rc<Loaded>) {
        if self.known.len() >= self.look_at {
            self.known.retain(|_, loaded| {
                let is_alive = loaded.definition.strong_count() > 0;
                if !is_alive {
                    loaded.unload(stack);
                }
                is_alive
            });
            self.look_at = FEW.max(2 * self.known.len());
        }
        self.known.insert(serial, loaded);
    }
}

impl Vm {
    /// A definition that is loaded already.
    pub(crate) fn find_loaded(&self, definition: &Definition) -> Option<Rc<Loaded>> {
        self.loaded.borrow().get(definition.serial())
    }

    /// Loads a definition into this VM, the first time. Inside a protected call.
    ///
    /// # Errors
    /// It does not compile.
    pub(crate) fn load(&self, stack: Stack, definition: &Arc<Definition>) -> Result<Rc<Loaded>, Failure> {
        if let Some(loaded) = self.find_loaded(definition) {
            return Ok(loaded);
        }
        let bytecode = definition.compile()?;
        let place = self.codegen.place(definition);
        let is_native = place.is_some();
        self.push_names(stack, definition, place);
        let names_table = stack.top();
        // Names are resolved in the globals of the thread that loads, whatever the function gets later.
        let loader = stack.push_thread();
        stack.copy_to(names_table, loader);
        loader.set_globals();
        if !loader.load(&definition.chunk_name(), bytecode) {
            let text = String::from_utf8_lossy(loader.bytes(loader.top()).unwrap_or_default()).into_owned();
            return Err(Failure::new(ErrorKind::Invalid, text));
        }
        if is_native {
            self.codegen.compile(loader);
        }
        let chunk = loader.pop_ref();
        stack.pop(1);
        let main = push_metatable(stack, names_table, |stack| {
            stack.copy(names_table);
            stack.raw_set(stack.top() - 1, c"__index");
        });
        let library = push_metatable(stack, names_table, |stack| {
            stack.copy(names_table);
            stack.push_native(c"__index", library_index, 1);
            stack.raw_set(stack.top() - 1, c"__index");
        });
        stack.pop(1);
        stack.push_str(&definition.method);
        let method = stack.pop_ref();
        let (definition_of, serial, alone) =
            (Arc::downgrade(definition), definition.serial(), Cell::new(Alone::Unknown));
        let loaded = Rc::new(Loaded { definition: definition_of, serial, chunk, main, library, method, alone });
        self.loaded.borrow_mut().insert(stack, definition.serial(), Rc::clone(&loaded));
        Ok(loaded)
    }

    /// Pushes what the code of a definition finds outside its globals. `place` is kept for as long as there is such code.
    fn push_names(&self, stack: Stack, definition: &Arc<Definition>, place: Option<Place>) {
        stack.push_table(0, definition.modules.len() + 1);
        let names = stack.top();
        for module in &definition.modules {
            if let Ok(name) = CString::new(module.as_str())
                && !crate::modules::is_builtin(module)
                && self.push_module(stack, module)
            {
                stack.raw_set(names, &name);
            }
        }
        stack.push_number(definition.serial() as f64);
        stack.push_native(c"require", require, 1);
        stack.raw_set(names, c"require");
        stack.push_table(0, 2);
        stack.push_ref(self.base.get());
        stack.raw_set(names + 1, c"__index");
        if let Some(place) = place {
            stack.push_object(place);
            stack.raw_seti(names + 1, 1);
        }
        stack.set_readonly(names + 1);
        stack.set_metatable(names);
        stack.set_readonly(names);
        stack.set_safe_environment(names, true);
    }
}

/// Makes a protected metatable whose `__newindex` keeps the VM's idea of constants right.
fn push_metatable(stack: Stack, names: i32, set_index: impl FnOnce(Stack)) -> Ref {
    stack.push_table(0, 3);
    let metatable = stack.top();
    set_index(stack);
    stack.copy(names);
    stack.push_native(c"__newindex", new_global, 1);
    stack.raw_set(metatable, c"__newindex");
    stack.push_str("environment");
    stack.raw_set(metatable, c"__metatable");
    stack.set_readonly(metatable);
    stack.pop_ref()
}

const UPVALUE_TWO: i32 = mlua::ffi::lua_upvalueindex(2);

/// A global is set that the actor's globals do not have yet.
fn new_global(stack: Stack) -> Outcome {
    // 1: the environment, 2: the name, 3: the value
    stack.set_top(3);
    if let Some(actor) = Vm::current().actor() {
        // What somebody has put under that name stays, though it be nothing.
        let shows = stack.bytes(2) == Some(OWN);
        actor.touch_globals(if shows { Globals::Shown } else { Globals::Touched });
    }
    stack.push_globals();
    if stack.kind(2) == Kind::String && !stack.is_nothing(3) {
        shadow(stack);
    }
    stack.copy(2);
    stack.copy(3);
    stack.raw_set_top(4);
    NOTHING
}

/// If name 2 means something already, the VM must stop taking what it found under names for constants.
fn shadow(stack: Stack) {
    let name = stack.bytes(2).and_then(|name| CString::new(name).ok());
    let Some(name) = name else { return };
    stack.get(UPVALUE_TWO, &name);
    let known = !stack.is_nothing(stack.top());
    stack.pop(1);
    if known && let Some(actor) = Vm::current().actor() {
        actor.drop_constants(stack);
    }
}

/// A name that a chunk looks at while it is watched: what it would find otherwise.
fn watched_index(stack: Stack) -> Outcome {
    stack.set_top(2);
    let vm = Vm::current();
    let Some(actor) = vm.actor() else { return NOTHING };
    actor.notice_look();
    let Some(loaded) = vm.find_loaded(actor.definition()) else { return NOTHING };
    stack.push_ref(loaded.main);
    stack.raw_get(3, c"__index");
    stack.copy(2);
    stack.get_top(4);
    ONE
}

/// The name of an actor's globals.
const OWN: &[u8] = b"_G";

/// How far an actor has got with its table of globals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Globals {
    /// It is empty, and no script has seen it.
    #[default]
    Untouched,
    /// There is something in it.
    Touched,
    /// It has been given out, and was put into itself as `_G`.
    Shown,
}

/// A name that nobody knows. An actor's globals get their `_G` when it is looked for the first time: few actors do, and
/// what cannot have been touched is used again.
pub(super) fn own_globals(stack: Stack) -> Outcome {
    // 1: the table that all share, 2: the name
    stack.set_top(2);
    if !push_own_globals(stack) {
        stack.push_nil();
    }
    ONE
}

/// Pushes the actor's globals if name 2 means them and nobody has asked before.
fn push_own_globals(stack: Stack) -> bool {
    if stack.kind(2) != Kind::String || stack.bytes(2) != Some(OWN) {
        return false;
    }
    stack.push_globals();
    let globals = stack.top();
    let actor = Vm::current().actor().filter(|actor| actor.globals() != Globals::Shown);
    // A name found while loading is taken for a constant; whoever loads has names that are read-only.
    let Some(actor) = actor.filter(|_| !stack.is_readonly(globals)) else {
        stack.pop(1);
        return false;
    };
    stack.copy(2);
    stack.copy(globals);
    stack.raw_set_top(globals);
    actor.touch_globals(Globals::Shown);
    true
}

/// `rawset`, which must not get around [`new_global`].
pub(super) fn raw_set(stack: Stack) -> Outcome {
    stack.set_top(3);
    stack.want_kind(1, "rawset", Kind::Table, "table")?;
    if stack.is_readonly(1) {
        return raise("attempt to modify a readonly table");
    }
    match stack.kind(2) {
        Kind::Nil => return raise("table index is nil"),
        Kind::Number if stack.number(2).is_some_and(f64::is_nan) => return raise("table index is NaN"),
        _ => {}
    }
    stack.push_globals();
    if stack.pointer(1) == stack.pointer(4)
        && let Some(actor) = Vm::current().actor()
    {
        actor.drop_constants(stack);
    }
    stack.pop(1);
    stack.copy(2);
    stack.copy(3);
    stack.raw_set_top(1);
    stack.set_top(1);
    ONE
}

/// A name that a library has not declared and that was not found when it was loaded.
fn library_index(stack: Stack) -> Outcome {
    stack.set_top(2);
    let names = UPVALUE_TWO;
    stack.copy(2);
    stack.raw_get_top(names);
    if !stack.is_nothing(3) {
        return ONE;
    }
    stack.pop(1);
    stack.push_globals();
    stack.copy(2);
    stack.raw_get_top(3);
    if !stack.is_nothing(4) {
        return ONE;
    }
    stack.set_top(2);
    if push_own_globals(stack) {
        return ONE;
    }
    stack.push_ref(Vm::current().base.get());
    stack.copy(2);
    stack.raw_get_top(3);
    ONE
}

/// `require(name)` of one definition.
fn require(stack: Stack) -> Outcome {
    let name = stack.want_text(1, "require")?;
    let serial = stack.number(UPVALUE_TWO).unwrap_or_default() as u64;
    let vm = Vm::current();
    // Whoever runs this code has its definition.
    let definition = vm.loaded.borrow().get(serial).and_then(|loaded| loaded.definition.upgrade());
    let Some(definition) = definition else { return raise(format!("module '{name}' not found")) };
    if let Some((_, import)) = definition.imports.iter().find(|(alias, _)| alias == name)
        && let Some(actor) = vm.actor()
        && actor.push_library(stack, import.serial())
    {
        return ONE;
    }
    let declared = crate::modules::is_builtin(name) || definition.modules.iter().any(|module| module == name);
    if declared && push_required(vm, stack, name) {
        return ONE;
    }
    raise(not_found(name, &definition))
}

/// Says what is missing, and what was probably meant.
fn not_found(name: &str, definition: &Definition) -> String {
    let known = crate::modules::KNOWN_MODULES;
    let advice = if known.contains(&name) {
        "; it must be declared under `modules`".to_owned()
    } else {
        let aliases = definition.imports.iter().map(|(alias, _)| alias.as_str());
        let near =
            known.iter().copied().chain(aliases).find(|candidate| strsim::damerau_levenshtein(name, candidate) < 3);
        near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default()
    };
    format!("module '{name}' not found{advice}")
}

/// Pushes what `require` gives for a host module or a library of the language.
fn push_required(vm: &Vm, stack: Stack, name: &str) -> bool {
    if crate::modules::is_builtin(name) {
        stack.push_ref(vm.base.get());
        let Ok(name) = CString::new(name) else { return false };
        let base = stack.top();
        let kind = stack.raw_get(base, &name);
        stack.remove(base);
        return kind != Kind::Nil;
    }
    vm.push_module(stack, name)
}

impl ActorState {
    /// Makes the libraries of a definition for this actor, each once, and puts them into the environment at `target`.
    pub(crate) fn import(&self, vm: &Vm, stack: Stack, definition: &Definition, target: i32) -> Result<(), Raise> {
        for (alias, library) in &definition.imports {
            if !self.push_library(stack, library.serial()) {
                self.evaluate(vm, stack, library)?;
            }
            if let Ok(alias) = CString::new(alias.as_str()) {
                stack.raw_set(target, &alias);
            } else {
                stack.pop(1);
            }
        }
        Ok(())
    }

    /// Evaluates a library and pushes its value.
    fn evaluate(&self, vm: &Vm, stack: Stack, library: &Arc<Definition>) -> Result<(), Raise> {
        let loaded = vm.load(stack, library)?;
        stack.reserve(8);
        loaded.push_library_environment(stack, library.imports.len());
        let environment = stack.top();
        self.import(vm, stack, library, environment)?;
        stack.copy(environment);
        loaded.push_chunk(stack);
        stack.set_function_globals();
        if !stack.call_protected(0, 1) {
            return Err(Raise::Top);
        }
        stack.copy(stack.top());
        stack.copy(environment);
        self.add_library(stack, library.serial());
        stack.remove(environment);
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests;
