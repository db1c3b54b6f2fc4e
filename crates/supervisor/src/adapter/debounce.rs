use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ChangeType;

/// What the system tells about a file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    Created(PathBuf),
    Modified(PathBuf),
    Removed(PathBuf),
    /// It has left its place. If it arrives somewhere that is looked at, that comes with the same number.
    Left(usize, PathBuf),
    Arrived(Option<usize>, PathBuf),
}

/// Makes one change of several that soon follow each other. Holds no clock.
///
/// A change is due when its window is over, however much has been added to it; so it is told in time and in the order in
/// which changes began. Whoever applies what is told to what there was gets what there is.
#[derive(Debug)]
pub(super) struct Debounce {
    window: Duration,
    /// INVARIANT: as many as in `order`, each under the number that it has there.
    pending: HashMap<PathBuf, Pending>,
    order: BTreeMap<u64, PathBuf>,
    next: u64,
    most: usize,
    /// What may arrive.
    left: Option<(usize, PathBuf, Instant)>,
}

#[derive(Debug)]
struct Pending {
    number: u64,
    due: Instant,
    change: ChangeType,
    /// Whether there may have been something of that name before.
    replaces: bool,
}

/// How long what has left may take to arrive. The system tells both at once, and a busy one delivers that late.
const PATIENCE: Duration = Duration::from_millis(500);

/// A longer window is not waited for.
const LONGEST: Duration = Duration::from_secs(3600);

impl Debounce {
    /// Keeps `most` changes at most; the oldest is due when there are more.
    pub(super) fn new(window: Duration, most: usize) -> Self {
        let (pending, order) = (HashMap::new(), BTreeMap::new());
        let window = window.min(LONGEST);
        Self { window, pending, order, next: 0, most: most.max(1), left: None }
    }

    pub(super) fn notice(&mut self, notice: Notice, now: Instant) {
        if let Some((number, from, _)) = self.left.take() {
            match &notice {
                Notice::Arrived(Some(arrived), to) if *arrived == number => return self.rename(from, to.clone(), now),
                _ => self.merge(from, ChangeType::Removed, false, now),
            }
        }
        match notice {
            Notice::Created(path) => self.merge(path, ChangeType::Created, false, now),
            Notice::Arrived(_, path) => self.merge(path, ChangeType::Created, true, now),
            Notice::Modified(path) => self.merge(path, ChangeType::Modified, false, now),
            Notice::Removed(path) => self.merge(path, ChangeType::Removed, false, now),
            Notice::Left(number, path) => self.left = Some((number, path, now)),
        }
    }

    /// Whether that is what left last.
    pub(super) fn expects(&self, number: Option<usize>) -> bool {
        number.is_some() && self.left.as_ref().map(|(left, ..)| *left) == number
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.pending.len() > self.most {
            return self.oldest().map(|(_, pending)| pending.due - self.window);
        }
        let left = self.left.as_ref().map(|(_, _, at)| *at + self.window.max(PATIENCE));
        let oldest = self.oldest().map(|(_, pending)| pending.due);
        [left, oldest].into_iter().flatten().min()
    }

    /// The oldest change, if it is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<(PathBuf, ChangeType)> {
        if self.left.as_ref().is_some_and(|(_, _, at)| *at + self.window.max(PATIENCE) <= now)
            && let Some((_, path, at)) = self.left.take()
        {
            self.merge(path, ChangeType::Removed, false, at);
        }
        let (path, pending) = self.oldest()?;
        if now < pending.due && self.pending.len() <= self.most {
            return None;
        }
        let path = path.to_owned();
        self.take(&path).map(|change| (path, change))
    }

    /// The oldest change, due or not.
    pub(super) fn rest(&mut self) -> Option<(PathBuf, ChangeType)> {
        if let Some((_, path, at)) = self.left.take() {
            self.merge(path, ChangeType::Removed, false, at);
        }
        let path = self.oldest()?.0.to_owned();
        self.take(&path).map(|change| (path, change))
    }

    fn oldest(&self) -> Option<(&Path, &Pending)> {
        let path = self.order.values().next()?;
        Some((path, self.pending.get(path)?))
    }

    fn rename(&mut self, from: PathBuf, to: PathBuf, now: Instant) {
        let plain = matches!(self.pending.get(&from).map(|pending| &pending.change), None | Some(ChangeType::Modified));
        if plain && !self.pending.contains_key(&to) {
            self.take(&from);
            return self.insert(to, ChangeType::Renamed { from }, true, now);
        }
        // Anything else could be told in an order that makes no sense. A removal and a creation always make sense.
        self.merge(from, ChangeType::Removed, false, now);
        self.merge(to, ChangeType::Created, true, now);
    }

    /// `replaces` if there may have been something of that name before.
    fn merge(&mut self, path: PathBuf, news: ChangeType, replaces: bool, now: Instant) {
        use ChangeType::{Created, Modified, Removed, Renamed};
        let Some(pending) = self.pending.get_mut(&path) else { return self.insert(path, news, replaces, now) };
        match (&pending.change, news) {
            // Nobody knows of it.
            (Created, Removed) if !pending.replaces => drop(self.take(&path)),
            (Created | Modified, Removed) => pending.change = Removed,
            (Renamed { .. }, Removed) => {
                // For whoever is told, what is gone has the former name, and what it replaced is there.
                if let Some(Renamed { from }) = self.take(&path) {
                    self.forget(from, now);
                }
                self.insert(path, Removed, true, now);
            }
            (Removed, Created) if pending.replaces => pending.change = Created,
            (Removed, Created) => pending.change = Modified,
            (Created | Modified | Removed | Renamed { .. }, _) => {}
        }
    }

    /// What had that name is gone; what has it now came later.
    fn forget(&mut self, path: PathBuf, now: Instant) {
        match self.pending.get_mut(&path) {
            Some(pending) if pending.change == ChangeType::Created => pending.change = ChangeType::Modified,
            Some(_) => {}
            None => self.insert(path, ChangeType::Removed, false, now),
        }
    }

    fn insert(&mut self, path: PathBuf, change: ChangeType, replaces: bool, now: Instant) {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.order.insert(number, path.clone());
        self.pending.insert(path, Pending { number, due: now + self.window, change, replaces });
    }

    fn take(&mut self, path: &Path) -> Option<ChangeType> {
        let pending = self.pending.remove(path)?;
        self.order.remove(&pending.number);
        Some(pending.change)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_millis(100);

    fn path(name: impl ToString) -> PathBuf {
        PathBuf::from(name.to_string())
    }

    fn check(notices: Vec<Notice>, expected: &[(&str, ChangeType)]) {
        let now = Instant::now();
        let mut debounce = Debounce::new(WINDOW, 100);
        let shown = format!("{notices:?}");
        notices.into_iter().for_each(|notice| debounce.notice(notice, now));
        assert_eq!(debounce.due(now + WINDOW / 2), None, "{shown}");
        let told: Vec<_> = std::iter::from_fn(|| debounce.due(now + PATIENCE)).collect();
        let expected: Vec<_> = expected.iter().map(|(name, change)| (path(name), change.clone())).collect();
        assert_eq!(told, expected, "{shown}");
        assert_eq!(debounce.deadline(), None);
    }

    #[test]
    fn changes_of_one_file_become_one() {
        use ChangeType::{Created, Modified, Removed};
        let (a, b) = (|| path("a"), || path("b"));
        let renamed = |from: &str| ChangeType::Renamed { from: path(from) };
        check(vec![Notice::Created(a()), Notice::Modified(a()), Notice::Modified(a())], &[("a", Created)]);
        check(
            vec![Notice::Modified(a()), Notice::Modified(b()), Notice::Modified(a())],
            &[("a", Modified), ("b", Modified)],
        );
        check(vec![Notice::Created(a()), Notice::Removed(a())], &[]);
        check(vec![Notice::Removed(a()), Notice::Created(a())], &[("a", Modified)]);
        check(vec![Notice::Modified(a()), Notice::Removed(a())], &[("a", Removed)]);
        check(vec![Notice::Left(1, a()), Notice::Arrived(Some(1), b())], &[("b", renamed("a"))]);
        check(vec![Notice::Created(a()), Notice::Left(1, a()), Notice::Arrived(Some(1), b())], &[("b", Created)]);
        check(vec![Notice::Left(1, a()), Notice::Arrived(Some(2), b())], &[("a", Removed), ("b", Created)]);
        check(vec![Notice::Left(1, a())], &[("a", Removed)]);
        check(vec![Notice::Arrived(None, b())], &[("b", Created)]);
        check(
            vec![Notice::Left(1, a()), Notice::Arrived(Some(1), b()), Notice::Removed(b())],
            &[("a", Removed), ("b", Removed)],
        );
        check(vec![Notice::Arrived(None, b()), Notice::Removed(b())], &[("b", Removed)]);
    }

    #[test]
    fn file_that_changes_all_the_time_is_told_of_all_the_time() {
        let start = Instant::now();
        let mut debounce = Debounce::new(WINDOW, 100);
        let told = (0..100).filter(|step| {
            let now = start + WINDOW / 10 * *step;
            debounce.notice(Notice::Modified(path("a")), now);
            debounce.due(now).is_some()
        });
        assert_eq!(told.count(), 9);
    }

    #[test]
    fn there_is_no_more_than_there_is_room_for() {
        let start = Instant::now();
        let mut debounce = Debounce::new(WINDOW, 2);
        (0..3).for_each(|name| debounce.notice(Notice::Modified(path(name)), start));
        assert_eq!(debounce.deadline(), Some(start));
        assert_eq!(debounce.due(start), Some((path(0), ChangeType::Modified)));
        assert_eq!(debounce.due(start), None);
        assert_eq!(debounce.deadline(), Some(start + WINDOW));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Touch(u8),
        Remove(u8),
        Rename(u8, u8, bool),
        Pass(u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0_u8..5).prop_map(Step::Touch),
            (0_u8..5).prop_map(Step::Remove),
            (0_u8..5, 0_u8..5, any::<bool>()).prop_map(|(from, to, apart)| Step::Rename(from, to, apart)),
            (1_u8..120).prop_map(Step::Pass),
        ];
        prop::collection::vec(step, 0..80)
    }

    proptest! {
        #[test]
        fn whoever_is_told_knows_what_there_is(steps in steps(), most in 1_usize..6) {
            let mut now = Instant::now();
            let mut debounce = Debounce::new(WINDOW, most);
            let (mut real, mut known) = (BTreeSet::new(), BTreeSet::new());
            let mut tell = |told: Option<(PathBuf, ChangeType)>| {
                let Some((path, change)) = told else { return false };
                match change {
                    ChangeType::Created => drop(known.insert(path)),
                    ChangeType::Modified => assert!(known.contains(&path), "{path:?} is not known"),
                    // What arrived and went may have replaced something or not.
                    ChangeType::Removed => drop(known.remove(&path)),
                    ChangeType::Renamed { from } => {
                        assert!(known.remove(&from), "{from:?} is not known");
                        known.insert(path);
                    }
                }
                true
            };
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Touch(name) if real.contains(&path(name)) => debounce.notice(Notice::Modified(path(name)), now),
                    Step::Touch(name) => {
                        real.insert(path(name));
                        debounce.notice(Notice::Created(path(name)), now);
                    }
                    Step::Remove(name) => if real.remove(&path(name)) {
                        debounce.notice(Notice::Removed(path(name)), now);
                    },
                    Step::Rename(from, to, apart) => if from != to && real.remove(&path(from)) {
                        debounce.notice(Notice::Left(number, path(from)), now);
                        if apart {
                            now += PATIENCE;
                            while tell(debounce.due(now)) {}
                        }
                        real.insert(path(to));
                        debounce.notice(Notice::Arrived(Some(number), path(to)), now);
                    },
                    Step::Pass(millis) => {
                        now += Duration::from_millis(millis.into());
                        while tell(debounce.due(now)) {}
                        prop_assert!(debounce.deadline().is_none_or(|deadline| deadline > now));
                    }
                }
                prop_assert_eq!(debounce.pending.len(), debounce.order.len());
            }
            while tell(debounce.rest()) {}
            prop_assert_eq!(known, real);
        }
    }
}
