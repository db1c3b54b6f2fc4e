use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry as Slot};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::definition::Definition;
use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::entry::{Entry, Origin};
use super::id::EntryId;
use super::loader::Loaded;
use super::root::{TEXT_LIMIT, read_text};
use super::value::{ConfigData, ConfigValue, Located, Position};

const NAMESPACE: &str = "app";
const HOSTS: [(&str, &str); 2] = [("processes", "process.host"), ("terminal", "terminal.host")];

/// Makes an application of one script.
///
/// The script becomes the process `app:<its name without .lua>`, marked as the
/// main chunk. The other `.lua` files of its folder become processes too, so
/// that it can spawn them; one that cannot be read is a warning. The hosts
/// `app:processes` and `app:terminal` exist.
pub fn load_file(script: &Path) -> Result<Loaded, Diagnostics> {
    let fail = |message: String| Diagnostics::from(Diagnostic::new(Severity::Error, script.display(), message));
    let text = read_text(script, TEXT_LIMIT).map_err(|reason| fail(format!("script {reason}")))?;
    let Some(name) = script.file_stem().and_then(|stem| stem.to_str()) else {
        return Err(fail("name of the script is not valid UTF-8".to_owned()));
    };
    if let Some((name, kind)) = HOSTS.iter().find(|(host, _)| *host == name) {
        let message = format!("the name `{NAMESPACE}:{name}` belongs to the {kind} of a script");
        return Err(Diagnostic::new(Severity::Error, script.display(), message).with_help("rename the script").into());
    }

    // The parent of a bare file name is an empty path, which cannot be listed.
    let folder = match script.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut entries = BTreeMap::new();
    for (name, kind) in HOSTS {
        let data = ConfigValue::empty_map(Position::START);
        let host = entry(name, kind, data, script);
        entries.insert(host.id.clone(), host);
    }
    let mut main = process(name, text, script);
    main.runs_as_main_chunk = true;
    entries.insert(main.id.clone(), main);

    let mut warnings = Diagnostics::default();
    for path in siblings(folder, script, &mut warnings) {
        let mut warn = |message: String| {
            let problem = Diagnostic::new(Severity::Warning, path.display(), message);
            warnings.push(problem.with_help("the script is skipped"));
        };
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else {
            warn("name of the script is not valid UTF-8".to_owned());
            continue;
        };
        match entries.entry(EntryId::new(NAMESPACE, name)) {
            Slot::Occupied(taken) => {
                let taken = taken.get();
                warn(format!("the name `{}` already belongs to a {}", taken.id, taken.kind));
            }
            Slot::Vacant(slot) => match read_text(&path, TEXT_LIMIT) {
                Ok(text) => {
                    slot.insert(process(name, text, &path));
                }
                Err(reason) => warn(format!("script {reason}")),
            },
        }
    }
    Ok(Loaded { entries, warnings, root: folder.to_owned(), sources: HashMap::new() })
}

/// The other scripts beside `script`, sorted; hidden ones are not meant.
fn siblings(folder: &Path, script: &Path, warnings: &mut Diagnostics) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let listed = fs::read_dir(folder).and_then(|items| {
        for item in items {
            let name = item?.file_name();
            let path = folder.join(&name);
            let is_lua = path.extension().is_some_and(|extension| extension == "lua");
            let is_script = Some(&*name) == script.file_name();
            let is_hidden = name.as_encoded_bytes().starts_with(b".");
            if is_lua && !is_script && !is_hidden && !path.is_dir() {
                found.push(path);
            }
        }
        Ok(())
    });
    if let Err(error) = listed {
        let message = format!("folder cannot be read: {error}");
        warnings.push(Diagnostic::new(Severity::Warning, folder.display(), message));
    }
    found.sort();
    found
}

fn process(name: &str, text: Arc<str>, path: &Path) -> Entry {
    let source = Located { text: "source".into(), position: Position::START };
    let text = ConfigValue { position: Position::START, data: ConfigData::String(text) };
    let data = ConfigValue { position: Position::START, data: ConfigData::Map(vec![(source, text)]) };
    let mut entry = entry(name, "process.lua", data, path);
    entry.source_path = Some(path.to_owned());
    entry.all_modules = true;
    entry
}

fn entry(name: &str, kind: &str, data: ConfigValue, path: &Path) -> Entry {
    let id = EntryId::new(NAMESPACE, name);
    Entry {
        definition: Definition::parse(&id, kind, &data).unwrap_or(Definition::Other),
        id,
        kind: kind.to_owned(),
        meta: ConfigValue::empty_map(Position::START),
        data,
        origin: Origin { file: path.to_owned(), line: 1 },
        source_path: None,
        all_modules: false,
        runs_as_main_chunk: false,
    }
}
