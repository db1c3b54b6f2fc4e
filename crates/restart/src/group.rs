use std::collections::BTreeSet;

use crate::RestartStrategy;

/// What a group restart has to know about a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// Somebody wants it to run.
    pub desired: bool,
    /// It runs.
    pub up: bool,
    /// It does not run, and its own restart policy wants it to. Not so for one that succeeded or was given up.
    pub needs_restart: bool,
}

/// What to do next in a group restart. Children are named by their place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Stop this child, then say [`ended`](GroupRestart::ended).
    Stop(usize),
    /// Start this child, then say [`started`](GroupRestart::started).
    Start(usize),
    /// Nothing is left to do.
    Done,
}

/// A restart of a child and of those its [`RestartStrategy`] restarts with it, while it is under way.
///
/// First everybody who is up is stopped, in reverse order, then everybody is started, in order. Nobody is started
/// who is up, or who is not wanted. Whoever did not run and needs no restart is left alone.
///
/// ```
/// use perilune_restart::{Child, GroupRestart, RestartStrategy, Step};
///
/// let up = Child { desired: true, up: true, needs_restart: false };
/// let failed = Child { up: false, needs_restart: true, ..up };
/// let mut restart = GroupRestart::new(RestartStrategy::OneForAll, &[up, failed, up], 1);
/// let mut steps = Vec::new();
/// loop {
///     steps.push(restart.next_step());
///     match restart.next_step() {
///         Step::Stop(child) => restart.ended(child),
///         Step::Start(child) => restart.started(child),
///         Step::Done => break,
///     }
/// }
/// assert_eq!(steps, [Step::Stop(2), Step::Stop(0), Step::Start(0), Step::Start(1), Step::Start(2), Step::Done]);
/// ```
#[derive(Clone, Debug)]
pub struct GroupRestart {
    strategy: RestartStrategy,
    stop: BTreeSet<usize>,
    start: BTreeSet<usize>,
}

impl GroupRestart {
    /// For the child at the place `failed`, whose policy wants a restart. `children` are all of them, in their order,
    /// as they are now.
    pub fn new(strategy: RestartStrategy, children: &[Child], failed: usize) -> Self {
        let mut restart = Self { strategy, stop: BTreeSet::new(), start: BTreeSet::new() };
        restart.join(children, failed);
        restart
    }

    /// One more child failed while this is under way, or one could not be started, and its policy wants a restart:
    /// does what both failures ask for, together. Whoever was started already and is concerned is stopped again.
    ///
    /// `children` are as they are now, in the same order as before.
    pub fn join(&mut self, children: &[Child], failed: usize) {
        self.stop.remove(&failed);
        let affected = self.strategy.affected(failed, children.len());
        for (place, child) in children.iter().enumerate().take(affected.end).skip(affected.start) {
            let up = child.up && place != failed;
            if child.desired && up {
                self.stop.insert(place);
            }
            if child.desired && (up || place == failed || child.needs_restart) {
                self.start.insert(place);
            }
        }
    }

    /// The next thing to do. The same until it was said to be done.
    pub fn next_step(&self) -> Step {
        if let Some(&last) = self.stop.last() {
            return Step::Stop(last);
        }
        self.start.first().map_or(Step::Done, |&first| Step::Start(first))
    }

    /// A child that was to be stopped runs no longer, however it ended. It is still to be started again.
    pub fn ended(&mut self, child: usize) {
        self.stop.remove(&child);
    }

    /// A child runs, whoever started it.
    pub fn started(&mut self, child: usize) {
        self.start.remove(&child);
    }

    /// A child has nothing to do with this any longer: it is no longer wanted, or it was given up.
    pub fn leave(&mut self, child: usize) {
        self.stop.remove(&child);
        self.start.remove(&child);
    }

    /// Whom is still to be stopped, in the order in which that happens.
    pub fn stops(&self) -> impl Iterator<Item = usize> {
        self.stop.iter().rev().copied()
    }

    /// Whom is still to be started, in the order in which that happens.
    pub fn starts(&self) -> impl Iterator<Item = usize> {
        self.start.iter().copied()
    }
}
