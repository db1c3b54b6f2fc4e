use std::fmt;

use perilune_policy::{Decision, Effect, Part, Policy, Request, Scope};

use crate::application::printable;
use crate::policy_book::PolicyBook;

/// What policies decided about a request, and what each of them had to do with it. Displays the decision first, then a
/// line for each policy, without an end of line.
#[derive(Clone, Debug)]
pub struct PolicyReport {
    decision: Decision,
    reason: String,
    asks_all: bool,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    /// What had more to do with it comes first.
    rank: Rank,
    id: String,
    effect: Effect,
    place: String,
    part: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Decided,
    Overruled,
    Failed,
    Unmet,
    ElseWhere,
}

impl PolicyReport {
    pub(crate) fn new(book: &PolicyBook, scope: &Scope, request: &Request<'_>, asks_all: bool) -> Self {
        let diagnostics = scope.evaluate(request);
        let decision = diagnostics.decision();
        let mut lines: Vec<Line> =
            scope.policies().iter().map(|policy| Line::new(book, policy, request, decision)).collect();
        lines.sort_by_key(|line| line.rank);
        Self { decision, reason: diagnostics.to_string(), asks_all, lines }
    }

    /// The decision.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// Why, in one line.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    /// The lines of the policies that are about this action and resource, each after `indent`.
    pub(crate) fn concerned(&self, indent: &str) -> String {
        table(self.lines.iter().filter(|line| line.rank != Rank::ElseWhere), indent)
    }
}

impl Line {
    fn new(book: &PolicyBook, policy: &Policy, request: &Request<'_>, decision: Decision) -> Self {
        let part = policy.part(request);
        let (rank, part) = match (&part, policy.effect()) {
            (Part::Applies, Effect::Allow) if decision == Decision::Deny => {
                (Rank::Overruled, "matches, but is overruled by one that denies".to_owned())
            }
            (Part::Applies, _) => (Rank::Decided, "decided".to_owned()),
            (Part::Fails(fault), Effect::Deny) => {
                (Rank::Decided, format!("decided: could not be evaluated, and so denies: {fault}"))
            }
            (Part::Fails(fault), Effect::Allow) => {
                (Rank::Failed, format!("could not be evaluated, and so allows nothing: {fault}"))
            }
            (Part::OtherAction | Part::OtherResource, _) => (Rank::ElseWhere, part.to_string()),
            _ => (Rank::Unmet, part.to_string()),
        };
        let (id, effect, place) = (policy.id().to_string(), policy.effect(), book.place(policy).to_owned());
        Self { rank, id, effect, place, part }
    }
}

impl fmt::Display for PolicyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.decision.as_str())?;
        if self.decision == Decision::Undefined {
            f.write_str(": refused, because no policy allows it")?;
        }
        match (self.asks_all, self.lines.is_empty()) {
            (_, true) => return f.write_str("\n\nthe application has no policies"),
            (true, false) => {
                f.write_str("\n\nno group and no policy is named, so all policies of the application are asked\n")?;
            }
            (false, false) => f.write_str("\n\n")?,
        }
        f.write_str(table(&self.lines, "").trim_end())
    }
}

/// The policies in columns. What is longest stands last.
fn table<'a>(lines: impl IntoIterator<Item = &'a Line> + Clone, indent: &str) -> String {
    let width = |column: fn(&Line) -> &str| {
        lines.clone().into_iter().map(|line| column(line).chars().count()).max().unwrap_or_default()
    };
    let (id, place) = (width(|line| &line.id), width(|line| &line.place));
    let line = |line: &Line| {
        let Line { id: name, effect, place: at, part, .. } = line;
        printable(&format!("{indent}{name:id$}  {effect:5}  {at:place$}  {part}\n"))
    };
    lines.into_iter().map(line).collect()
}
