//! Secrets are not in anything that is shown.

mod support;

use std::fmt::{Debug, Display};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use chrono::Utc;
use perilune_supervisor::credentials::{
    AppliedCredentials, AuthMethod, ChainProvider, CredentialConfig, CredentialError, CredentialProfile,
    CredentialProvider, CredentialStore, EnvProvider, FileProvider, MemoryProvider, ProfileId, Recipient, Rotation,
    RotationPlan, SecretSet, SecretString,
};

use support::bare;

const SECRET: &str = "hunter2-correct-horse";

fn assert_hidden(text: &str) {
    assert!(!text.contains("hunter2") && !text.contains("horse"), "{text}");
}

fn hides(value: &impl Debug) {
    assert_hidden(&format!("{value:?}"));
    assert_hidden(&format!("{value:#?}"));
}

fn error_hides<E: std::error::Error + Display>(error: &E) {
    hides(error);
    let mut error: Option<&dyn std::error::Error> = Some(error);
    while let Some(this) = error {
        assert_hidden(&this.to_string());
        error = this.source();
    }
}

fn profile() -> ProfileId {
    ProfileId::new("mail").unwrap()
}

fn secrets() -> SecretSet {
    SecretSet::from_iter([("key", SECRET), ("nul", "hunter2\0horse")])
}

fn memory() -> MemoryProvider {
    let memory = MemoryProvider::new();
    memory.insert(profile(), secrets());
    memory
}

fn every_auth() -> Vec<AuthMethod> {
    let secret = || SecretString::from(SECRET);
    vec![
        AuthMethod::ApiKey { key: secret() },
        AuthMethod::SessionToken { token: secret(), cookie_jar: Some(secret()), expires_at: Some(Utc::now()) },
        AuthMethod::OAuth {
            access_token: secret(),
            refresh_token: Some(secret()),
            expires_at: None,
            scopes: vec!["mail".to_owned()],
        },
    ]
}

fn config(text: &str) -> CredentialConfig {
    toml::from_str(&format!("profile = 'mail'\n{text}")).unwrap()
}

#[test]
fn values_hide_their_secrets() {
    hides(&secrets());
    hides(&secrets().get("key"));
    hides(&memory());
    hides(&ChainProvider::new().then(memory()));
    hides(&Arc::new(memory()));
    hides(&EnvProvider::new().field(profile(), "key", "MAIL_KEY"));
    hides(&Rotation::default());
    for auth in every_auth() {
        hides(&auth);
        hides(&auth.secrets());
        let profile = CredentialProfile::new(profile(), "post office", auth, Utc::now());
        hides(&profile);
        hides(&profile.metadata());
        assert_hidden(&serde_json::to_string(&profile.metadata()).unwrap());
        let store = CredentialStore::new();
        store.store(profile);
        hides(&store);
        hides(&store.list());
    }
}

#[test]
fn applied_secrets_are_hidden_but_in_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        config(&format!("config_file = '{}'\nenv_mapping = {{ key = 'KEY' }}", folder.path().join("f").display()));
    let mut applied = AppliedCredentials::apply(&config, &memory(), &Recipient::default()).unwrap();
    hides(&applied);
    hides(&applied.env().collect::<Vec<_>>());
    applied.renew(&config, &memory(), &RotationPlan::of(&config)).unwrap();
    hides(&applied);
    assert!(fs::read_to_string(folder.path().join("f")).unwrap().contains(SECRET));
    hides(&fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>());
}

#[test]
fn errors_of_applying_hide_them() {
    let apply =
        |text: &str| AppliedCredentials::apply(&config(text), &memory(), &Recipient::default()).expect_err(text);
    for text in [
        "env_mapping = { nul = 'NUL' }",
        "env_mapping = { gone = 'GONE' }",
        "env_mapping = { key = 'A=B' }",
        "config_file = '/nonexistent/folder/file.json'",
        "config_file = '/proc/self/file.env'",
    ] {
        error_hides(&apply(text));
    }
}

#[test]
fn errors_of_files_hide_what_is_in_them() {
    let broken = [
        ("mail.toml", format!("key = '{SECRET}")),
        ("mail.toml", format!("key = ['{SECRET}']")),
        ("mail.toml", SECRET.to_owned()),
        ("mail.toml", format!("key = 'a'\nkey = '{SECRET}'")),
        ("mail.json", format!("{{\"key\": \"{SECRET}")),
        ("mail.json", format!("[\"{SECRET}\"]")),
        ("mail.json", format!("{{\"key\": {{\"{SECRET}\": 1}}}}")),
        ("mail.json", format!("\"{SECRET}\"")),
        ("mail.env", format!("key=\"{SECRET}")),
        ("mail.env", SECRET.to_owned()),
    ];
    for (name, text) in broken {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = FileProvider::new(folder.path()).fetch(&profile()).expect_err(&text);
        error_hides(&error);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        error_hides(&FileProvider::new(folder.path()).fetch(&profile()).expect_err(&text));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail.env");
    fs::write(&path, [SECRET.as_bytes(), b"\xff"].concat()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let error = FileProvider::new(folder.path()).fetch(&profile()).unwrap_err();
    assert!(matches!(error, CredentialError::Storage { .. }));
    error_hides(&error);
}

#[test]
fn surroundings_of_an_instance_hide_its_variables() {
    let mut around = bare();
    around.env.insert("KEY".to_owned(), SECRET.to_owned());
    hides(&around);
}
