use std::sync::Arc;

use perilune_policy::{Effect, Fault, Pattern, Policy, Request, Rule, Target};

use crate::condition::Condition;
use crate::expression::Expression;

/// A policy as plain data: what a configuration says, checked. [`PolicySource::read`] makes one of that.
///
/// ```
/// use perilune_policy::{Effect, Pattern};
/// use perilune_policy_rules::{Comparand, Condition, Field, Operator, PolicySource, When};
///
/// let role = Field::parse("actor.meta.role")?;
/// let analyst = Condition::new(role, Operator::Eq, Some(Comparand::Value("analyst".into())))?;
/// let source = PolicySource {
///     when: When::All(vec![analyst]),
///     groups: vec!["app:analysts".into()],
///     ..PolicySource::new("app:read_reports", Effect::Allow, [Pattern::parse("read")?], [Pattern::parse("app:*")?])
/// };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySource {
    /// Its id, such as `app:read_reports`.
    pub id: Arc<str>,
    /// What it does where it applies.
    pub effect: Effect,
    /// The actions it is about.
    pub actions: Vec<Pattern>,
    /// The resources it is about.
    pub resources: Vec<Pattern>,
    /// When it applies to these.
    pub when: When,
    /// The ids of the named scopes it belongs to.
    pub groups: Vec<Arc<str>>,
}

/// When a policy applies, beyond actions and resources.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum When {
    /// Always.
    #[default]
    Always,
    /// When all of these hold. One that does not hold settles it, even if another cannot be evaluated.
    All(Vec<Condition>),
    /// When it is true.
    Expression(Box<Expression>),
}

impl PolicySource {
    /// A policy that applies always and belongs to no group.
    pub fn new(
        id: impl Into<Arc<str>>,
        effect: Effect,
        actions: impl IntoIterator<Item = Pattern>,
        resources: impl IntoIterator<Item = Pattern>,
    ) -> Self {
        Self {
            id: id.into(),
            effect,
            actions: actions.into_iter().collect(),
            resources: resources.into_iter().collect(),
            when: When::Always,
            groups: Vec::new(),
        }
    }

    /// Whether the policy is the same, whatever groups it belongs to.
    pub(crate) fn is_same_policy(&self, other: &Self) -> bool {
        self.id == other.id
            && self.effect == other.effect
            && self.actions == other.actions
            && self.resources == other.resources
            && self.when == other.when
    }

    /// The policy.
    pub fn compile(&self) -> Policy {
        let target = Target::new(self.actions.iter().cloned(), self.resources.iter().cloned());
        let policy = Policy::new(Arc::clone(&self.id), self.effect, target);
        match &self.when {
            When::Always => policy,
            When::All(conditions) => policy.when(AllOf::new(conditions.clone())),
            When::Expression(expression) => {
                let expression = expression.clone();
                policy.when(IsTrue(expression))
            }
        }
    }
}

/// Conditions that all must hold. Those that look at no attributes come first: where they settle it, the answer is the
/// same for all attributes.
struct AllOf(Box<[(usize, Condition)]>);

/// An expression that must be true.
struct IsTrue(Box<Expression>);

impl AllOf {
    fn new(conditions: Vec<Condition>) -> Self {
        // With their numbers, by which people know them.
        let mut conditions: Vec<_> = (1..).zip(conditions).collect();
        conditions.sort_by_key(|(_, condition)| condition.reads_attributes());
        Self(conditions.into())
    }
}

impl Rule for AllOf {
    fn applies(&self, request: &Request<'_>) -> Result<bool, Fault> {
        let mut fault = None;
        for (_, condition) in &self.0 {
            match condition.holds(request) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(other) => {
                    fault.get_or_insert(other);
                }
            }
        }
        fault.map_or(Ok(true), Err)
    }

    fn unmet(&self, request: &Request<'_>) -> Vec<String> {
        let mut unmet: Vec<_> = self.0.iter().filter(|(_, condition)| condition.holds(request) == Ok(false)).collect();
        unmet.sort_by_key(|(number, _)| *number);
        unmet.iter().map(|(number, condition)| format!("condition {number}: {}", condition.unmet(request))).collect()
    }
}

impl Rule for IsTrue {
    fn applies(&self, request: &Request<'_>) -> Result<bool, Fault> {
        self.0.holds(request)
    }

    fn unmet(&self, _: &Request<'_>) -> Vec<String> {
        vec!["its expression is false".into()]
    }
}
