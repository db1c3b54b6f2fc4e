use std::collections::BTreeMap;
use std::sync::Arc;

use perilune_policy::{Policy, Principal, Request, Scope};
use perilune_policy_rules::RuleSet;

use crate::application::{Diagnostics, EntryId, Loaded};
use crate::policies::{self, Named};
use crate::policy_question::{PolicyQuestion, PolicyQuestionError};
use crate::policy_report::PolicyReport;

/// The policies of an application, to be asked without running it.
///
/// ```no_run
/// use perilune_runtime::{PolicyBook, PolicyQuestion, application};
///
/// let loaded = application::load_folder("shop".as_ref()).unwrap();
/// let book = PolicyBook::open(&loaded).unwrap();
/// let question = PolicyQuestion::new("alice", "read", "app.reports:sales").with_meta(["role=analyst"]).unwrap();
/// println!("{}", book.explain(&question).unwrap());
/// ```
pub struct PolicyBook {
    pub(crate) rules: RuleSet,
    /// Where each policy is written, by its id.
    places: BTreeMap<Arc<str>, String>,
}

impl PolicyBook {
    /// Reads the policies of an application, and what its hosts say of them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn open(loaded: &Loaded) -> Result<Self, Diagnostics> {
        let rules = policies::rules(loaded)?;
        let place = |id: &Arc<str>| {
            let origin = loaded.entries.get(&EntryId::parse(id)).map(|entry| &entry.origin);
            origin.map(|origin| format!("{}:{}", origin.file.display(), origin.line)).unwrap_or_default()
        };
        let places = rules.policy_ids().map(|id| (Arc::clone(id), place(id))).collect();
        Ok(Self { rules, places })
    }

    /// What the policies decide, and what each of them has to do with it. Without groups and policies, all policies of
    /// the application are asked.
    ///
    /// # Errors
    /// A group or policy that does not exist; says which one is near.
    pub fn explain(&self, question: &PolicyQuestion) -> Result<PolicyReport, PolicyQuestionError> {
        let groups = question.groups.iter().map(|id| (Named::Group, id));
        let mut named = groups.chain(question.policies.iter().map(|id| (Named::Policy, id))).peekable();
        let asks_all = named.peek().is_none();
        let scope = if asks_all {
            self.everything()
        } else {
            named.try_fold(Scope::default(), |scope, (named, id)| {
                let found = named.find(&self.rules, id).map_err(PolicyQuestionError::Unknown)?;
                Ok(scope.union(&found))
            })?
        };
        let principal = Principal::new(&*question.actor, question.meta.clone());
        let request =
            Request::new(&principal, &question.action, &question.resource).with_attributes(&question.attributes);
        Ok(PolicyReport::new(self, &scope, &request, asks_all))
    }

    /// The scope of all policies, by id.
    pub(crate) fn everything(&self) -> Scope {
        self.places.keys().filter_map(|id| self.rules.policy(id)).cloned().collect()
    }

    /// The file and line of a policy.
    pub(crate) fn place(&self, policy: &Policy) -> &str {
        self.places.get(policy.id()).map_or("", String::as_str)
    }
}
