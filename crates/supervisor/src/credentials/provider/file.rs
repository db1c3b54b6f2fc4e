use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;

use super::{CredentialProvider, dotenv, not_found};
use crate::credentials::{CredentialError, ProfileId, SecretSet};

/// Secrets from files, read whenever they are wanted.
///
/// Below one folder, a profile is a folder with one file for each field, or a file whose ending is `.toml`, `.json` or
/// `.env`; TOML and JSON hold one table of texts. A file for one field may end with a newline, which is no part of the
/// value; files that begin with a dot are passed over.
///
/// What its group or others may read is refused, unless [allowed](Self::allow_readable_by_others); what they may write
/// always is.
#[derive(Debug, Clone)]
pub struct FileProvider {
    folder: PathBuf,
    allow_readable: bool,
}

/// No secret is longer.
const LONGEST: u64 = 1 << 20;

impl FileProvider {
    /// The profiles below that folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), allow_readable: false }
    }

    /// Takes files that others than their owner may read, too, for places where a system manages them like that.
    #[must_use]
    pub fn allow_readable_by_others(mut self) -> Self {
        self.allow_readable = true;
        self
    }

    fn fields_of(&self, folder: &Path) -> Result<SecretSet, CredentialError> {
        let failed = |error| CredentialError::storage("read", folder, error);
        self.accept(folder, &fs::metadata(folder).map_err(failed)?, WRITABLE)?;
        let mut set = SecretSet::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = folder.join(&name);
            let Ok(field) = name.into_string() else {
                let shown = path.display();
                return Err(CredentialError::Invalid(format!("`{shown}` is no name for a field")));
            };
            let text = self.read(&path)?;
            let value = text.strip_suffix('\n').unwrap_or(&text);
            set.insert(field, value.strip_suffix('\r').unwrap_or(value));
        }
        Ok(set)
    }

    fn read(&self, path: &Path) -> Result<Zeroizing<String>, CredentialError> {
        let failed = |error| CredentialError::storage("read", path, error);
        // Opening anything else may wait for ever.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(CredentialError::Invalid(format!("`{}` is not a file", path.display())));
        }
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        self.accept(path, &metadata, if self.allow_readable { WRITABLE } else { READABLE | WRITABLE })?;
        let mut text = Zeroizing::new(String::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
        file.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > LONGEST {
            return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 1 MiB")));
        }
        Ok(text)
    }

    fn accept(&self, path: &Path, metadata: &Metadata, refused: u32) -> Result<(), CredentialError> {
        let mode = metadata.mode() & 0o777;
        if mode & refused == 0 {
            return Ok(());
        }
        let what = if mode & refused & WRITABLE != 0 { "write" } else { "read" };
        let text = format!("`{}` is refused: others than its owner may {what} it (mode {mode:04o})", path.display());
        Err(CredentialError::Invalid(text))
    }
}

const READABLE: u32 = 0o044;
const WRITABLE: u32 = 0o022;

impl CredentialProvider for FileProvider {
    fn fetch(&self, profile: &ProfileId) -> Result<SecretSet, CredentialError> {
        let with = |ending: &str| self.folder.join(format!("{profile}{ending}"));
        let there: Vec<&str> = ["", ".toml", ".json", ".env"]
            .into_iter()
            .filter(|ending| with(ending).symlink_metadata().is_ok() && (!ending.is_empty() || with(ending).is_dir()))
            .collect();
        let ending = match *there.as_slice() {
            [] => return Err(not_found(profile)),
            [ending] => ending,
            [one, other, ..] => {
                let (one, other) = (with(one), with(other));
                let text = format!("profile `{profile}` is both `{}` and `{}`", one.display(), other.display());
                return Err(CredentialError::Invalid(text));
            }
        };
        let path = with(ending);
        if ending.is_empty() {
            return self.fields_of(&path);
        }
        let text = self.read(&path)?;
        // What the parsers say may quote what they read.
        let wrong = |line: usize| {
            let shown = path.display();
            CredentialError::Invalid(format!("`{shown}` cannot be read: line {line} is wrong"))
        };
        match ending {
            ".toml" => {
                let table: Result<Texts, _> = toml::from_str(&text);
                let line = |error: toml::de::Error| error.span().map_or(1, |span| line_at(&text, span.start));
                Ok(table.map_err(|error| wrong(line(error)))?.into_set())
            }
            ".json" => {
                let table: Result<Texts, _> = serde_json::from_str(&text);
                Ok(table.map_err(|error| wrong(error.line()))?.into_set())
            }
            _ => dotenv::parse(&text).map_err(wrong),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Texts(BTreeMap<String, String>);

impl Texts {
    fn into_set(self) -> SecretSet {
        self.0.into_iter().collect()
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::*;

    const SECRET: &str = "hunter2-hunter2";

    fn put(folder: &TempDir, name: &str, mode: u32, text: &str) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn fetch(provider: &FileProvider) -> Result<Vec<(String, String)>, String> {
        let set = provider.fetch(&ProfileId::new("mail").unwrap()).map_err(|error| {
            assert!(!format!("{error:?} {error}").contains("hunter"), "{error:?}");
            error.to_string()
        })?;
        Ok(set.iter().map(|(name, value)| (name.to_owned(), value.expose_secret().to_owned())).collect())
    }

    fn check(name: &str, text: &str, expected: &[(&str, &str)]) {
        let folder = tempfile::tempdir().unwrap();
        put(&folder, name, 0o600, text);
        let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(fetch(&FileProvider::new(folder.path())), Ok(expected), "{name}");
    }

    fn refused(name: &str, mode: u32, text: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        put(&folder, name, mode, text);
        let error = fetch(&FileProvider::new(folder.path())).unwrap_err();
        assert!(error.contains(expected), "{name}: {error}");
    }

    #[test]
    fn every_form_gives_fields() {
        check("mail/key", "hunter2\n", &[("key", "hunter2")]);
        check("mail/key", "hunter2\r\n", &[("key", "hunter2")]);
        check("mail/key", "two\nlines\n\n", &[("key", "two\nlines\n")]);
        check("mail.toml", "key = 'a'\ntoken = 'b'", &[("key", "a"), ("token", "b")]);
        check("mail.json", r#"{"key": "a", "token": "b"}"#, &[("key", "a"), ("token", "b")]);
        check("mail.env", "key=a\nexport token='b'", &[("key", "a"), ("token", "b")]);
    }

    #[test]
    fn hidden_files_are_no_fields() {
        let folder = tempfile::tempdir().unwrap();
        put(&folder, "mail/key", 0o600, "a");
        put(&folder, "mail/..data", 0o600, "b");
        assert_eq!(fetch(&FileProvider::new(folder.path())), Ok(vec![("key".to_owned(), "a".to_owned())]));
    }

    #[test]
    fn nothing_there_is_no_profile() {
        let folder = tempfile::tempdir().unwrap();
        let provider = FileProvider::new(folder.path());
        let profile = ProfileId::new("mail").unwrap();
        assert!(matches!(provider.fetch(&profile), Err(CredentialError::ProfileNotFound(_))));
        put(&folder, "mail", 0o600, "a file without an ending");
        assert!(matches!(provider.fetch(&profile), Err(CredentialError::ProfileNotFound(_))));
    }

    #[test]
    fn two_forms_of_one_profile_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        put(&folder, "mail/key", 0o600, "a");
        put(&folder, "mail.env", 0o600, "key=b");
        assert!(fetch(&FileProvider::new(folder.path())).unwrap_err().contains("is both"));
    }

    #[test]
    fn what_others_may_read_is_refused_unless_allowed() {
        for mode in [0o640, 0o604, 0o444] {
            for (name, text) in [("mail/key", SECRET), ("mail.env", "key=hunter2")] {
                refused(name, mode, text, "others than its owner may read it");
                let folder = tempfile::tempdir().unwrap();
                put(&folder, name, mode, text);
                assert!(fetch(&FileProvider::new(folder.path()).allow_readable_by_others()).is_ok());
            }
        }
    }

    #[test]
    fn what_others_may_write_is_always_refused() {
        let folder = tempfile::tempdir().unwrap();
        put(&folder, "mail.env", 0o620, "key=hunter2");
        let error = fetch(&FileProvider::new(folder.path()).allow_readable_by_others()).unwrap_err();
        assert!(error.contains("others than its owner may write it (mode 0620)"), "{error}");

        let folder = tempfile::tempdir().unwrap();
        put(&folder, "mail/key", 0o600, SECRET);
        fs::set_permissions(folder.path().join("mail"), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(fetch(&FileProvider::new(folder.path())).unwrap_err().contains("may write it"));
    }

    #[test]
    fn broken_files_are_told_without_what_is_in_them() {
        refused("mail.toml", 0o600, "a = 'b'\nkey = 'hunter2", "mail.toml` cannot be read: line 2 is wrong");
        refused("mail.toml", 0o600, "key = ['hunter2']", "line 1 is wrong");
        refused("mail.json", 0o600, "{\n\"hunter2\"}", "mail.json` cannot be read: line 2 is wrong");
        refused("mail.json", 0o600, "{\"key\": {\"hunter2\": \"hunter2\"}}", "is wrong");
        refused("mail.env", 0o600, "a=b\nhunter2", "mail.env` cannot be read: line 2 is wrong");
    }

    #[test]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("mail/key")).unwrap();
        assert!(fetch(&FileProvider::new(folder.path())).unwrap_err().contains("is not a file"));
        refused("mail/key", 0o600, &"x".repeat(1 + LONGEST as usize), "could not read");
    }
}
