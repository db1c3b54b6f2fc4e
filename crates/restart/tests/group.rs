//! Whom a failure takes along, and in which order everybody is stopped and started.

use perilune_restart::{Child, GroupRestart, RestartStrategy, Step};
use proptest::prelude::*;

use RestartStrategy::{OneForAll, OneForOne, RestForOne};

const UP: Child = Child { desired: true, up: true, needs_restart: false };
const FAILED: Child = Child { desired: true, up: false, needs_restart: true };
/// Succeeded, or was given up.
const OUT: Child = Child { desired: true, up: false, needs_restart: false };
const UNWANTED: Child = Child { desired: false, up: false, needs_restart: false };
/// Somebody else is just stopping it.
const GOING: Child = Child { desired: false, up: true, needs_restart: false };

fn check(strategy: RestartStrategy, children: &[Child], failed: usize, stops: &[usize], starts: &[usize]) {
    let restart = GroupRestart::new(strategy, children, failed);
    assert_eq!(restart.stops().collect::<Vec<_>>(), stops, "{strategy:?}");
    assert_eq!(restart.starts().collect::<Vec<_>>(), starts, "{strategy:?}");
}

#[test]
fn each_strategy_takes_its_own_along() {
    let children = [UP, UP, FAILED, UP, UP];
    check(OneForOne, &children, 2, &[], &[2]);
    check(OneForAll, &children, 2, &[4, 3, 1, 0], &[0, 1, 2, 3, 4]);
    check(RestForOne, &children, 2, &[4, 3], &[2, 3, 4]);
}

#[test]
fn whoever_is_not_wanted_or_is_done_is_left_alone() {
    let children = [OUT, UP, FAILED, UNWANTED, GOING, FAILED];
    check(OneForAll, &children, 2, &[1], &[1, 2, 5]);
    check(RestForOne, &children, 2, &[], &[2, 5]);
}

#[test]
fn nobody_is_restarted_for_a_child_that_is_not_there_or_not_wanted() {
    check(OneForAll, &[UP, UP], 2, &[], &[]);
    check(OneForOne, &[UP, UNWANTED], 1, &[], &[]);
    assert_eq!(GroupRestart::new(OneForAll, &[], 0).next_step(), Step::Done);
}

#[test]
fn a_failure_while_others_are_stopped_joins() {
    let mut restart = GroupRestart::new(RestForOne, &[UP, UP, FAILED, UP], 2);
    assert_eq!(restart.next_step(), Step::Stop(3));
    restart.join(&[UP, FAILED, FAILED, UP], 1);
    assert_eq!((restart.stops().collect::<Vec<_>>(), restart.starts().collect::<Vec<_>>()), (vec![3], vec![1, 2, 3]));

    // The one that is to be stopped fails by itself: there is nothing left to stop.
    restart.join(&[UP, FAILED, FAILED, FAILED], 3);
    assert_eq!((restart.stops().count(), restart.next_step()), (0, Step::Start(1)));
}

#[test]
fn a_failure_while_others_are_started_stops_those_again() {
    let mut restart = GroupRestart::new(OneForAll, &[FAILED, UP], 0);
    restart.ended(1);
    restart.started(0);
    assert_eq!(restart.next_step(), Step::Start(1));
    // It cannot be started.
    restart.join(&[UP, FAILED], 1);
    assert_eq!(restart.next_step(), Step::Stop(0));
    restart.ended(0);
    assert_eq!(restart.starts().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn whoever_leaves_is_neither_stopped_nor_started() {
    let mut restart = GroupRestart::new(OneForAll, &[UP, FAILED, UP], 1);
    restart.leave(2);
    restart.leave(1);
    assert_eq!((restart.stops().collect::<Vec<_>>(), restart.starts().collect::<Vec<_>>()), (vec![0], vec![0]));
}

fn strategies() -> impl Strategy<Value = RestartStrategy> {
    prop_oneof![Just(OneForOne), Just(OneForAll), Just(RestForOne)]
}

proptest! {
    /// With failures and changes of mind at any step: nobody is started who is up or not wanted, nobody is stopped
    /// who is not up, nobody is started while somebody is still to be stopped, and all who failed are up in the end.
    #[test]
    fn every_restart_comes_to_its_end(
        strategy in strategies(),
        mut children in proptest::collection::vec(
            prop_oneof![4 => Just(UP), 1 => Just(OUT), 1 => Just(UNWANTED), 1 => Just(GOING)],
            1..8,
        ),
        failed: prop::sample::Index,
        disturbances in proptest::collection::vec((0..4u32, any::<prop::sample::Index>()), 0..12),
    ) {
        let count = children.len();
        let failed = failed.index(count);
        children[failed] = FAILED;
        let before = children.clone();
        let mut restart = GroupRestart::new(strategy, &children, failed);
        let mut calm = true;
        let mut order = Vec::new();
        let mut disturbances = disturbances.into_iter();
        for _ in 0..1000 {
            if let Some((kind, place)) = disturbances.next() {
                let place = place.index(count);
                let child = &mut children[place];
                if kind == 0 && child.up && child.desired {
                    calm = false;
                    (child.up, child.needs_restart) = (false, true);
                    restart.join(&children, place);
                } else if kind == 1 && child.desired {
                    calm = false;
                    (child.desired, child.needs_restart) = (false, false);
                    restart.leave(place);
                }
            }
            let step = restart.next_step();
            order.push(step);
            match step {
                Step::Stop(place) => {
                    prop_assert!(children[place].up && children[place].desired);
                    children[place].up = false;
                    restart.ended(place);
                }
                Step::Start(place) => {
                    prop_assert!(!children[place].up && children[place].desired);
                    prop_assert_eq!(restart.stops().count(), 0);
                    (children[place].up, children[place].needs_restart) = (true, false);
                    restart.started(place);
                }
                Step::Done => break,
            }
        }
        prop_assert_eq!(restart.next_step(), Step::Done);
        prop_assert!(children.iter().all(|child| !child.desired || !child.needs_restart));
        for (now, before) in children.iter().zip(&before) {
            prop_assert!(!before.up || !now.desired || now.up, "whoever was up is up again");
        }
        if calm {
            let stops = order.iter().filter_map(|step| if let Step::Stop(place) = step { Some(*place) } else { None });
            let starts = order.iter().filter_map(|step| if let Step::Start(place) = step { Some(*place) } else { None });
            let (stops, starts): (Vec<_>, Vec<_>) = (stops.collect(), starts.collect());
            prop_assert!(stops.is_sorted_by(|a, b| a > b) && starts.is_sorted_by(|a, b| a < b));
            let affected = strategy.affected(failed, count);
            let expected: Vec<_> = affected.filter(|&at| at == failed || before[at] == UP).collect();
            prop_assert_eq!(starts, expected);
        }
    }
}
