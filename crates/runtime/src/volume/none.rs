//! For systems without the calls that volumes are made of.

use std::path::Path;
use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure};
use perilune_lua_bindings::Volume;
use tokio::runtime::Handle;

use crate::application::Directory;

pub(crate) struct Volumes;

impl Volumes {
    pub(crate) fn new(_: &Path, _: Handle) -> Self {
        Self
    }

    pub(crate) fn get(&self, _: &str, _: &Directory) -> Result<Arc<dyn Volume>, Failure> {
        Err(Failure::new(ErrorKind::Unavailable, "there are no volumes on this system"))
    }
}
