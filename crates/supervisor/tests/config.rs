//! Files that say what a supervisor keeps alive.

use std::path::Path;
use std::time::Duration;

use perilune_exec_api::{Containment, EnvMode};
use perilune_restart::RestartStrategy;
use perilune_supervisor::config::SupervisorFile;
use perilune_supervisor::credentials::{CredentialProvider, ExposeSecret, ProfileId};
use perilune_supervisor::health::{CheckType, OnUnhealthy};
use perilune_supervisor::shutdown::KillScope;
use perilune_supervisor::{Condition, Dependency, OnExceeded, Readiness};

fn variables(name: &str) -> Option<String> {
    match name {
        "HOME" => Some("/home/me".to_owned()),
        "KEY" => Some("k3y".to_owned()),
        _ => None,
    }
}

fn wrong(text: &str, expected: &[&str]) {
    let errors = SupervisorFile::parse(text, &variables).expect_err(text);
    let found: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn an_empty_file_has_every_default() {
    let file = SupervisorFile::parse("", &variables).unwrap();
    assert!(file.processes.is_empty());
    assert_eq!(file.supervisor, Default::default());
}

#[test]
fn every_field_can_be_written() {
    let file = SupervisorFile::parse(
        r#"
[supervisor]
strategy = "rest_for_one"
max_restarts = 3
window = "1m 30s"
on_exceeded = "stop_all"
sample_interval = "500ms"
event_capacity = 64
init_duties = true
cgroup_parent = "${HOME}/cgroup"
log_dir = "${HOME}/log"
state_file = "${HOME}/state.json"

[[processes]]
name = "db"
command = "db"

[[processes]]
name = "web"
command = "python3"
args = ["-m", "http.server"]
cwd = "${HOME}/site"
env = { API_KEY = "${KEY}", PLAIN = "$${KEY}" }
instances = 2

[processes.restart]
max_restarts = 7
restart_window = "2m"
policy = "always"
backoff = { type = "linear", initial_delay = "1s", increment = "2s", max_delay = "10s" }

[processes.health]
type = "http"
url = "http://127.0.0.1:8080/"
interval = "2s"
on_unhealthy = "report"

[processes.log]
out_file = "${HOME}/{name}-{instance}.log"
rotation = { max_size = "1MB", max_files = 3, compress = true, mode = "daily" }

[processes.shutdown]
timeout = "4s"
signal = "INT"
kill_scope = "mixed"

[processes.credentials]
profile = "p"
env_mapping = { key = "KEY" }
config_file = "${HOME}/secret"

[processes.supervision]
depends_on = ["db", { name = "db", condition = "healthy" }]
autostart = false
readiness = { log_line = "listening on \\d+" }
start_timeout = "10s"
stop_order = -1
restart_with_dependency = true
umask = "027"
nice = 5
rlimits = { nofile = 256, fsize = "1GB" }
oom_score_adj = 100
no_new_privs = true
die_with_runtime = false
env_mode = { allow = ["LANG"] }
strip_sensitive_env = true
containment = "group"
sample = false
max_memory = "256MB"
run_timeout = "1h"
"#,
        &variables,
    )
    .unwrap();
    let all = &file.supervisor;
    assert_eq!(all.strategy, RestartStrategy::RestForOne);
    assert_eq!((all.max_restarts, all.window, all.on_exceeded), (3, Duration::from_secs(90), OnExceeded::StopAll));
    assert_eq!((all.sample_interval, all.event_capacity), (Duration::from_millis(500), 64));
    assert!(all.init_duties);
    assert_eq!(all.log_dir.as_deref(), Some(Path::new("/home/me/log")));
    assert_eq!(file.state_file.as_deref(), Some(Path::new("/home/me/state.json")));
    assert_eq!(all.cgroup_parent.as_deref(), Some(Path::new("/home/me/cgroup")));

    let (spec, options) = &file.processes[1];
    assert_eq!(spec.cwd.as_deref(), Some(Path::new("/home/me/site")));
    assert_eq!(spec.env["API_KEY"], "k3y");
    assert_eq!(spec.env["PLAIN"], "${KEY}");
    assert_eq!(spec.instances, 2);
    assert_eq!((spec.restart.max_restarts, spec.restart.restart_window), (7, Duration::from_secs(120)));
    let health = spec.health.as_ref().unwrap();
    assert!(matches!(&health.check_type, CheckType::Http { url, .. } if url == "http://127.0.0.1:8080/"));
    assert_eq!((health.interval, health.on_unhealthy), (Duration::from_secs(2), OnUnhealthy::Report));
    assert_eq!(spec.log.out_file.as_deref(), Some(Path::new("/home/me/{name}-{instance}.log")));
    assert_eq!(spec.log.rotation.as_ref().unwrap().max_size, 1 << 20);
    assert_eq!((spec.shutdown.timeout, spec.shutdown.kill_scope), (Duration::from_secs(4), KillScope::Mixed));
    let credentials = spec.credentials.as_ref().unwrap();
    assert_eq!(credentials.config_file.as_deref(), Some(Path::new("/home/me/secret")));

    let on_db = |condition| Dependency { name: "db".to_owned(), condition };
    assert_eq!(options.depends_on, [on_db(Condition::Started), on_db(Condition::Healthy)]);
    assert!(!options.autostart && options.restart_with_dependency && !options.sample);
    assert!(matches!(&options.readiness, Readiness::LogLine(pattern) if pattern.is_match("listening on 80")));
    assert_eq!(options.start_timeout, Duration::from_secs(10));
    assert_eq!((options.stop_order, options.nice, options.oom_score_adj), (Some(-1), Some(5), Some(100)));
    assert_eq!(options.umask, Some(0o027));
    assert_eq!((options.limits.open_files, options.limits.file_size), (Some(256), Some(1 << 30)));
    assert!(options.no_new_privs && !options.die_with_runtime && options.strip_sensitive_env);
    assert_eq!(options.env_mode, EnvMode::Allow(vec!["LANG".to_owned()]));
    assert_eq!(options.containment, Containment::Group);
    assert_eq!((options.max_memory, options.run_timeout), (Some(256 << 20), Some(Duration::from_secs(3600))));
}

#[test]
fn secrets_come_from_variables_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.env");
    std::fs::write(&file, "key=from-a-file\n").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = "[credentials]\ndir = \"${DIR}\"\n[credentials.env.shop]\nkey = \"PATH\"\n";
    let dir = folder.path().to_str().unwrap();
    let file = SupervisorFile::parse(text, &|name| (name == "DIR").then(|| dir.to_owned())).unwrap();
    let provider = file.credentials.provider().unwrap();
    let fetch = |profile| provider.fetch(&ProfileId::new(profile).unwrap());
    assert_eq!(fetch("mail").unwrap().get("key").unwrap().expose_secret(), "from-a-file");
    assert_eq!(fetch("shop").unwrap().get("key").unwrap().expose_secret(), std::env::var("PATH").unwrap());
    assert_eq!(fetch("nobody").unwrap_err().to_string(), "profile `nobody` not found");
    wrong("[credentials.env.\"a/b\"]\nkey = \"K\"\n", &["line 1, column 2: \"a/b\" cannot be the name of a profile"]);
    wrong("credentials = 1", &["line 1, column 15: `credentials` must be a table: `[credentials]`"]);
}

#[test]
fn keyring_is_a_source_if_it_was_switched_on() {
    let text = "[credentials.keyring]\nmail = [\"key\"]\n";
    if cfg!(feature = "keyring") {
        let file = SupervisorFile::parse(text, &variables).unwrap();
        let provider = file.credentials.provider().unwrap();
        assert_eq!(
            provider.fetch(&ProfileId::new("shop").unwrap()).unwrap_err().to_string(),
            "profile `shop` not found"
        );
        let slash = "[credentials.keyring]\n\"a/b\" = [\"key\"]\n";
        wrong(slash, &["line 1, column 2: \"a/b\" cannot be the name of a profile"]);
    } else {
        wrong(text, &["line 1, column 2: `credentials.keyring`: this program was built without the feature `keyring`"]);
    }
}

#[test]
fn simple_forms_of_options_are_read() {
    let readiness = |text: &str| {
        let text = format!("[[processes]]\nname = \"a\"\ncommand = \"b\"\nsupervision = {{ {text} }}\n");
        SupervisorFile::parse(&text, &variables).unwrap().processes.remove(0).1
    };
    assert!(matches!(readiness("readiness = \"immediate\"").readiness, Readiness::Immediate));
    assert!(matches!(readiness("readiness = \"healthy\"").readiness, Readiness::Healthy));
    assert!(matches!(readiness("readiness = \"notify_fd\"").readiness, Readiness::NotifyFd));
    assert!(matches!(readiness("readiness = \"notify_socket\"").readiness, Readiness::NotifySocket));
    assert!(matches!(
        readiness("readiness = { min_uptime = \"3s\" }").readiness,
        Readiness::MinUptime(uptime) if uptime == Duration::from_secs(3)
    ));
    assert_eq!(readiness("env_mode = \"clean\"").env_mode, EnvMode::Clean);
    assert_eq!(readiness("umask = 0o077").umask, Some(0o077));
    let root = readiness("user = \"root\"").identity;
    assert_eq!((root.uid, root.gid), (Some(0), Some(0)));
    assert!(root.groups.is_some());
    let numbers = readiness("user = 12345678, group = 7, supplementary_groups = [8, 9]").identity;
    assert_eq!((numbers.uid, numbers.gid, numbers.groups), (Some(12_345_678), Some(7), Some(vec![8, 9])));
}

#[test]
fn problems_are_named_where_they_are() {
    let process = "[[processes]]\nname = \"a\"\ncommand = \"b\"\n";
    wrong("x = 1", &["line 1, column 1: unknown key `x`, expected `supervisor`, `credentials` or `processes`"]);
    wrong("processes = 1", &["line 1, column 13: `processes` must be tables: `[[processes]]`"]);
    wrong("processes = [1]", &["line 1, column 14: a process must be a table: `[[processes]]`"]);
    wrong("supervisor = 1", &["line 1, column 14: `supervisor` must be a table: `[supervisor]`"]);
    wrong(
        &format!("{process}cmd = 1\n"),
        &["line 4, column 1: unknown field `cmd`, expected one of `id`, `name`, `command`, `args`, `cwd`, `env`, \
             `instances`, `restart`, `health`, `log`, `shutdown`, `credentials`"],
    );
    wrong("[[processes]]\nname = \"a\"\n", &["line 1, column 1: missing field `command`"]);
    wrong("[[processes]]\nname = \" \"\ncommand = \"b\"\n", &["line 2, column 8: name is required"]);
    wrong(
        &format!("{process}cwd = \"${{NOPE}}\"\nenv = {{ A = \"${{\" }}\n"),
        &["line 4, column 7: variable `NOPE` is not set", "line 5, column 13: `${` without `}`"],
    );
    wrong(
        &format!("{process}[processes.shutdown]\nsignal = \"TREM\"\n"),
        &["line 4, column 1: shutdown of `a`: invalid signal: `TREM`"],
    );
    wrong(
        &format!("{process}[processes.supervision]\nnice = 20\n"),
        &["line 4, column 1: `nice` must be from -20 to 19, not 20"],
    );
    wrong(
        &format!("{process}[processes.supervision]\nuser = \"nobody-of-that-name\"\n"),
        &["line 4, column 1: there is no user `nobody-of-that-name`"],
    );
    wrong(
        &format!("{process}supervision = {{ umask = \"999\" }}\n"),
        &["line 4, column 15: `umask` must be from 000 to 777, not 999"],
    );
    wrong(
        &format!("{process}supervision = {{ env_mode = \"dirty\" }}\n"),
        &["line 4, column 28: expected \"inherit\", \"clean\" or { allow = […] }"],
    );
    wrong(&format!("{process}{process}"), &["line 4, column 1: there is another process `a`"]);
    wrong(
        &format!("{process}supervision = {{ depends_on = [\"db\"] }}\n"),
        &["line 1, column 1: `a` depends on `db`, which does not exist"],
    );
    wrong(
        "[[processes]]\nname = \"a\"\ncommand = \"b\"\nsupervision = { depends_on = [\"a\"] }\n",
        &["line 1, column 1: dependency cycle: `a` -> `a`"],
    );
}

#[test]
fn something_else_than_a_table_is_told_what_belongs_there() {
    for (key, expected) in [
        ("restart", "a table of restart settings"),
        ("health", "a table of health settings"),
        ("log", "a table of log settings"),
        ("shutdown", "a table of shutdown settings"),
        ("credentials", "a table of credential settings"),
    ] {
        let column = key.len() + 4;
        wrong(
            &format!("[[processes]]\nname = \"a\"\ncommand = \"b\"\n{key} = \"always\"\n"),
            &[&format!("line 4, column {column}: invalid type: string \"always\", expected {expected}")],
        );
    }
    for (table, key, expected) in [
        ("restart", "backoff", "a table with `type` and the delays of a back-off"),
        ("log", "rotation", "a table of rotation settings"),
        ("supervision", "rlimits", "a table of limits"),
    ] {
        let column = key.len() + 4;
        wrong(
            &format!("[[processes]]\nname = \"a\"\ncommand = \"b\"\n[processes.{table}]\n{key} = \"1\"\n"),
            &[&format!("line 5, column {column}: invalid type: string \"1\", expected {expected}")],
        );
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    wrong(
        "[supervisor]\nwindow = 3\n[[processes]]\nname = \"a\"\n[[processes]]\nname = \"b\"\ncommand = \"c\"\nargs = 1\n",
        &[
            "line 2, column 10: invalid type: integer `3`, expected a duration such as `5s` or `1m 30s`",
            "line 3, column 1: missing field `command`",
            "line 8, column 8: invalid type: integer `1`, expected a sequence",
        ],
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    let errors = SupervisorFile::parse("name = \n[[processes]\n", &variables).unwrap_err();
    assert_eq!((errors.0[0].line, errors.0.len() >= 2), (1, true), "{errors}");
}

#[test]
fn files_of_the_guide_are_read() {
    let guide = include_str!("../../../docs/supervise.md");
    let files: Vec<&str> = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!files.is_empty());
    for file in files {
        SupervisorFile::parse(file, &variables).unwrap_or_else(|errors| panic!("{errors}\n{file}"));
    }
}

/// Every key that a file may have is in the guide.
#[test]
fn the_guide_names_every_key() {
    let guide = include_str!("../../../docs/supervise.md");
    for (table, broken) in [
        ("[supervisor]", "[supervisor]\n_ = 1\n"),
        ("[credentials]", "[credentials]\n_ = 1\n"),
        ("[[processes]]", "[[processes]]\nname = \"a\"\ncommand = \"b\"\n_ = 1\n"),
        ("restart", "[[processes]]\nname = \"a\"\ncommand = \"b\"\nrestart = { _ = 1 }\n"),
        ("log", "[[processes]]\nname = \"a\"\ncommand = \"b\"\nlog = { _ = 1 }\n"),
        ("shutdown", "[[processes]]\nname = \"a\"\ncommand = \"b\"\nshutdown = { _ = 1 }\n"),
        ("credentials", "[[processes]]\nname = \"a\"\ncommand = \"b\"\ncredentials = { _ = 1 }\n"),
        ("supervision", "[[processes]]\nname = \"a\"\ncommand = \"b\"\nsupervision = { _ = 1 }\n"),
    ] {
        let message = SupervisorFile::parse(broken, &variables).unwrap_err().to_string();
        let keys: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        assert!(keys.len() > 2, "{message}");
        for key in keys.into_iter().filter(|key| !matches!(*key, "id" | "kill_on_drop")) {
            assert!(
                guide.contains(&format!("`{key}`")) || guide.contains(&format!("`[processes.{key}]`")),
                "{table}: {key}"
            );
        }
    }
}
