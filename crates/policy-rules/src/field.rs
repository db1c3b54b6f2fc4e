use std::fmt;
use std::sync::Arc;

use perilune_policy::{Map, Request, Value};

use crate::operand::Operand;

/// What a condition looks at: `actor.id`, `actor.meta.<path>`, `action`, `resource` or `meta.<path>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field(Source);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    PrincipalId,
    Principal(Box<[Arc<str>]>),
    Action,
    Resource,
    Attributes(Box<[Arc<str>]>),
}

/// Why text is no field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// It begins with nothing that is known.
    #[error("unknown field `{0}`")]
    Unknown(String),
    /// A path with nothing between two dots, or no path at all.
    #[error("`{0}` needs a name after each dot")]
    Path(String),
}

impl Field {
    /// What fields begin with.
    pub(crate) const BEGINNINGS: [&str; 5] = ["actor.id", "actor.meta", "action", "resource", "meta"];

    /// Reads a field. A path leads through maps, one name after the other.
    ///
    /// # Errors
    /// Text that is no field.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let path = |rest: &str| -> Result<Box<[Arc<str>]>, FieldError> {
            let names: Box<[Arc<str>]> = rest.split('.').map(Arc::from).collect();
            if names.iter().any(|name| name.is_empty()) { Err(FieldError::Path(text.into())) } else { Ok(names) }
        };
        match text {
            "actor.id" => Ok(Self(Source::PrincipalId)),
            "action" => Ok(Self(Source::Action)),
            "resource" => Ok(Self(Source::Resource)),
            "actor.meta" | "meta" => Err(FieldError::Path(text.into())),
            _ => {
                if let Some(rest) = text.strip_prefix("actor.meta.") {
                    path(rest).map(Source::Principal).map(Self)
                } else if let Some(rest) = text.strip_prefix("meta.") {
                    path(rest).map(Source::Attributes).map(Self)
                } else {
                    Err(FieldError::Unknown(text.into()))
                }
            }
        }
    }

    /// Whether the call decides what is there.
    pub(crate) fn reads_attributes(&self) -> bool {
        matches!(self.0, Source::Attributes(_))
    }

    /// What is there; `None` if nothing is.
    pub(crate) fn find<'a>(&self, request: &Request<'a>) -> Option<Operand<'a>> {
        match &self.0 {
            Source::PrincipalId => Some(Operand::Text(request.principal().id())),
            Source::Principal(path) => follow(request.principal().meta(), path).map(Operand::Value),
            Source::Action => Some(Operand::Text(request.action())),
            Source::Resource => Some(Operand::Text(request.resource())),
            Source::Attributes(path) => follow(request.attributes(), path).map(Operand::Value),
        }
    }
}

fn follow<'a>(map: &'a Map, path: &[Arc<str>]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(map.get(first)?, |value, name| value.as_map()?.get(name))
}

/// As [`Field::parse`] reads it.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::PrincipalId => f.write_str("actor.id"),
            Source::Action => f.write_str("action"),
            Source::Resource => f.write_str("resource"),
            Source::Principal(path) => write!(f, "actor.meta.{}", path.join(".")),
            Source::Attributes(path) => write!(f, "meta.{}", path.join(".")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, FieldError};

    #[test]
    fn fields_are_read_and_written() {
        for text in ["actor.id", "actor.meta.role", "actor.meta.a.b.c", "action", "resource", "meta.pid", "meta.a.b"] {
            assert_eq!(Field::parse(text).map(|field| field.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "actor", "actor.name", "actor.id.x", "actions", "resource.x", "role", "Meta.pid"] {
            assert_eq!(Field::parse(text), Err(FieldError::Unknown(text.into())));
        }
        for text in ["meta", "actor.meta", "meta.", "meta.a..b", "actor.meta.a.", "actor.meta."] {
            assert_eq!(Field::parse(text), Err(FieldError::Path(text.into())));
        }
    }
}
