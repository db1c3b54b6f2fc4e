//! Monitors and links, and operations that are answered later.

use perilune_actor_core::{Outcome, Spawn};

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Monitor,
    Link,
}

/// An operation that waits for its answer.
pub(super) enum Question {
    Spawn {
        by: Pid,
        token: u64,
        era: u64,
        spawn: Spawn,
    },
    Relate {
        by: Pid,
        token: u64,
        era: u64,
        target: Pid,
        kind: Kind,
        /// Meanwhile the actor has changed its mind.
        undone: bool,
    },
}

impl Question {
    fn of(&self) -> (Pid, u64) {
        match self {
            Self::Spawn { by, token, .. } | Self::Relate { by, token, .. } => (*by, *token),
        }
    }

    fn era(&self) -> u64 {
        match self {
            Self::Spawn { era, .. } | Self::Relate { era, .. } => *era,
        }
    }
}

impl FakeWorker {
    /// Who waits for an answer, and to which question, in the order of asking.
    pub fn pending(&self) -> Vec<(Pid, u64)> {
        self.questions.iter().map(Question::of).collect()
    }

    /// Does what the actor asked for with that token, and gives the answer, if the actor has not become something else.
    /// Before the end of an actor all it asked for is done.
    ///
    /// # Panics
    /// There is no such question.
    pub fn answer(&mut self, pid: Pid, token: u64) {
        let question = self.take_question(pid, token);
        let era = question.era();
        let answer = self.settle(question);
        self.notice_of(era, pid, Notice::Answer { token, answer });
    }

    /// Gives that answer to a question, and does nothing of what was asked for.
    ///
    /// # Panics
    /// There is no such question.
    pub fn answer_with(&mut self, pid: Pid, token: u64, answer: Answer) {
        self.take_question(pid, token);
        self.notice(pid, Notice::Answer { token, answer });
    }

    /// Answers the oldest question. False when there is none.
    pub(super) fn answer_one(&mut self) -> bool {
        let first = self.questions.front().map(Question::of);
        if let Some((pid, token)) = first {
            self.answer(pid, token);
        }
        first.is_some()
    }

    pub(super) fn ask(&mut self, question: Question) {
        self.place(question.of().0).asking += 1;
        self.questions.push_back(question);
    }

    fn take_question(&mut self, pid: Pid, token: u64) -> Question {
        let which = self.questions.iter().position(|question| question.of() == (pid, token));
        match which.and_then(|which| self.questions.remove(which)) {
            Some(question) => {
                self.place(pid).asking -= 1;
                question
            }
            None => panic!("{pid} waits for no answer with token {token}"),
        }
    }

    fn settle(&mut self, question: Question) -> Answer {
        match question {
            Question::Spawn { by, spawn, .. } => Answer::Spawned(self.spawn_now(spawn, Some(by))),
            Question::Relate { by, target, kind, undone, .. } => Answer::Related(if !self.node.is_live(target) {
                Err(self.node.not_found(target))
            } else {
                if !undone {
                    self.relate_now(by, target, kind);
                }
                Ok(())
            }),
        }
    }

    /// Does what an actor that is about to end has asked for, as it would have been done elsewhere.
    pub(super) fn settle_all(&mut self, pid: Pid) {
        while self.places.get(&pid).is_some_and(|place| place.asking > 0) {
            let next = self.questions.iter().find(|question| question.of().0 == pid).map(Question::of);
            let Some((pid, token)) = next else { return };
            let question = self.take_question(pid, token);
            self.settle(question);
        }
    }

    pub(super) fn relate(&mut self, me: Pid, target: Pid, kind: Kind, token: Option<u64>) -> Outcome<()> {
        if target == me {
            return Outcome::Done(Ok(()));
        }
        let asks = self.questions.iter().any(|question| {
            matches!(question, Question::Relate { by, target: other, kind: of, undone: false, .. }
                if (*by, *other, *of) == (me, target, kind))
        });
        let relations = &self.place(me).relations;
        match kind {
            Kind::Monitor if asks || relations.is_watching(target) => {
                return Outcome::Done(Err(ActorError::AlreadyMonitoring(target)));
            }
            Kind::Link if relations.is_linked(target) => return Outcome::Done(Ok(())),
            _ => {}
        }
        if !self.node.is_live(target) {
            return Outcome::Done(Err(self.node.not_found(target)));
        }
        match token.filter(|_| self.later) {
            Some(token) => {
                let era = self.place(me).era;
                self.ask(Question::Relate { by: me, token, era, target, kind, undone: false });
                Outcome::Pending
            }
            None => {
                self.relate_now(me, target, kind);
                Outcome::Done(Ok(()))
            }
        }
    }

    /// Both halves. An actor that asks for them is alive.
    pub(super) fn relate_now(&mut self, me: Pid, target: Pid, kind: Kind) {
        let relations = &mut self.place(me).relations;
        match kind {
            Kind::Monitor => relations.watch(target),
            Kind::Link => relations.link(target),
        };
        self.signal(target, if kind == Kind::Monitor { Signal::Monitor(me) } else { Signal::Linked(me) });
    }

    pub(super) fn unrelate(&mut self, me: Pid, other: Pid, of: Kind) {
        for question in &mut self.questions {
            if let Question::Relate { by, target, kind, undone, .. } = question
                && (*by, *target, *kind) == (me, other, of)
            {
                *undone = true;
            }
        }
        let place = self.place(me);
        match of {
            Kind::Monitor => {
                place.relations.unwatch(other);
                place.mailbox.forget_down(other);
                self.signal(other, Signal::Unmonitor(me));
            }
            Kind::Link => {
                place.relations.unlink(other);
                place.mailbox.forget_link_down(other);
                self.signal(other, Signal::Unlinked(me));
            }
        }
    }
}
