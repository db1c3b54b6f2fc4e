use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use perilune_actor_core::Failure;

use crate::modules::stream;
use crate::services::{FileInfo, FileKind, IoDone, Listed, OpenMode, Volume};
use crate::task::await_result;
use crate::vm::{Functions, ONE, Object, Outcome, Stack, Vm, raise};

/// A volume in a script's hands.
struct VolumeObject {
    id: String,
    volume: Arc<dyn Volume>,
}

impl Object for VolumeObject {
    const TAG: c_int = 52;
    const NAME: &'static str = "volume";
}

const METHODS: Functions = &[
    (c"open", open),
    (c"readfile", read_file),
    (c"writefile", write_file),
    (c"remove", |stack| operate(stack, "remove", "remove", |volume, path, done| volume.remove(path, done), done)),
    (c"exists", |stack| {
        operate(
            stack,
            "exists",
            "look for",
            |volume, path, done| volume.exists(path, done),
            |stack, exists| {
                stack.push_boolean(exists);
                ONE
            },
        )
    }),
    (c"mkdir", |stack| {
        operate(stack, "mkdir", "make the folder", |volume, path, done| volume.make_dir(path, done), done)
    }),
    (c"readdir", |stack| {
        operate(stack, "readdir", "list", |volume, path, done| volume.read_dir(path, done), push_list)
    }),
    (c"stat", |stack| operate(stack, "stat", "look at", |volume, path, done| volume.info(path, done), push_info)),
];

const META: Functions = &[(c"__tostring", |stack| {
    let volume = stack.want_self::<VolumeObject>("tostring")?;
    stack.push_str(&format!("volume({})", volume.id));
    ONE
})];

pub(crate) fn register(stack: Stack) {
    stack.register_object::<VolumeObject>(&[], METHODS, META);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 1);
    stack.set_functions(&[(c"get", get)]);
}

fn get(stack: Stack) -> Outcome {
    let id = stack.want_text(1, "get")?;
    if id.is_empty() {
        return stack.invalid("volume id is required");
    }
    let vm = Vm::current();
    let Some(actor) = vm.actor() else { return raise("no context found") };
    match vm.services.volume(&actor.origin(), id) {
        Ok(volume) => {
            stack.push_object(VolumeObject { id: id.to_owned(), volume });
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

/// Does something with the path at 2 and waits for what comes of it. `name` is the method, `verb` what errors call it.
fn operate<T: Send + 'static>(
    stack: Stack,
    name: &'static str,
    verb: &'static str,
    begin: impl FnOnce(&dyn Volume, &[u8], IoDone<T>),
    push: fn(Stack, T) -> Outcome,
) -> Outcome {
    let volume = Arc::clone(&stack.want_self::<VolumeObject>(name)?.volume);
    let path = stack.want_bytes(2, name)?;
    if path.is_empty() {
        return stack.invalid("path is required");
    }
    if path.contains(&0) {
        return stack.invalid("path contains a NUL byte");
    }
    await_result(
        stack,
        |done| begin(&*volume, path, done),
        move |stack, result: io::Result<T>| match result {
            Ok(value) => push(stack, value),
            Err(error) => stack.fail(failure(verb, stack.bytes(2).unwrap_or_default(), &error)),
        },
    )
}

fn failure(verb: &str, path: &[u8], error: &io::Error) -> Failure {
    const SHOWN: usize = 200;
    let mut shown = String::from_utf8_lossy(&path[..path.len().min(SHOWN)]).into_owned();
    if path.len() > SHOWN {
        shown.push('…');
    }
    stream::failure(&format!("{verb} `{shown}`"), error)
}

fn done(stack: Stack, (): ()) -> Outcome {
    stack.done()
}

fn open(stack: Stack) -> Outcome {
    stack.want_self::<VolumeObject>("open")?;
    stack.want_bytes(2, "open")?;
    let text = if stack.is_nothing(3) { b"r" } else { stack.want_bytes(3, "open")? };
    let Some(mode) = OpenMode::parse(text) else { return stack.unknown(3, "open", "r, w, a, r+, w+ or a+") };
    operate(
        stack,
        "open",
        "open",
        |volume, path, done| volume.open(path, mode, done),
        |stack, opened| {
            stream::push(stack, opened);
            ONE
        },
    )
}

fn read_file(stack: Stack) -> Outcome {
    let most = match Vm::current().settings.limits.max_payload_bytes {
        0 => usize::MAX,
        most => most,
    };
    operate(
        stack,
        "readfile",
        "read",
        |volume, path, done| volume.read_file(path, most, done),
        |stack, bytes: Vec<u8>| {
            stack.push_bytes(&bytes);
            ONE
        },
    )
}

fn write_file(stack: Stack) -> Outcome {
    stack.want_self::<VolumeObject>("writefile")?;
    stack.want_bytes(2, "writefile")?;
    let data = stack.want_bytes(3, "writefile")?.to_vec();
    operate(stack, "writefile", "write", |volume, path, done| volume.write_file(path, data, done), done)
}

fn push_list(stack: Stack, list: Vec<Listed>) -> Outcome {
    stack.push_table(list.len(), 0);
    let array = stack.top();
    for (item, key) in list.iter().zip(1..) {
        stack.push_table(0, 3);
        stack.push_bytes(&item.name);
        stack.raw_set(array + 1, c"name");
        set_kind(stack, item.kind);
        stack.raw_seti(array, key);
    }
    ONE
}

fn push_info(stack: Stack, info: FileInfo) -> Outcome {
    stack.push_table(0, 4);
    let table = stack.top();
    stack.push_number(info.size as f64);
    stack.raw_set(table, c"size");
    if let Some(modified) = info.modified {
        let seconds = match modified.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        };
        stack.push_number(seconds);
        stack.raw_set(table, c"modified");
    }
    set_kind(stack, info.kind);
    ONE
}

/// Sets `type` and `is_dir` of the table on top.
fn set_kind(stack: Stack, kind: FileKind) {
    let table = stack.top();
    stack.push_str(match kind {
        FileKind::File => "file",
        FileKind::Directory => "directory",
        FileKind::Link => "link",
        FileKind::Other => "other",
    });
    stack.raw_set(table, c"type");
    stack.push_boolean(kind == FileKind::Directory);
    stack.raw_set(table, c"is_dir");
}
