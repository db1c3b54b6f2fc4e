use perilune_policy::{Effect, Map, Principal, Request, Value};

use crate::expr::Expr;

/// A policy as a case describes it, before an engine has seen it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicySpec {
    /// Its id, such as `t:p`.
    pub id: String,
    /// What it does.
    pub effect: Effect,
    /// The actions it is about, as text.
    pub actions: Vec<String>,
    /// The resources it is about, as text.
    pub resources: Vec<String>,
    /// When it applies to these.
    pub when: When,
    /// The groups it names, with or without namespace.
    pub groups: Vec<String>,
}

/// When a policy applies, beyond actions and resources.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum When {
    /// When all of these hold; always, if there are none.
    Conditions(Vec<Condition>),
    /// When this is true. The reference model does not read text.
    Expression(String),
    /// When this is true.
    Tree(Expr),
}

/// One condition.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What it looks at.
    pub field: String,
    /// How it compares.
    pub operator: String,
    /// What with.
    pub with: With,
}

/// What a condition compares with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum With {
    /// Nothing.
    Nothing,
    /// A value.
    Value(Value),
    /// Another field.
    Field(String),
}

/// A request that owns its parts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestSpec {
    /// Who asks.
    pub principal: Principal,
    /// What for.
    pub action: String,
    /// To what.
    pub resource: String,
    /// What the call adds.
    pub attributes: Map,
}

impl PolicySpec {
    /// A policy that allows everything.
    pub fn allow(id: &str) -> Self {
        Self::new(id, Effect::Allow)
    }

    /// A policy that denies everything.
    pub fn deny(id: &str) -> Self {
        Self::new(id, Effect::Deny)
    }

    /// A policy about everything.
    pub fn new(id: &str, effect: Effect) -> Self {
        let everything = || vec!["*".to_owned()];
        let (actions, resources) = (everything(), everything());
        Self { id: id.into(), effect, actions, resources, when: When::Conditions(Vec::new()), groups: Vec::new() }
    }

    /// About these actions only.
    #[must_use]
    pub fn actions(self, patterns: &[&str]) -> Self {
        Self { actions: owned(patterns), ..self }
    }

    /// About these resources only.
    #[must_use]
    pub fn resources(self, patterns: &[&str]) -> Self {
        Self { resources: owned(patterns), ..self }
    }

    /// In these groups.
    #[must_use]
    pub fn groups(self, groups: &[&str]) -> Self {
        Self { groups: owned(groups), ..self }
    }

    /// With one more condition, on a value.
    #[must_use]
    pub fn when(self, field: &str, operator: &str, value: impl Into<Value>) -> Self {
        self.condition(field, operator, With::Value(value.into()))
    }

    /// With one more condition, on another field.
    #[must_use]
    pub fn when_field(self, field: &str, operator: &str, other: &str) -> Self {
        self.condition(field, operator, With::Field(other.into()))
    }

    /// With one more condition.
    #[must_use]
    pub fn condition(mut self, field: &str, operator: &str, with: With) -> Self {
        let condition = Condition { field: field.into(), operator: operator.into(), with };
        match &mut self.when {
            When::Conditions(conditions) => conditions.push(condition),
            other => *other = When::Conditions(vec![condition]),
        }
        self
    }

    /// With that expression for its condition.
    #[must_use]
    pub fn expression(self, text: &str) -> Self {
        Self { when: When::Expression(text.into()), ..self }
    }

    /// The text of its expression, if it has one.
    pub fn expression_text(&self) -> Option<String> {
        match &self.when {
            When::Conditions(_) => None,
            When::Expression(text) => Some(text.clone()),
            When::Tree(tree) => Some(tree.to_string()),
        }
    }

    /// The policy as a configuration has it: a map with `policy` and `groups`.
    ///
    /// # Panics
    /// If its values are nested too deep to be put into another one.
    pub fn entry(&self) -> Value {
        let mut policy = vec![
            ("effect", Value::from(self.effect.as_str())),
            ("actions", list(self.actions.iter().map(String::as_str))),
            ("resources", list(self.resources.iter().map(String::as_str))),
        ];
        match (&self.when, self.expression_text()) {
            (_, Some(text)) => policy.push(("expression", text.into())),
            (When::Conditions(conditions), None) => {
                policy.push(("conditions", list(conditions.iter().map(Condition::entry))));
            }
            _ => {}
        }
        map([("policy", map(policy)), ("groups", list(self.groups.iter().map(String::as_str)))])
    }
}

impl Condition {
    fn entry(&self) -> Value {
        let with = match &self.with {
            With::Nothing => ("value", Value::Nil),
            With::Value(value) => ("value", value.clone()),
            With::Field(field) => ("value_from", field.as_str().into()),
        };
        map([("field", self.field.as_str().into()), ("operator", self.operator.as_str().into()), with])
    }
}

impl RequestSpec {
    /// A request of a principal without metadata, and without attributes.
    pub fn new(principal: &str, action: &str, resource: &str) -> Self {
        Self {
            principal: Principal::new(principal, Map::EMPTY),
            action: action.into(),
            resource: resource.into(),
            attributes: Map::EMPTY,
        }
    }

    /// With that metadata of the principal.
    #[must_use]
    pub fn meta(self, meta: Map) -> Self {
        Self { principal: Principal::new(self.principal.id().clone(), meta), ..self }
    }

    /// With these attributes.
    #[must_use]
    pub fn attributes(self, attributes: Map) -> Self {
        Self { attributes, ..self }
    }

    /// The request.
    pub fn request(&self) -> Request<'_> {
        Request::new(&self.principal, &self.action, &self.resource).with_attributes(&self.attributes)
    }
}

/// A list of values, for cases that know it is not too deep.
///
/// # Panics
/// If it is.
pub fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Value {
    Value::list(items).expect("a value of a case")
}

/// A map of values, for cases that know it is not too deep.
///
/// # Panics
/// If it is.
pub fn map<V: Into<Value>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Value {
    Value::map(pairs).expect("a value of a case")
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
