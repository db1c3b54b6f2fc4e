use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::root::Root;

/// A file that may hold entries.
pub(crate) struct YamlFile {
    /// Relative to the root.
    pub(crate) path: PathBuf,
    /// Whether its name says that it belongs to the application.
    pub(crate) strict: bool,
}

/// All YAML files below the root, sorted by path.
///
/// A link to a folder is not followed: inside the root its target is visited
/// anyway, and outside nothing belongs to the application.
pub(crate) fn yaml_files(root: &Root, diagnostics: &mut Diagnostics) -> Vec<YamlFile> {
    let mut files = Vec::new();
    let mut links = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let mut visit = || -> std::io::Result<()> {
            for item in fs::read_dir(root.real(&folder))? {
                let item = item?;
                let path = folder.join(item.file_name());
                let file_type = item.file_type()?;
                if file_type.is_symlink() {
                    links.push(path);
                } else if file_type.is_dir() {
                    if !is_skipped(&path) {
                        folders.push(path);
                    }
                } else if let Some(strict) = yaml(&path)
                    && (strict || file_type.is_file())
                {
                    files.push(YamlFile { path, strict });
                }
            }
            Ok(())
        };
        if let Err(error) = visit() {
            let message = format!("folder cannot be read: {error}");
            let folder = root.shown(&folder);
            diagnostics.push(Diagnostic::new(Severity::Error, folder.display(), message));
        }
    }

    links.sort();
    let mut seen: HashSet<PathBuf> = files.iter().map(|file| root.real(&file.path)).collect();
    for path in links {
        let strict = yaml(&path);
        let is_dir = root.real(&path).is_dir();
        if is_skipped(&path) || (strict.is_none() && !is_dir) {
            continue;
        }
        let strict = strict.unwrap_or(false);
        match root.inside(&path) {
            Ok(real) => {
                if !is_dir && seen.insert(real) {
                    files.push(YamlFile { path, strict });
                }
            }
            Err(reason) => {
                let severity = match strict {
                    true => Severity::Error,
                    false => Severity::Warning,
                };
                let message = format!("link {reason}");
                let shown = root.shown(&path);
                diagnostics.push(Diagnostic::new(severity, shown.display(), message));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn is_skipped(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".") || name == "node_modules"
}

/// `None` for other files, else whether the name is the reserved one.
fn yaml(path: &Path) -> Option<bool> {
    let extension = path.extension()?.to_ascii_lowercase();
    (extension == "yaml" || extension == "yml").then(|| path.ends_with("_index.yaml"))
}
