//! Every file of `scripts/` is a program. The lines at its top that start with `--= ` are what it must print, on one
//! worker and on two, as native code, and also when it is suspended at every point where that is possible.
//!
//! Files called `child_…` are for the programs to spawn and import. Lines that start with `--@` say how a file is
//! defined: `--@import alias=child_x` and `--@modules time io`; without the latter it declares all there are. In a
//! program, `--@fail_deadlocks`, `--@api 2` and `--@max_payload_bytes 1000` change the settings, and
//! `--@variable NAME=value` makes a variable of module `env`.

mod volume;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use perilune_actor_core::{ErrorKind, Failure, HostId, HostSpec, Scheduler, Spawn, Value};
use perilune_actor_local::{LocalScheduler, WorkerLocal};
use perilune_lua_bindings::{
    Callable, Definition, DefinitionKind, Environment, KNOWN_MODULES, Level, LuaFactory, NativeCode, Origin, Services,
    Settings, Terminal, Vm, Volume,
};
use volume::MemoryVolume;

struct TestServices {
    scripts: Scripts,
    volume: Arc<MemoryVolume>,
    printed: Mutex<Sender<String>>,
    variables: Option<Variables>,
}

impl TestServices {
    fn say(&self, line: String) {
        let _ = self.printed.lock().unwrap().send(line);
    }
}

/// Variables; those whose name begins with an underscore can only be read.
struct Variables(Mutex<BTreeMap<String, Vec<u8>>>);

impl Environment for Variables {
    fn get(&self, _: &Origin<'_>, name: &str) -> Result<Vec<u8>, Failure> {
        let value = self.0.lock().unwrap().get(name).cloned();
        value.ok_or_else(|| Failure::new(ErrorKind::NotFound, format!("variable not found: {name}")))
    }

    fn set(&self, origin: &Origin<'_>, name: &str, value: &[u8]) -> Result<(), Failure> {
        if name.starts_with('_') {
            let text = format!("not allowed to set {name}, {}", origin.definition.id);
            return Err(Failure::new(ErrorKind::PermissionDenied, text));
        }
        self.get(origin, name)?;
        self.0.lock().unwrap().insert(name.into(), value.into());
        Ok(())
    }

    fn all(&self, _: &Origin<'_>) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        Ok(self.0.lock().unwrap().clone().into_iter().collect())
    }
}

/// The files of a folder as definitions, each read once.
struct Scripts {
    folder: PathBuf,
    known: Mutex<HashMap<String, Arc<Definition>>>,
}

impl Scripts {
    fn get(&self, name: &str) -> Option<Arc<Definition>> {
        if let Some(known) = self.known.lock().unwrap().get(name) {
            return Some(Arc::clone(known));
        }
        let made = Arc::new(self.read(name)?);
        Some(Arc::clone(self.known.lock().unwrap().entry(name.into()).or_insert(made)))
    }

    fn read(&self, name: &str) -> Option<Definition> {
        let source = std::fs::read_to_string(self.folder.join(format!("{name}.lua"))).ok()?;
        let mut definition = Definition::new(&format!("app:{name}"), &format!("{name}.lua"), &source);
        definition.modules = match directives(&source, "modules").next() {
            Some(modules) => modules.split_whitespace().map(str::to_owned).collect(),
            None => KNOWN_MODULES.iter().map(|module| (*module).to_owned()).collect(),
        };
        if name.starts_with("child_func_") {
            definition.kind = DefinitionKind::Function;
        }
        for import in directives(&source, "import") {
            let (alias, library) = import.split_once('=').expect("alias=name");
            definition.imports.push((alias.into(), self.get(library).expect("the library")));
        }
        Some(definition)
    }
}

fn directives<'a>(source: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    source.lines().filter_map(move |line| line.strip_prefix("--@")?.strip_prefix(name)).map(str::trim)
}

impl Services for TestServices {
    fn process(&self, id: &str) -> Result<Arc<Definition>, Failure> {
        let found = id.strip_prefix("app:").and_then(|name| self.scripts.get(name));
        found.ok_or_else(|| Failure::new(ErrorKind::NotFound, format!("entry not found: {id}")))
    }

    fn function(&self, _: &Origin<'_>, id: &str) -> Result<Callable, Failure> {
        let definition = self.process(id)?;
        Ok(Callable { definition, host: HostId::new("app:processes"), subject: None })
    }

    fn host(&self, id: &str) -> Result<HostId, Failure> {
        match id {
            "app:processes" => Ok(HostId::new(id)),
            _ => Err(Failure::new(ErrorKind::NotFound, format!("host not found: {id}"))),
        }
    }

    fn print(&self, _: &Origin<'_>, line: &[u8]) {
        self.say(String::from_utf8_lossy(line).into_owned());
    }

    fn log(&self, _: &Origin<'_>, level: Level, name: &str, message: &str, fields: &[(String, Value)]) {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
        self.say(format!("{level:?} {name}: {message}{}", fields.concat()));
    }

    fn failed(&self, origin: &Origin<'_>, failure: &Failure) {
        // The program's own failure is part of what it shows; others are seen through monitors.
        if origin.definition.is_program {
            self.say(format!("error: {failure}"));
        }
    }

    fn terminal(&self, _: HostId) -> Option<Arc<dyn Terminal>> {
        None
    }

    fn environment(&self) -> Option<&dyn Environment> {
        self.variables.as_ref().map(|variables| variables as _)
    }

    fn volume(&self, origin: &Origin<'_>, id: &str) -> Result<Arc<dyn Volume>, Failure> {
        assert!(origin.pid.to_string().starts_with("{app:processes|"));
        match id {
            "app:data" => Ok(Arc::clone(&self.volume) as _),
            _ => Err(Failure::new(ErrorKind::NotFound, format!("volume not found: {id}"))),
        }
    }
}

fn run(name: &str, (workers, break_everywhere, native, actors_per_vm): (usize, bool, NativeCode, usize)) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let (printed, lines): (_, Receiver<String>) = channel();
    let scripts = Scripts { folder, known: Mutex::default() };
    let mut program = scripts.read(name).expect("the script");
    program.is_program = true;
    let variables: BTreeMap<_, _> = directives(&program.source, "variable")
        .filter_map(|line| line.split_once('=').map(|(name, value)| (name.into(), value.into())))
        .collect();
    let variables = (!variables.is_empty()).then(|| Variables(Mutex::new(variables)));
    let services =
        Arc::new(TestServices { scripts, volume: MemoryVolume::start(), printed: Mutex::new(printed), variables });
    let mut settings = Settings::default();
    settings.fail_deadlocks = directives(&program.source, "fail_deadlocks").next().is_some();
    if let Some(bytes) = directives(&program.source, "max_payload_bytes").next() {
        settings.limits.max_payload_bytes = bytes.parse().unwrap();
    }
    if directives(&program.source, "api 2").next().is_some() {
        settings.api = 2;
    }
    settings.break_everywhere = break_everywhere;
    settings.native = native;
    settings.actors_per_vm = actors_per_vm;
    settings.limits.callback_budget = Duration::from_millis(100);
    let worker_services: Arc<dyn Services> = Arc::clone(&services) as _;
    let scheduler = LocalScheduler::builder()
        .workers(workers)
        .local(move |_| {
            let vm = Vm::new(Arc::clone(&worker_services), settings.clone())?;
            let alarm = vm.alarm();
            Ok(WorkerLocal { local: Box::new(vm), interrupt: Arc::new(move || alarm.ring()) })
        })
        .start()
        .unwrap();
    let host = HostId::new("app:processes");
    scheduler.add_host(HostSpec::new(host));
    let (ended, end) = channel();
    let mut spawn = Spawn::new(host, Box::new(LuaFactory::new(Arc::new(program), Vec::new())));
    spawn.on_exit = Some(Box::new(move |_| ended.send(()).unwrap()));
    if let Err(error) = scheduler.spawn(spawn) {
        services.say(format!("error: {error}"));
    } else if end.recv_timeout(Duration::from_secs(120)).is_err() {
        services.say("did not end".into());
    }
    scheduler.stop();
    lines.try_iter().fold(String::new(), |text, line| text + &line + "\n")
}

fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts").join(format!("{name}.lua"));
    let source = std::fs::read_to_string(path).unwrap();
    let lines = source.lines().map_while(|line| line.strip_prefix("--="));
    let expected: String = lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect();
    let (never, usual, native) = (NativeCode::Never, NativeCode::default(), NativeCode::Always);
    let many = usize::MAX;
    let ways = [
        (1, false, never, many),
        (2, false, usual, many),
        (1, true, usual, 1),
        (2, false, native, many),
        (1, true, native, many),
        (1, false, usual, 1),
        (2, false, native, 3),
    ];
    for how in ways {
        let got = run(name, how);
        let lines: String = got.lines().map(|line| format!("--= {line}\n")).collect();
        assert!(
            got == expected,
            "{name} on workers, broken everywhere, as native code, with so many in each VM: {how:?}, printed\n{lines}"
        );
    }
}

macro_rules! scripts {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(stringify!($name)); })*

        #[test]
        fn every_script_is_tested() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
            let mut files: Vec<_> = std::fs::read_dir(folder).unwrap()
                .filter_map(|file| Some(file.ok()?.path().file_stem()?.to_str()?.to_owned()))
                .filter(|name| !name.starts_with("child_"))
                .collect();
            files.sort();
            let mut tested = vec![$(stringify!($name)),*];
            tested.sort_unstable();
            assert_eq!(files, tested);
        }
    };
}

scripts! {
    always_available
    api_two
    base64
    builder
    channels
    context
    copies
    coroutines
    deadlock
    deadlock_fails
    destinations
    env
    env_missing
    errors_module
    fs_arguments
    fs_pauses
    fs_scanner
    fs_streams
    fs_unit
    fs_volume
    funcs
    generator
    hashes
    hello
    hostile
    imports
    isolation
    json_decode
    json_encode
    kept_values
    mail_waiters
    main_functions
    native_code
    os_restricted
    os_times
    passed
    payloads
    process_arguments
    process_call
    process_cancel
    process_events
    process_events_of_one
    process_links
    process_messages
    process_names
    process_spawn_errors
    process_terminate
    process_upgrade
    program
    program_function
    program_table
    program_yields
    random
    registry_absent
    sorting
    stale_waits
    strings_and_errors
    successors
    time_copies
    time_errors
    time_layouts
    time_objects
    time_timers
    uuids
}
