use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::provider::line;
use super::{CredentialConfig, CredentialError, CredentialProvider, ProfileId, RotationPlan, SecretSet};
use crate::atomic_file;

/// Who gets secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipient {
    /// The name of the spec.
    pub name: String,
    /// Which of its instances.
    pub instance: u32,
    /// Of how many.
    pub instances: u32,
    /// Where relative paths start.
    pub work_dir: Option<PathBuf>,
    /// As which user it runs, if not as this program's.
    pub uid: Option<u32>,
    /// As which group, likewise.
    pub gid: Option<u32>,
}

/// The secrets that one run of an instance has: fetched, checked, and in their file. The file is removed when this is
/// dropped, which belongs after the run.
///
/// `Debug` shows names alone.
pub struct AppliedCredentials {
    profile: ProfileId,
    secrets: SecretSet,
    /// Variables and the fields with their values.
    env: Vec<(String, String)>,
    file: Option<OwnFile>,
}

struct OwnFile {
    path: PathBuf,
    owner: (Option<u32>, Option<u32>),
}

impl AppliedCredentials {
    /// Fetches the secrets, sees to it that there are all that are wanted, and writes the file. To be called before the
    /// start of a run, by a thread that may block; nothing is left behind when it fails.
    ///
    /// The file is there as a whole or not at all, with mode 0600, and belongs to the user of the recipient. Its folder
    /// has to exist. What was there under that name is replaced.
    pub fn apply(
        config: &CredentialConfig,
        provider: &dyn CredentialProvider,
        recipient: &Recipient,
    ) -> Result<Self, CredentialError> {
        config.validate()?;
        let profile = ProfileId::new(config.profile.as_str())?;
        let secrets = fetch(config, provider, &profile)?;
        let mut env: Vec<_> =
            config.env_mapping.iter().map(|(field, variable)| (variable.clone(), field.clone())).collect();
        env.sort();
        let file = config
            .config_file
            .as_ref()
            .map(|path| OwnFile { path: place(path, recipient), owner: (recipient.uid, recipient.gid) });
        if let Some(file) = &file {
            file.write(&secrets)?;
        }
        Ok(Self { profile, secrets, env, file })
    }

    /// The variables of the process that hold secrets, and their values.
    pub fn env(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.env.iter().filter_map(|(variable, field)| Some((variable.as_str(), self.secrets.get(field)?)))
    }

    /// Everything that must not be seen in logs.
    pub fn values(&self) -> impl Iterator<Item = &SecretString> {
        self.secrets.iter().map(|(_, value)| value)
    }

    /// When they are of no use any more, if their source has said so.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.secrets.expires_at()
    }

    /// The file, if there is one.
    #[must_use]
    pub fn config_file(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }

    /// Fetches the secrets anew and, if `plan` says so, puts a new file in place of the old one, by a thread that may
    /// block. Variables of a process that runs stay what they are.
    ///
    /// On failure everything is as it was. Afterwards [`values`](Self::values) are the new ones; the process may still
    /// write the old ones.
    pub fn renew(
        &mut self,
        config: &CredentialConfig,
        provider: &dyn CredentialProvider,
        plan: &RotationPlan,
    ) -> Result<(), CredentialError> {
        let secrets = fetch(config, provider, &self.profile)?;
        if let Some(file) = self.file.as_ref().filter(|_| plan.rewrite_file) {
            file.write(&secrets)?;
        }
        self.secrets = secrets;
        Ok(())
    }

    /// Removes the file, as dropping does, and tells whether that worked.
    pub fn remove(mut self) -> Result<(), CredentialError> {
        self.file.take().map_or(Ok(()), |file| file.remove())
    }
}

impl Drop for AppliedCredentials {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.file.take().map(|file| file.remove()) {
            tracing::error!(error = crate::process::launch::causes(&error), "secrets stay in their file");
        }
    }
}

impl fmt::Debug for AppliedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppliedCredentials")
            .field("profile", &self.profile)
            .field("secrets", &self.secrets)
            .field("env", &self.env)
            .field("config_file", &self.config_file())
            .finish()
    }
}

impl OwnFile {
    fn write(&self, secrets: &SecretSet) -> Result<(), CredentialError> {
        let text = render(&self.path, secrets)?;
        atomic_file::replace(&self.path, text.as_bytes(), self.owner)
            .map_err(|error| CredentialError::storage("write", &self.path, error))
    }

    fn remove(&self) -> Result<(), CredentialError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(CredentialError::storage("remove", &self.path, error))
            }
            _ => Ok(()),
        }
    }
}

fn fetch(
    config: &CredentialConfig,
    provider: &dyn CredentialProvider,
    profile: &ProfileId,
) -> Result<SecretSet, CredentialError> {
    let secrets = provider.fetch(profile)?;
    let mut wanted: Vec<&String> = config.env_mapping.keys().collect();
    wanted.sort();
    for field in wanted {
        let Some(value) = secrets.get(field) else {
            return Err(CredentialError::FieldMissing { profile: profile.to_string(), field: field.clone() });
        };
        if value.expose_secret().contains('\0') {
            let text = format!("field `{field}` of profile `{profile}` contains a NUL, which no variable can");
            return Err(CredentialError::Invalid(text));
        }
    }
    Ok(secrets)
}

/// Where the file of a recipient is.
fn place(path: &Path, recipient: &Recipient) -> PathBuf {
    let number = recipient.instance.to_string();
    let text = path.to_string_lossy();
    let mut place = PathBuf::from(text.replace("{name}", &recipient.name).replace("{instance}", &number));
    if recipient.instances > 1 && !text.contains("{instance}") {
        let stem = place.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let ending = place.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
        place.set_file_name(format!("{stem}-{number}{ending}"));
    }
    match &recipient.work_dir {
        Some(folder) => folder.join(place),
        None => place,
    }
}

fn render(path: &Path, secrets: &SecretSet) -> Result<Zeroizing<String>, CredentialError> {
    // With room for all of it, no copy stays behind while it grows.
    let room = secrets.iter().map(|(field, value)| 8 * (field.len() + value.expose_secret().len()) + 16).sum();
    let mut text = Zeroizing::new(String::with_capacity(room));
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    match ending.as_ref().and_then(|ending| ending.to_str()) {
        Some("json") => {
            let mut before = '{';
            for (field, value) in secrets.iter() {
                text.push(before);
                text.push_str(&json(field));
                text.push(':');
                text.push_str(&json(value.expose_secret()));
                before = ',';
            }
            text.push_str(if secrets.is_empty() { "{" } else { "" });
            text.push_str("}\n");
        }
        Some("toml") => {
            // Texts of JSON are texts of TOML, too, except for what is escaped anyway.
            for (field, value) in secrets.iter() {
                text.push_str(&json(field));
                text.push_str(" = ");
                text.push_str(&json(value.expose_secret()));
                text.push('\n');
            }
        }
        _ => {
            for (field, value) in secrets.iter() {
                if field.is_empty() || field.starts_with('#') || field.contains(|c: char| c == '=' || c.is_whitespace())
                {
                    let shown = path.display();
                    return Err(CredentialError::Invalid(format!("field `{field}` cannot be written to `{shown}`")));
                }
                text.push_str(&Zeroizing::new(line(field, value.expose_secret())));
            }
        }
    }
    Ok(text)
}

/// A text as JSON and TOML have it: both take any character by its number.
fn json(value: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(6 * value.len() + 2));
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\u{0}'..='\u{1f}' | '\u{7f}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::MetadataExt;

    use proptest::prelude::*;

    use super::*;
    use crate::credentials::{FileProvider, MemoryProvider};

    fn profile() -> ProfileId {
        ProfileId::new("mail").unwrap()
    }

    fn provider(fields: &[(&str, &str)]) -> MemoryProvider {
        let memory = MemoryProvider::new();
        memory.insert(profile(), fields.iter().copied().collect());
        memory
    }

    fn config(env: &[(&str, &str)], file: Option<&Path>) -> CredentialConfig {
        CredentialConfig {
            profile: "mail".to_owned(),
            hot_swap: file.is_some(),
            hot_swap_signal: "SIGHUP".to_owned(),
            auto_refresh: false,
            env_mapping: env.iter().map(|(field, name)| ((*field).to_owned(), (*name).to_owned())).collect(),
            config_file: file.map(Path::to_owned),
        }
    }

    fn env(applied: &AppliedCredentials) -> Vec<(&str, &str)> {
        applied.env().map(|(name, value)| (name, value.expose_secret())).collect()
    }

    #[test]
    fn fields_become_variables() {
        let secrets = provider(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let config = config(&[("b", "X"), ("a", "Y")], None);
        let applied = AppliedCredentials::apply(&config, &secrets, &Recipient::default()).unwrap();
        assert_eq!(env(&applied), [("X", "2"), ("Y", "1")]);
        assert_eq!(applied.values().count(), 3);
        assert_eq!(applied.config_file(), None);
    }

    #[test]
    fn missing_profile_or_field_is_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&[("key", "KEY"), ("token", "TOKEN")], Some(&folder.path().join("file")));
        let fails = |provider: MemoryProvider| {
            let error = AppliedCredentials::apply(&config, &provider, &Recipient::default()).unwrap_err();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
            error.to_string()
        };
        assert_eq!(fails(MemoryProvider::new()), "profile `mail` not found");
        assert_eq!(fails(provider(&[("key", "hunter2")])), "profile `mail` has no field `token`");
        let nul = fails(provider(&[("key", "hunter2\0"), ("token", "x")]));
        assert_eq!(nul, "field `key` of profile `mail` contains a NUL, which no variable can");
    }

    #[test]
    fn file_is_private_and_there_as_long_as_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.env");
        let (config, secrets) = (config(&[], Some(&path)), provider(&[("key", "hunter2")]));
        let applied = AppliedCredentials::apply(&config, &secrets, &Recipient::default()).unwrap();
        assert_eq!(applied.config_file(), Some(path.as_path()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap(), "key=\"hunter2\"\n");
        drop(applied);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        let applied = AppliedCredentials::apply(&config, &secrets, &Recipient::default()).unwrap();
        fs::remove_file(&path).unwrap();
        // Somebody was faster, and nobody minds.
        assert!(applied.remove().is_ok());
    }

    #[test]
    fn file_that_cannot_be_written_is_an_error() {
        let config = config(&[], Some(Path::new("/nonexistent/file")));
        let error = AppliedCredentials::apply(&config, &provider(&[("a", "b")]), &Recipient::default()).unwrap_err();
        assert_eq!(error.to_string(), "could not write `/nonexistent/file`");
    }

    #[test]
    fn file_cannot_be_given_to_another_user_without_the_right_to() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&[], Some(&folder.path().join("file")));
        let recipient = Recipient { uid: Some(65_534), gid: Some(65_534), ..Recipient::default() };
        let applied = AppliedCredentials::apply(&config, &provider(&[("a", "b")]), &recipient);
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            let owner = fs::metadata(applied.unwrap().config_file().unwrap()).unwrap();
            assert_eq!((owner.uid(), owner.gid()), (65_534, 65_534));
        } else {
            assert!(matches!(applied, Err(CredentialError::Storage { operation: "write", .. })));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn each_instance_has_its_own_file() {
        let check = |path: &str, instances, expected: &str| {
            let recipient = Recipient { name: "web".to_owned(), instance: 3, instances, ..Recipient::default() };
            assert_eq!(place(Path::new(path), &recipient), PathBuf::from(expected), "{path}");
        };
        check("/run/keys.toml", 1, "/run/keys.toml");
        check("/run/keys.toml", 4, "/run/keys-3.toml");
        check("/run/keys", 4, "/run/keys-3");
        check("/run/{name}/{instance}.json", 4, "/run/web/3.json");
        check("/run/{name}.env", 4, "/run/web-3.env");
        let recipient = Recipient { work_dir: Some("/srv".into()), ..Recipient::default() };
        assert_eq!(place(Path::new("keys"), &recipient), PathBuf::from("/srv/keys"));
        assert_eq!(place(Path::new("/keys"), &recipient), PathBuf::from("/keys"));
    }

    #[test]
    fn renewal_swaps_the_file_if_the_plan_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        let (mut config, secrets) = (config(&[], Some(&path)), provider(&[("key", "old")]));
        let mut applied = AppliedCredentials::apply(&config, &secrets, &Recipient::default()).unwrap();
        secrets.insert(profile(), SecretSet::from_iter([("key", "new")]));
        applied.renew(&config, &secrets, &RotationPlan::of(&config)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"key\":\"new\"}\n");
        assert_eq!(applied.values().map(ExposeSecret::expose_secret).collect::<Vec<_>>(), ["new"]);

        config.hot_swap = false;
        secrets.insert(profile(), SecretSet::from_iter([("key", "newer")]));
        applied.renew(&config, &secrets, &RotationPlan::of(&config)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"key\":\"new\"}\n");
    }

    #[test]
    fn renewal_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        let (config, secrets) = (config(&[("key", "KEY")], Some(&path)), provider(&[("key", "old")]));
        let mut applied = AppliedCredentials::apply(&config, &secrets, &Recipient::default()).unwrap();
        let mut fails = || {
            assert!(applied.renew(&config, &secrets, &RotationPlan::of(&config)).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), "{\"key\":\"old\"}\n");
            assert_eq!(env(&applied), [("KEY", "old")]);
        };
        secrets.remove(&profile());
        fails();
        secrets.insert(profile(), SecretSet::from_iter([("other", "new")]));
        fails();
    }

    proptest! {
        // Each one waits for the disk several times.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_form_reads_as_it_was_written(
            values in proptest::collection::btree_map("[a-zA-Z_.-]{1,8}", "\\PC*|[\\x00-\\x7f\u{80}-\u{a0}]*", 0..4),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let secrets: SecretSet = values.clone().into_iter().collect();
            for ending in ["toml", "json", "env"] {
                let path = folder.path().join("mail").with_extension(ending);
                let file = OwnFile { path, owner: (None, None) };
                file.write(&secrets).unwrap();
                let read = FileProvider::new(folder.path()).fetch(&profile());
                let read: BTreeMap<String, String> = read.unwrap().iter()
                    .map(|(field, value)| (field.to_owned(), value.expose_secret().to_owned())).collect();
                prop_assert_eq!(&read, &values, "{}", ending);
                file.remove().unwrap();
            }
        }
    }
}
