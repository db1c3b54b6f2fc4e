//! [`SupervisionOptions`] as people write them.

use std::time::Duration;

use perilune_exec_api::{Containment, EnvMode, Identity, Limits};
use serde::Deserialize;

use super::{Condition, Dependency, Readiness, SupervisionOptions};
use crate::log::size;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of supervision settings")]
pub(super) struct OptionsText {
    depends_on: Vec<DependencyText>,
    autostart: bool,
    readiness: ReadinessText,
    #[serde(with = "perilune_restart::duration")]
    start_timeout: Duration,
    stop_order: Option<i32>,
    restart_with_dependency: bool,
    user: Option<Account>,
    group: Option<Account>,
    supplementary_groups: Option<Vec<Account>>,
    umask: Option<Umask>,
    nice: Option<i32>,
    rlimits: LimitsText,
    oom_score_adj: Option<i32>,
    no_new_privs: bool,
    die_with_runtime: bool,
    env_mode: EnvModeText,
    strip_sensitive_env: bool,
    containment: ContainmentText,
    sample: bool,
    max_memory: Option<Size>,
    #[serde(with = "perilune_restart::duration::option")]
    run_timeout: Option<Duration>,
}

impl Default for OptionsText {
    fn default() -> Self {
        let plain = SupervisionOptions::default();
        Self {
            depends_on: Vec::new(),
            autostart: plain.autostart,
            readiness: ReadinessText::Word(ReadinessWord::Immediate),
            start_timeout: plain.start_timeout,
            stop_order: None,
            restart_with_dependency: plain.restart_with_dependency,
            user: None,
            group: None,
            supplementary_groups: None,
            umask: None,
            nice: None,
            rlimits: LimitsText::default(),
            oom_score_adj: None,
            no_new_privs: plain.no_new_privs,
            die_with_runtime: plain.die_with_runtime,
            env_mode: EnvModeText::Word(EnvModeWord::Inherit),
            strip_sensitive_env: plain.strip_sensitive_env,
            containment: ContainmentText::Scan,
            sample: plain.sample,
            max_memory: None,
            run_timeout: None,
        }
    }
}

/// A name, if it has only to be started.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a name, or { name = …, condition = … }")]
enum DependencyText {
    Name(String),
    Full(DependencyFields),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DependencyFields {
    name: String,
    #[serde(default)]
    condition: Condition,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"immediate\", \"healthy\", \"notify_fd\", \"notify_socket\", { min_uptime = … } or { log_line = … }"
)]
enum ReadinessText {
    Word(ReadinessWord),
    Value(ReadinessValue),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReadinessWord {
    Immediate,
    Healthy,
    NotifyFd,
    NotifySocket,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReadinessValue {
    #[serde(with = "perilune_restart::duration")]
    MinUptime(Duration),
    LogLine(String),
}

/// A name or a number.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a name or a number")]
enum Account {
    Number(u32),
    Name(String),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a mask such as \"022\" or 0o022")]
enum Umask {
    Number(u32),
    Text(String),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of limits")]
struct LimitsText {
    nofile: Option<u64>,
    nproc: Option<u64>,
    core: Option<Size>,
    #[serde(rename = "as")]
    address_space: Option<Size>,
    cpu: Option<u64>,
    fsize: Option<Size>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected \"inherit\", \"clean\" or { allow = […] }")]
enum EnvModeText {
    Word(EnvModeWord),
    Value(EnvModeValue),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EnvModeWord {
    Inherit,
    Clean,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EnvModeValue {
    Allow(Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ContainmentText {
    Group,
    Scan,
    Cgroup,
}

#[derive(Clone, Copy, Deserialize)]
struct Size(#[serde(with = "size")] u64);

impl TryFrom<OptionsText> for SupervisionOptions {
    type Error = String;

    fn try_from(text: OptionsText) -> Result<Self, String> {
        let nice = text.nice.map(|nice| within("nice", nice, -20, 19)).transpose()?;
        let oom_score_adj = text.oom_score_adj.map(|score| within("oom_score_adj", score, -1000, 1000)).transpose()?;
        if text.start_timeout.is_zero() {
            return Err("`start_timeout` must be more than nothing".to_owned());
        }
        Ok(Self {
            depends_on: text.depends_on.into_iter().map(DependencyText::read).collect(),
            autostart: text.autostart,
            readiness: text.readiness.read()?,
            start_timeout: text.start_timeout,
            stop_order: text.stop_order,
            restart_with_dependency: text.restart_with_dependency,
            identity: identity(text.user, text.group, text.supplementary_groups)?,
            limits: text.rlimits.read(),
            umask: text.umask.map(Umask::read).transpose()?,
            nice,
            oom_score_adj,
            no_new_privs: text.no_new_privs,
            die_with_runtime: text.die_with_runtime,
            env_mode: match text.env_mode {
                EnvModeText::Word(EnvModeWord::Inherit) => EnvMode::Inherit,
                EnvModeText::Word(EnvModeWord::Clean) => EnvMode::Clean,
                EnvModeText::Value(EnvModeValue::Allow(names)) => EnvMode::Allow(names),
            },
            strip_sensitive_env: text.strip_sensitive_env,
            containment: match text.containment {
                ContainmentText::Group => Containment::Group,
                ContainmentText::Scan => Containment::Scan,
                ContainmentText::Cgroup => Containment::Cgroup,
            },
            sample: text.sample,
            max_memory: text.max_memory.map(|size| size.0),
            run_timeout: text.run_timeout,
        })
    }
}

fn within(key: &str, number: i32, least: i32, most: i32) -> Result<i32, String> {
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(format!("`{key}` must be from {least} to {most}, not {number}"))
}

impl DependencyText {
    fn read(self) -> Dependency {
        match self {
            Self::Name(name) => Dependency { name, condition: Condition::default() },
            Self::Full(DependencyFields { name, condition }) => Dependency { name, condition },
        }
    }
}

impl ReadinessText {
    fn read(self) -> Result<Readiness, String> {
        Ok(match self {
            Self::Word(ReadinessWord::Immediate) => Readiness::Immediate,
            Self::Word(ReadinessWord::Healthy) => Readiness::Healthy,
            Self::Word(ReadinessWord::NotifyFd) => Readiness::NotifyFd,
            Self::Word(ReadinessWord::NotifySocket) => Readiness::NotifySocket,
            Self::Value(ReadinessValue::MinUptime(uptime)) => Readiness::MinUptime(uptime),
            Self::Value(ReadinessValue::LogLine(pattern)) => {
                let pattern = regex::Regex::new(&pattern).map_err(|error| format!("`log_line`: {error}"))?;
                Readiness::LogLine(pattern)
            }
        })
    }
}

impl Umask {
    fn read(self) -> Result<u32, String> {
        let (mask, shown) = match self {
            Self::Number(mask) => (Some(mask), format!("{mask:o}")),
            Self::Text(text) => (u32::from_str_radix(text.trim_start_matches("0o"), 8).ok(), text),
        };
        mask.filter(|mask| *mask <= 0o777).ok_or_else(|| format!("`umask` must be from 000 to 777, not {shown}"))
    }
}

impl LimitsText {
    fn read(self) -> Limits {
        let mut limits = Limits::default();
        limits.open_files = self.nofile;
        limits.processes = self.nproc;
        limits.core = self.core.map(|size| size.0);
        limits.address_space = self.address_space.map(|size| size.0);
        limits.cpu_seconds = self.cpu;
        limits.file_size = self.fsize.map(|size| size.0);
        limits
    }
}

/// A user brings its group and its further groups, unless others are named.
fn identity(user: Option<Account>, group: Option<Account>, further: Option<Vec<Account>>) -> Result<Identity, String> {
    let mut identity = Identity::default();
    if let Some(user) = user {
        let known = match &user {
            Account::Number(uid) => uzers::get_user_by_uid(*uid),
            Account::Name(name) => {
                Some(uzers::get_user_by_name(name).ok_or_else(|| format!("there is no user `{name}`"))?)
            }
        };
        identity.uid = match (&known, user) {
            (Some(known), _) => Some(known.uid()),
            (None, Account::Number(uid)) => Some(uid),
            (None, Account::Name(_)) => None,
        };
        if let Some(known) = known {
            identity.gid = Some(known.primary_group_id());
            let groups = known.groups().unwrap_or_default();
            identity.groups = Some(groups.iter().map(uzers::Group::gid).collect());
        }
    }
    if let Some(group) = group {
        identity.gid = Some(gid(group)?);
    }
    if let Some(further) = further {
        identity.groups = Some(further.into_iter().map(gid).collect::<Result<_, _>>()?);
    }
    Ok(identity)
}

fn gid(group: Account) -> Result<u32, String> {
    match group {
        Account::Number(gid) => Ok(gid),
        Account::Name(name) => uzers::get_group_by_name(&name)
            .map(|group| group.gid())
            .ok_or_else(|| format!("there is no group `{name}`")),
    }
}
