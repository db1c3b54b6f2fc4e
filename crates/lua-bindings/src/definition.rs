mod marks;

use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use mlua::chunk::Compiler;
use perilune_actor_core::{ErrorKind, Failure};

use crate::pool::Pool;

/// What a definition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefinitionKind {
    /// Spawned as an actor.
    Process,
    /// Called for a result.
    Function,
    /// Imported by others.
    Library,
}

/// One version of a script that actors can be made from. Compiled once, whoever uses it, and loaded once into each VM.
#[derive(Debug)]
pub struct Definition {
    /// Registry id, `namespace:name`.
    pub id: String,
    /// What it is for.
    pub kind: DefinitionKind,
    /// What error positions call it; a path that people can open, if there is one.
    pub chunk: String,
    /// The script.
    pub source: Arc<str>,
    /// Which function of the returned table is the main one.
    pub method: String,
    /// Host modules it may load; unknown ones are never found.
    pub modules: Vec<String>,
    /// Libraries it may load, by alias.
    pub imports: Vec<(String, Arc<Definition>)>,
    /// The chunk itself is the main coroutine and may wait.
    pub is_program: bool,
    /// Bounds the calls of a function.
    pub pool: Arc<Pool>,
    serial: u64,
    compiled: Arc<Compiled>,
}

/// What is made of a script, once.
#[derive(Debug, Default)]
struct Compiled {
    bytecode: OnceLock<Result<Vec<u8>, Failure>>,
    is_marked_native: OnceLock<bool>,
}

static SERIAL: AtomicU64 = AtomicU64::new(1);

impl Definition {
    /// A process whose main function is `main`, without modules and imports.
    pub fn new(id: &str, chunk: &str, source: &str) -> Self {
        Self {
            id: id.into(),
            kind: DefinitionKind::Process,
            chunk: chunk.into(),
            source: source.into(),
            method: "main".into(),
            modules: Vec::new(),
            imports: Vec::new(),
            is_program: false,
            pool: Arc::default(),
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            compiled: Arc::default(),
        }
    }

    /// A new version with the same script and other libraries. What is compiled serves both, and so does the pool.
    #[must_use]
    pub fn with_imports(&self, imports: Vec<(String, Arc<Definition>)>) -> Self {
        Self {
            id: self.id.clone(),
            kind: self.kind,
            chunk: self.chunk.clone(),
            source: Arc::clone(&self.source),
            method: self.method.clone(),
            modules: self.modules.clone(),
            imports,
            is_program: self.is_program,
            pool: Arc::clone(&self.pool),
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            compiled: Arc::clone(&self.compiled),
        }
    }

    /// Tells this version from every other definition of the program.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    pub(crate) fn chunk_name(&self) -> CString {
        // `=` makes Lua show the name as it is.
        let name: Vec<u8> = std::iter::once(b'=').chain(self.chunk.bytes().filter(|byte| *byte != 0)).collect();
        CString::new(name).unwrap_or_default()
    }

    /// Whether the script asks for native code.
    pub(crate) fn is_marked_native(&self) -> bool {
        *self.compiled.is_marked_native.get_or_init(|| marks::is_marked_native(self.source.as_bytes()))
    }

    /// Compiles the script, the first time.
    ///
    /// # Errors
    /// A syntax error, of kind `Invalid`; its message starts with chunk and line.
    pub fn compile(&self) -> Result<&[u8], Failure> {
        let bytecode = self.compiled.bytecode.get_or_init(|| {
            let compiler = Compiler::new().set_optimization_level(1).set_debug_level(1);
            compiler.compile(self.source.as_bytes()).map_err(|error| {
                let text = match error {
                    mlua::Error::SyntaxError { message, .. } => message,
                    other => other.to_string(),
                };
                // The compiler knows the line and not the chunk.
                let text = format!("{}:{}", self.chunk, text.trim_start_matches(':'));
                Failure::new(ErrorKind::Invalid, text)
            })
        });
        bytecode.as_deref().map_err(Clone::clone)
    }
}

/// The line that a message of chunk `chunk` names, and the message without the position.
pub fn compile_error_line<'a>(chunk: &str, message: &'a str) -> Option<(usize, &'a str)> {
    let rest = message.strip_prefix(chunk)?.strip_prefix(':')?;
    let (line, text) = rest.split_once(':')?;
    Some((line.trim().parse().ok()?, text.trim_start()))
}
