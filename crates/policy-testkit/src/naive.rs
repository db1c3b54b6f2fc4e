use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use perilune_policy::{Fault, Pattern, Policy, PolicyEngine, Request, Scope, Target};

use crate::model::{Broken, applies};
use crate::spec::PolicySpec;

/// An engine that leaves everything to the reference model, for tests of what is not the engine: scopes, caches, and
/// whoever asks them.
#[derive(Debug, Default)]
pub struct NaiveEngine(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    generation: u64,
    policies: Vec<Policy>,
    scopes: BTreeMap<String, Scope>,
}

impl NaiveEngine {
    /// An engine of these policies.
    ///
    /// # Panics
    /// If a pattern is none.
    pub fn new(policies: &[PolicySpec]) -> Self {
        let engine = Self::default();
        engine.replace(policies);
        engine
    }

    /// From now on, these policies.
    ///
    /// # Panics
    /// If a pattern is none.
    pub fn replace(&self, policies: &[PolicySpec]) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.generation += 1;
        state.policies = policies.iter().map(policy).collect();
        let mut members: BTreeMap<String, Vec<Policy>> = BTreeMap::new();
        for (spec, policy) in policies.iter().zip(&state.policies) {
            let namespace = spec.id.split_once(':').map_or("", |(namespace, _)| namespace);
            for group in &spec.groups {
                let id = if group.contains(':') { group.clone() } else { format!("{namespace}:{group}") };
                members.entry(id).or_default().push(policy.clone());
            }
        }
        state.scopes = members.into_iter().map(|(id, policies)| (id, Scope::new(policies))).collect();
    }
}

/// The policy of a description, evaluated by the reference model.
///
/// # Panics
/// If a pattern is none. If it has an expression as text, when it is evaluated.
pub fn policy(spec: &PolicySpec) -> Policy {
    let patterns =
        |texts: &[String]| texts.iter().map(|text| Pattern::parse(text).expect("a pattern")).collect::<Vec<_>>();
    let target = Target::new(patterns(&spec.actions), patterns(&spec.resources));
    let rule = spec.clone();
    Policy::new(spec.id.as_str(), spec.effect, target).when(move |request: &Request<'_>| {
        applies(&rule, request).map_err(|Broken| Fault::new("the reference model cannot evaluate it"))
    })
}

impl PolicyEngine for NaiveEngine {
    fn policy(&self, id: &str) -> Option<Policy> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        state.policies.iter().find(|policy| &**policy.id() == id).cloned()
    }

    fn scope(&self, id: &str) -> Option<Scope> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).scopes.get(id).cloned()
    }

    fn generation(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).generation
    }
}
