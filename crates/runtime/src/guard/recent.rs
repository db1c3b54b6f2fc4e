use std::fmt::Write;
use std::hash::{Hash, Hasher};

use perilune_actor_core::Pid;
use perilune_policy::{Decision, DecisionCache, Identity, Key, Verdict};
use rustc_hash::FxHasher;

use super::lasting;

/// How many decisions about texts a worker remembers.
const TEXTS: usize = 2048;

/// How many decisions about actors a worker remembers; a power of two.
const ACTORS: usize = 8192;

/// What one worker decided lately, in bounded memory. Pids are remembered as they are: making their text takes longer
/// than everything else about a message.
pub(super) struct Recent {
    generation: u64,
    texts: DecisionCache,
    actors: Box<[Option<AboutActor>]>,
    /// Of the pid that was last asked about, so that the next takes no memory.
    text: String,
}

/// Who wants to do what, and within which policies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) who: Identity,
    pub(super) within: Identity,
    /// One of the constants of the bindings: told apart by where it is kept, which at worst decides once more.
    pub(super) action: &'static str,
}

#[derive(Clone, Copy)]
struct AboutActor {
    question: Question,
    pid: Pid,
    decision: Decision,
}

impl AboutActor {
    fn is(&self, question: &Question, pid: Pid) -> bool {
        self.pid == pid
            && self.question.who == question.who
            && self.question.within == question.within
            && std::ptr::eq(self.question.action, question.action)
    }
}

impl Recent {
    pub(super) fn new() -> Self {
        Self { generation: 0, texts: DecisionCache::new(TEXTS), actors: Box::default(), text: String::new() }
    }

    /// Forgets what was decided under other policies.
    pub(super) fn advance(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            self.texts.advance(generation);
            self.actors.fill(None);
        }
    }

    /// What is decided about doing something to an actor; policies are asked about the text of its pid.
    pub(super) fn about_actor(&mut self, question: Question, pid: Pid, ask: impl FnOnce(&str) -> Verdict) -> Decision {
        let place = place(&question, pid);
        if let Some(Some(known)) = self.actors.get(place)
            && known.is(&question, pid)
        {
            return known.decision;
        }
        self.text.clear();
        // Into a string, nothing can fail.
        let _ = write!(self.text, "{pid}");
        let verdict = ask(&self.text);
        if let Some(decision) = lasting(verdict) {
            if self.actors.is_empty() {
                self.actors = vec![None; ACTORS].into();
            }
            self.actors[place] = Some(AboutActor { question, pid, decision });
        }
        verdict.decision
    }

    /// What is decided about doing something to what has that name.
    pub(super) fn about_text(&mut self, question: Question, text: &str, ask: impl FnOnce() -> Verdict) -> Decision {
        let key = Key { principal: question.who, scope: question.within, action: question.action, resource: text };
        if let Some(decision) = self.texts.get(&key) {
            return decision;
        }
        let verdict = ask();
        if let Some(decision) = lasting(verdict) {
            self.texts.insert(&key, decision);
        }
        verdict.decision
    }
}

/// Where a decision is kept: the only place it can be.
fn place(question: &Question, pid: Pid) -> usize {
    let mut hasher = FxHasher::default();
    pid.unique().hash(&mut hasher);
    question.who.hash(&mut hasher);
    question.within.hash(&mut hasher);
    question.action.as_ptr().hash(&mut hasher);
    hasher.finish() as usize & (ACTORS - 1)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use perilune_actor_core::HostId;
    use perilune_policy::Scope;

    use super::*;

    fn identity() -> Identity {
        Scope::default().identity()
    }

    fn verdict(decision: Decision, depends_on_attributes: bool) -> Verdict {
        Verdict { decision, depends_on_attributes }
    }

    #[test]
    fn decisions_last_until_policies_change_unless_the_call_matters() {
        let mut recent = Recent::new();
        let pid = Pid::local(HostId::new("app:recent"), NonZeroU64::MIN);
        let question = Question { who: identity(), within: identity(), action: "process.send" };
        let again = |_: &str| -> Verdict { panic!("decided already") };
        let allow = |_: &str| verdict(Decision::Allow, false);
        let mut about = String::new();
        let first = recent.about_actor(question, pid, |text| {
            about.push_str(text);
            allow(text)
        });
        assert_eq!((first, about), (Decision::Allow, pid.to_string()));
        assert_eq!(recent.about_actor(question, pid, again), Decision::Allow);
        let other = Question { within: identity(), ..question };
        assert_eq!(recent.about_actor(other, pid, |_| verdict(Decision::Deny, true)), Decision::Deny);
        assert_eq!(recent.about_actor(other, pid, |_| verdict(Decision::Undefined, true)), Decision::Undefined);
        assert_eq!(recent.about_text(question, "x", || allow("")), Decision::Allow);
        assert_eq!(recent.about_text(question, "x", || again("")), Decision::Allow);
        recent.advance(1);
        assert_eq!(recent.about_actor(question, pid, |_| verdict(Decision::Deny, false)), Decision::Deny);
        assert_eq!(recent.about_text(question, "x", || verdict(Decision::Deny, false)), Decision::Deny);
    }
}
