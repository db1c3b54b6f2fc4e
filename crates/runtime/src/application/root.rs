use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics, Severity};

/// Marks a configuration string that stands for the text of a file.
pub(crate) const FILE_SCHEME: &str = "file://";
/// The largest file a `file://` string may name, and the largest script.
pub(crate) const TEXT_LIMIT: u64 = 16 << 20;

/// The folder of an application, which no reference may leave.
pub(crate) struct Root {
    shown: PathBuf,
    real: PathBuf,
    texts: HashMap<PathBuf, Arc<str>>,
}

impl Root {
    pub(crate) fn open(path: &Path) -> Result<Root, Diagnostics> {
        let fail = |reason: String| {
            let message = format!("application folder {reason}");
            Diagnostics::from(Diagnostic::new(Severity::Error, path.display(), message))
        };
        let real = path.canonicalize().map_err(|error| fail(format!("cannot be opened: {error}")))?;
        if !real.is_dir() {
            return Err(fail("is not a folder".to_owned()));
        }
        Ok(Root { shown: path.to_owned(), real, texts: HashMap::new() })
    }

    /// The path a person would recognise.
    pub(crate) fn shown(&self, relative: &Path) -> PathBuf {
        self.shown.join(relative)
    }

    pub(crate) fn real(&self, relative: &Path) -> PathBuf {
        self.real.join(relative)
    }

    /// The real path behind `relative`, unless that lies outside the root.
    pub(crate) fn inside(&self, relative: &Path) -> Result<PathBuf, String> {
        let real = self.real(relative).canonicalize();
        let real = real.map_err(|error| format!("cannot be read: {error}"))?;
        match real.starts_with(&self.real) {
            true => Ok(real),
            false => Err("leaves the application root".to_owned()),
        }
    }

    /// The text a `file://` string stands for, and the path of its file.
    /// `directory` is that of the configuration file, relative to the root.
    pub(crate) fn resolve(&mut self, directory: &Path, reference: &str) -> Result<(Arc<str>, PathBuf), String> {
        let path = reference.strip_prefix(FILE_SCHEME).unwrap_or(reference);
        let (mut relative, path) = match path.strip_prefix('/') {
            Some(path) => (PathBuf::new(), path),
            None => (directory.to_owned(), path),
        };
        for component in Path::new(path).components() {
            let stays = match component {
                Component::Normal(part) => {
                    relative.push(part);
                    true
                }
                Component::CurDir => true,
                Component::ParentDir => relative.pop(),
                Component::RootDir | Component::Prefix(_) => false,
            };
            if !stays {
                return Err("leaves the application root".to_owned());
            }
        }
        let real = self.inside(&relative)?;
        let text = match self.texts.get(&real) {
            Some(text) => text.clone(),
            None => read_text(&real, TEXT_LIMIT)?,
        };
        self.texts.insert(real, text.clone());
        Ok((text, self.shown(&relative)))
    }
}

/// The whole text of a file without its byte order mark, or what is wrong with
/// the file, as the end of a sentence.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<Arc<str>, String> {
    let fail = |error: std::io::Error| format!("cannot be read: {error}");
    // Before opening: that would wait for the other end of a named pipe.
    if !fs::metadata(path).map_err(fail)?.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fail)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > limit {
        return Err(format!("is larger than {} MiB", limit >> 20));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{FEFF}').unwrap_or(&text).into()),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let before = error.as_bytes().iter().take(valid);
            let line = 1 + before.filter(|byte| **byte == b'\n').count();
            Err(format!("is not valid UTF-8 (line {line})"))
        }
    }
}
