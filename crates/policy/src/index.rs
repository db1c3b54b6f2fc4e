//! Finds the policies of a scope that are about a request.

use std::ops::ControlFlow;

use rustc_hash::FxHashMap;

use crate::pattern::Pattern;
use crate::pattern_map::PatternMap;
use crate::policy::Policy;

/// A policy with more pairs of action and resource than this is found by its actions alone, so that long lists take no
/// memory by their product.
const MOST_PAIRS: usize = 64;

/// The policies of a scope by what they are about: first the action, then the resource.
#[derive(Debug)]
pub(crate) struct Index(PatternMap<OfAction>);

#[derive(Debug)]
struct OfAction {
    by_resource: PatternMap<Box<[u32]>>,
    /// Policies whose resources are still to be looked at.
    wide: Box<[u32]>,
}

/// What is known of one action while the index is made: numbers of policies by resource, and those that are wide.
type Found = (FxHashMap<Pattern, Vec<u32>>, Vec<u32>);

impl Index {
    pub(crate) fn new(policies: &[Policy]) -> Self {
        let mut by_action: FxHashMap<Pattern, Found> = FxHashMap::default();
        for (at, policy) in (0u32..).zip(policies) {
            let (actions, resources) = (policy.target().actions(), policy.target().resources());
            let is_wide = actions.len().saturating_mul(resources.len()) > MOST_PAIRS;
            for action in actions {
                let (by_resource, wide) = by_action.entry(action.clone()).or_default();
                if is_wide {
                    wide.push(at);
                } else {
                    for resource in resources {
                        by_resource.entry(resource.clone()).or_default().push(at);
                    }
                }
            }
        }
        Self(PatternMap::new(by_action.into_iter().map(|(action, (by_resource, wide))| {
            let by_resource = PatternMap::new(by_resource.into_iter().map(|(key, list)| (key, list.into())));
            (action, OfAction { by_resource, wide: wide.into() })
        })))
    }

    /// Calls `see` with the number of each policy that is about both, in no order, each once.
    pub(crate) fn matching(
        &self,
        policies: &[Policy],
        action: &str,
        resource: &str,
        mut see: impl FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for of_action in self.0.matching(action) {
            for list in of_action.by_resource.matching(resource) {
                list.iter().try_for_each(|&at| see(at))?;
            }
            for &at in &of_action.wide {
                if policies[at as usize].target().matches_resource(resource) {
                    see(at)?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}
