use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::identity::Identity;
use crate::value::Map;

/// Who asks: an id and what is known of it. Immutable; cloning copies a pointer.
#[derive(Clone)]
pub struct Principal(Arc<Inner>);

struct Inner {
    identity: Identity,
    id: Arc<str>,
    meta: Map,
}

impl Principal {
    /// A principal of that id.
    ///
    /// Each call makes another one to whoever remembers decisions, even if id and metadata are the same; so make it
    /// once, and hand out clones.
    pub fn new(id: impl Into<Arc<str>>, meta: Map) -> Self {
        Self(Arc::new(Inner { identity: Identity::next(), id: id.into(), meta }))
    }

    /// Its id.
    pub fn id(&self) -> &Arc<str> {
        &self.0.id
    }

    /// What is known of it.
    pub fn meta(&self) -> &Map {
        &self.0.meta
    }

    /// The same for all clones, and for nobody else.
    pub fn identity(&self) -> Identity {
        self.0.identity
    }
}

/// Metadata may hold secrets, and this gets into logs.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// May this principal do this action to this resource?
///
/// It notes whether its attributes were looked at, so that nobody has to declare it: an answer for which they were not
/// is the answer to all requests that differ in nothing else.
///
/// ```
/// use std::cell::LazyCell;
/// use perilune_policy::{Map, Principal, Request};
///
/// let alice = Principal::new("alice", Map::texts([("role", "analyst")]));
/// let attributes = LazyCell::new(|| Map::texts([("pid", "{app:processes|0x00001}")]));
/// let request = Request::new(&alice, "read", "app.reports:sales").with_lazy_attributes(&attributes);
/// assert_eq!(request.principal().meta().get("role"), Some(&"analyst".into()));
/// ```
pub struct Request<'a> {
    principal: &'a Principal,
    action: &'a str,
    resource: &'a str,
    attributes: Attributes<'a>,
    attributes_read: Cell<bool>,
}

#[derive(Clone, Copy)]
enum Attributes<'a> {
    None,
    Ready(&'a Map),
    Lazy(&'a dyn Deref<Target = Map>),
}

impl<'a> Request<'a> {
    /// A request without attributes.
    pub fn new(principal: &'a Principal, action: &'a str, resource: &'a str) -> Self {
        Self { principal, action, resource, attributes: Attributes::None, attributes_read: Cell::new(false) }
    }

    /// The request with what the call adds to it.
    #[must_use]
    pub fn with_attributes(self, attributes: &'a Map) -> Self {
        Self { attributes: Attributes::Ready(attributes), ..self }
    }

    /// The request with attributes that are made when a policy asks for them, as a
    /// [`LazyCell`](std::cell::LazyCell) does.
    #[must_use]
    pub fn with_lazy_attributes(self, attributes: &'a dyn Deref<Target = Map>) -> Self {
        Self { attributes: Attributes::Lazy(attributes), ..self }
    }

    /// Who asks.
    pub fn principal(&self) -> &'a Principal {
        self.principal
    }

    /// What for.
    pub fn action(&self) -> &'a str {
        self.action
    }

    /// To what.
    pub fn resource(&self) -> &'a str {
        self.resource
    }

    /// What the call adds. Looking at it is noted.
    pub fn attributes(&self) -> &'a Map {
        static EMPTY: Map = Map::EMPTY;
        self.attributes_read.set(true);
        match self.attributes {
            Attributes::None => &EMPTY,
            Attributes::Ready(map) => map,
            Attributes::Lazy(map) => map,
        }
    }

    /// Runs `look`, and tells whether it looked at the attributes.
    pub(crate) fn watched<T>(&self, look: impl FnOnce() -> T) -> (T, bool) {
        let before = self.attributes_read.replace(false);
        let found = look();
        let read = self.attributes_read.get();
        self.attributes_read.set(before || read);
        (found, read)
    }
}

/// Without metadata and attributes, which may hold secrets.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("principal", &self.principal.id())
            .field("action", &self.action)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}
