use std::collections::HashMap;
use std::sync::Arc;

use perilune_restart::{OrderError, StartOrder};

use crate::application::{Entry, EntryId, Lifecycle, Service};

/// A service as its entry has it.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(super) entry: Arc<Entry>,
    pub(super) lifecycle: Arc<Lifecycle>,
    /// The services among what it depends on. Everything else is there as long as the application runs.
    pub(super) depends_on: Vec<EntryId>,
}

impl Plan {
    pub(super) fn id(&self) -> &EntryId {
        &self.entry.id
    }
}

/// All services among `entries`: whoever is depended on comes before who depends on it.
///
/// # Errors
/// A cycle, or a dependency that is no entry.
pub(crate) fn plans<'a>(
    entries: impl Iterator<Item = &'a Arc<Entry>>,
    exists: impl Fn(&EntryId) -> bool,
) -> Result<Vec<Plan>, OrderError> {
    let services: Vec<(&Arc<Entry>, &Service)> =
        entries.filter_map(|entry| Some((entry, entry.definition.service()?))).collect();
    for (entry, service) in &services {
        if let Some(missing) = service.dependencies().find(|dependency| !exists(&dependency.target)) {
            let (name, dependency) = (entry.id.to_string(), missing.target.to_string());
            return Err(OrderError::Unknown { name, dependency });
        }
    }
    let is_service = |id: &EntryId| services.binary_search_by(|(entry, _)| entry.id.cmp(id)).is_ok();
    let plan = |(entry, service): &(&Arc<Entry>, &Service)| {
        let depends_on = service.lifecycle.depends_on.iter().map(|dependency| dependency.target.clone());
        Plan {
            entry: Arc::clone(entry),
            lifecycle: Arc::new(service.lifecycle.clone()),
            depends_on: depends_on.filter(is_service).collect(),
        }
    };
    let mut plans: HashMap<String, Plan> =
        services.iter().map(|service| (service.0.id.to_string(), plan(service))).collect();
    let nodes = services.iter().filter_map(|(entry, _)| plans.get(entry.id.as_str()));
    let order = StartOrder::new(nodes.map(|plan| (plan.id().as_str(), plan.depends_on.iter().map(EntryId::as_str))))?;
    Ok(order.levels().iter().flatten().filter_map(|name| plans.remove(name)).collect())
}
