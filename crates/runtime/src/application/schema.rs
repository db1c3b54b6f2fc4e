/// The keys an entry kind understands.
pub(crate) struct Schema {
    pub(crate) kind: &'static str,
    pub(crate) keys: &'static [&'static str],
    /// Required keys of kinds that have no typed view.
    pub(crate) required: &'static [&'static str],
}

/// Keys of every entry, beside its configuration.
pub(crate) const ENTRY: &[&str] = &["name", "kind", "meta", "data"];
/// Keys of a file that lists entries.
pub(crate) const FILE: &[&str] = &["version", "namespace", "meta", "entries"];

pub(crate) const SCHEMAS: &[Schema] = &[
    schema("process.lua", &["source", "method", "modules", "imports", "pool"], &[]),
    schema("function.lua", &["source", "method", "modules", "imports", "pool"], &[]),
    schema("library.lua", &["source", "method", "modules", "imports"], &[]),
    schema("process.host", &["host", "lifecycle", "isolation", "memory_limit", "placement"], &[]),
    schema("terminal.host", &["hide_logs", "lifecycle"], &[]),
    schema("process.service", &["process", "host", "input", "lifecycle"], &[]),
    schema(
        "exec.native",
        &[
            "default_work_dir",
            "default_env",
            "command_whitelist",
            "shell",
            "stdin_eof",
            "timeout",
            "stop_grace",
            "max_processes",
            "lifecycle",
        ],
        &[],
    ),
    schema(
        "exec.docker",
        &[
            "image",
            "host",
            "network_mode",
            "volumes",
            "user",
            "memory_limit",
            "cpu_quota",
            "auto_remove",
            "read_only_rootfs",
            "no_new_privileges",
            "cap_drop",
            "cap_add",
            "pids_limit",
            "tmpfs",
            "default_work_dir",
            "default_env",
            "command_whitelist",
            "lifecycle",
            "stdin_eof",
            "timeout",
            "stop_grace",
            "max_processes",
            "shell",
        ],
        &["image"],
    ),
    schema("security.policy", &["policy", "groups"], &["policy"]),
    schema("security.policy.expr", &["policy", "groups"], &["policy"]),
    schema("fs.directory", &["directory", "auto_init"], &[]),
    schema("env.storage.memory", &[], &[]),
    schema("env.storage.os", &[], &[]),
    schema("env.storage.router", &["storages"], &[]),
    schema("env.variable", &["variable", "storage", "default", "read_only"], &[]),
];

/// Maps inside an entry: kind (or empty for all), path of keys, keys inside.
pub(crate) const BLOCKS: &[(&str, &[&str], &[&str])] = &[
    ("process.host", &["host"], &["workers", "max_processes", "queue_size", "local_queue_size"]),
    ("function.lua", &["pool"], &["type", "size", "workers", "max_size", "buffer"]),
    ("security.policy", &["policy"], &["actions", "resources", "effect", "conditions"]),
    ("security.policy.expr", &["policy"], &["actions", "resources", "effect", "expression"]),
    (
        "",
        &["lifecycle"],
        &[
            "auto_start",
            "depends_on",
            "requires",
            "startup",
            "start_timeout",
            "stop_timeout",
            "stable_threshold",
            "restart",
            "security",
        ],
    ),
    ("", &["lifecycle", "restart"], &["initial_delay", "max_delay", "backoff_factor", "jitter", "max_attempts"]),
];

/// Keys of `meta.command`.
pub(crate) const COMMAND: &[&str] = &["name", "short", "main"];

pub(crate) fn find(kind: &str) -> Option<&'static Schema> {
    SCHEMAS.iter().find(|schema| schema.kind == kind)
}

/// Whether this program knows what entries of that kind mean.
pub(crate) fn is_known_kind(kind: &str) -> bool {
    find(kind).is_some()
}

const fn schema(kind: &'static str, keys: &'static [&'static str], required: &'static [&'static str]) -> Schema {
    Schema { kind, keys, required }
}
