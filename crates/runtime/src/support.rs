use crate::application::{ConfigValue, Definition, Entry, Isolation, Position, Severity};
use crate::hosts::FUNCTIONS;

/// What an entry asks for and this version cannot give.
pub(crate) struct Unsupported {
    pub(crate) severity: Severity,
    pub(crate) position: Position,
    pub(crate) message: String,
}

/// What an entry asks for and this version cannot give. What protects is an error: running without it would be worse
/// than not running.
pub(crate) fn unsupported(entry: &Entry) -> Vec<Unsupported> {
    let mut found = Vec::new();
    let mut say = |severity, key: &ConfigValue, text: &str| {
        let message = format!("entry `{}`: {text}", entry.id);
        found.push(Unsupported { severity, position: key.position, message });
    };
    if entry.definition.is_host() && entry.id.as_str() == FUNCTIONS {
        say(Severity::Error, &entry.data, "this name belongs to the host of functions");
    }
    if let Definition::Host(host) = &entry.definition {
        let dedicated = entry.data.get("isolation").filter(|_| host.isolation == Isolation::Dedicated);
        if let Some(key) = dedicated {
            say(Severity::Error, key, "this version has no dedicated isolation");
        }
        if let Some(key) = entry.data.get("memory_limit").filter(|_| host.memory_limit.is_some()) {
            say(Severity::Error, key, "this version has no memory limit");
        }
    }
    found
}
