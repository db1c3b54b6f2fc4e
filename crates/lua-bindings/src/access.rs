use std::fmt;

use perilune_actor_core::{ErrorKind, Failure, Pid, Table, Value};

/// Something a script wants to do: asked before it is known whether it can be done.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// What it does, as policies name it: `process.send`.
    pub action: &'static str,
    /// To what.
    pub resource: Resource<'a>,
    /// Who else it is about: the process that gets a name.
    pub target: Option<Pid>,
    /// What else policies may look at.
    pub attributes: &'a [(&'static str, &'a str)],
    refusal: &'static str,
    said: &'a str,
}

/// What something is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// Whatever has that name or id.
    Text(&'a str),
    /// A process, by its pid; policies see the pid's text.
    Actor(Pid),
}

impl<'a> Access<'a> {
    /// Doing `action` to `resource`. A refusal reads `refusal`, and then what the script said, unless that is empty.
    pub fn new(action: &'static str, resource: Resource<'a>, refusal: &'static str, said: &'a str) -> Self {
        Self { action, resource, target: None, attributes: &[], refusal, said }
    }

    /// Doing it to what the script said.
    pub fn to(action: &'static str, resource: &'a str, refusal: &'static str) -> Self {
        Self::new(action, Resource::Text(resource), refusal, resource)
    }

    /// It is about that process too.
    #[must_use]
    pub fn about(self, target: Pid) -> Self {
        Self { target: Some(target), ..self }
    }

    /// With that for policies to look at.
    #[must_use]
    pub fn with_attributes(self, attributes: &'a [(&'static str, &'a str)]) -> Self {
        Self { attributes, ..self }
    }

    /// The error of a script that may not; its details tell action and resource.
    pub fn refused(&self) -> Failure {
        let said = if self.said.is_empty() { String::new() } else { format!(": {}", self.said) };
        let text = |text: &str| Value::from(text);
        let pairs = vec![(text("action"), text(self.action)), (text("resource"), text(&self.resource.to_string()))];
        let details = Some(Box::new(Table { array: Vec::new(), pairs }));
        Failure { details, ..Failure::new(ErrorKind::PermissionDenied, format!("{}{said}", self.refusal)) }
    }
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Actor(pid) => pid.fmt(f),
        }
    }
}
