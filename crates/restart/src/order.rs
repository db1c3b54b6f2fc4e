use std::collections::HashMap;

use crate::OrderError;

/// In which order things that depend on each other are started, and which of them together.
///
/// ```
/// use perilune_restart::StartOrder;
///
/// let order = StartOrder::new([("web", vec!["db", "cache"]), ("db", vec![]), ("cache", vec![])])?;
/// assert_eq!(order.levels(), [vec!["db", "cache"], vec!["web"]]);
/// let stops: Vec<_> = order.stop_levels().collect();
/// assert_eq!(stops, [["web"].as_slice(), ["cache", "db"].as_slice()]);
///
/// let cycle = StartOrder::new([("a", vec!["b"]), ("b", vec!["a"])]).unwrap_err();
/// assert_eq!(cycle.to_string(), "dependency cycle: `a` -> `b` -> `a`");
/// # Ok::<(), perilune_restart::OrderError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartOrder {
    levels: Vec<Vec<String>>,
    reversed: Vec<Vec<String>>,
}

impl StartOrder {
    /// From the names, each with those it depends on. It does not matter if one of these is named twice.
    pub fn new<N, D>(items: impl IntoIterator<Item = (N, D)>) -> Result<Self, OrderError>
    where
        N: Into<String>,
        D: IntoIterator,
        D::Item: AsRef<str>,
    {
        let mut names: Vec<String> = Vec::new();
        let mut wanted: Vec<Vec<String>> = Vec::new();
        let mut places = HashMap::new();
        for (name, dependencies) in items {
            let name = name.into();
            if places.insert(name.clone(), names.len()).is_some() {
                return Err(OrderError::Duplicate { name });
            }
            names.push(name);
            wanted.push(dependencies.into_iter().map(|dependency| dependency.as_ref().to_owned()).collect());
        }
        let mut graph = Vec::with_capacity(names.len());
        for (name, wanted) in names.iter().zip(wanted) {
            let place = |dependency: String| match places.get(&dependency) {
                Some(&place) => Ok(place),
                None => Err(OrderError::Unknown { name: name.clone(), dependency }),
            };
            graph.push(wanted.into_iter().map(place).collect::<Result<Vec<usize>, _>>()?);
        }
        let levels = levels(&graph).map_err(|cycle| OrderError::Cycle { names: named(&names, cycle) })?;
        let levels: Vec<Vec<String>> = levels.into_iter().map(|level| named(&names, level)).collect();
        let reversed = levels.iter().rev().map(|level| level.iter().rev().cloned().collect()).collect();
        Ok(Self { levels, reversed })
    }

    /// Groups to start one after the other. Nobody depends on anybody of its own group or of a later one, and
    /// everybody is in the first group possible; inside a group the order is that of the input.
    pub fn levels(&self) -> &[Vec<String>] {
        &self.levels
    }

    /// Groups to stop one after the other: the [`levels`](Self::levels) from the last name to the first.
    pub fn stop_levels(&self) -> impl Iterator<Item = &[String]> {
        self.reversed.iter().map(Vec::as_slice)
    }
}

fn named(names: &[String], places: Vec<usize>) -> Vec<String> {
    places.into_iter().filter_map(|place| names.get(place).cloned()).collect()
}

/// The places of each level, or those of a cycle.
fn levels(graph: &[Vec<usize>]) -> Result<Vec<Vec<usize>>, Vec<usize>> {
    let mut nodes: Vec<Node> =
        graph.iter().map(|depends_on| Node { open: depends_on.len(), ..Node::default() }).collect();
    for (place, depends_on) in graph.iter().enumerate() {
        for &dependency in depends_on {
            if let Some(node) = nodes.get_mut(dependency) {
                node.dependents.push(place);
            }
        }
    }
    let mut levels: Vec<Vec<usize>> = Vec::new();
    let mut level: Vec<usize> = (0..nodes.len()).filter(|&place| graph.get(place).is_some_and(Vec::is_empty)).collect();
    while !level.is_empty() {
        let mut next = Vec::new();
        for &place in &level {
            let dependents = nodes.get_mut(place).map(|node| std::mem::take(&mut node.dependents)).unwrap_or_default();
            for dependent in dependents {
                let Some(node) = nodes.get_mut(dependent) else { continue };
                node.open -= 1;
                if node.open == 0 {
                    next.push(dependent);
                }
            }
        }
        next.sort_unstable();
        levels.push(std::mem::replace(&mut level, next));
    }
    let blocked = |place: usize| nodes.get(place).is_some_and(|node| node.open > 0);
    match (0..nodes.len()).find(|&place| blocked(place)) {
        Some(first) => Err(cycle(graph, blocked, first)),
        None => Ok(levels),
    }
}

#[derive(Default)]
struct Node {
    /// How many of its dependencies are not in a level yet, each as often as it was named.
    open: usize,
    dependents: Vec<usize>,
}

/// A cycle that `first` is in or waits for. Everybody who is blocked depends on somebody who is.
fn cycle(graph: &[Vec<usize>], blocked: impl Fn(usize) -> bool, first: usize) -> Vec<usize> {
    let mut path = Vec::new();
    let mut seen = HashMap::new();
    let mut place = first;
    loop {
        if let Some(start) = seen.insert(place, path.len()) {
            let mut cycle = path.split_off(start);
            let least = cycle.iter().enumerate().min_by_key(|&(_, place)| place).map_or(0, |(at, _)| at);
            cycle.rotate_left(least);
            return cycle;
        }
        path.push(place);
        match graph.get(place).and_then(|depends_on| depends_on.iter().copied().find(|&next| blocked(next))) {
            Some(next) => place = next,
            None => return path,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(items: &[(&str, &[&str])]) -> Result<StartOrder, OrderError> {
        StartOrder::new(items.iter().map(|&(name, depends_on)| (name, depends_on)))
    }

    #[test]
    fn independent_names_share_a_level_in_the_order_of_the_input() {
        let items: &[(&str, &[&str])] =
            &[("z", &[]), ("web", &["db", "log"]), ("db", &["log"]), ("log", &[]), ("y", &["z", "z"])];
        let order = order(items).unwrap();
        assert_eq!(order.levels(), [vec!["z", "log"], vec!["db", "y"], vec!["web"]]);
        let stops: Vec<&[String]> = order.stop_levels().collect();
        assert_eq!(stops, [["web"].as_slice(), ["y", "db"].as_slice(), ["log", "z"].as_slice()]);
    }

    #[test]
    fn nothing_is_in_order() {
        assert_eq!(order(&[]).unwrap().levels(), Vec::<Vec<String>>::new());
    }

    #[test]
    fn what_cannot_be_in_order_is_named() {
        let check = |items: &[(&str, &[&str])], message: &str| {
            assert_eq!(order(items).unwrap_err().to_string(), message);
        };
        check(&[("a", &["a"])], "dependency cycle: `a` -> `a`");
        check(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"])], "dependency cycle: `a` -> `b` -> `c` -> `a`");
        check(
            &[("first", &["c"]), ("b", &["free", "c"]), ("c", &["d"]), ("d", &["b"]), ("free", &[])],
            "dependency cycle: `b` -> `c` -> `d` -> `b`",
        );
        check(&[("a", &["x"])], "`a` depends on `x`, which does not exist");
        check(&[("a", &[]), ("a", &[])], "there are two of the name `a`");
    }

    #[test]
    fn a_long_chain_takes_neither_the_stack_nor_much_time() {
        let items = (0..100_000u32).map(|at| (at.to_string(), at.checked_sub(1).map(|before| before.to_string())));
        assert_eq!(StartOrder::new(items).unwrap().levels().len(), 100_000);
    }

    /// Takes whoever has nobody left to wait for, again and again.
    fn naive(graph: &[Vec<usize>]) -> Option<Vec<Vec<usize>>> {
        let mut levels: Vec<Vec<usize>> = Vec::new();
        loop {
            let placed: Vec<usize> = levels.concat();
            let level: Vec<usize> = (0..graph.len())
                .filter(|place| !placed.contains(place) && graph[*place].iter().all(|on| placed.contains(on)))
                .collect();
            if level.is_empty() {
                return (placed.len() == graph.len()).then_some(levels);
            }
            levels.push(level);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_naive_sort(
            graph in (1..12usize).prop_flat_map(|count| {
                proptest::collection::vec(proptest::collection::vec(0..count, 0..3), count)
            })
        ) {
            match (levels(&graph), naive(&graph)) {
                (Ok(found), Some(expected)) => prop_assert_eq!(found, expected),
                (Err(cycle), None) => {
                    prop_assert!(!cycle.is_empty());
                    for (at, place) in cycle.iter().enumerate() {
                        prop_assert!(graph[*place].contains(&cycle[(at + 1) % cycle.len()]));
                        prop_assert!(!cycle[..at].contains(place));
                    }
                }
                (found, expected) => prop_assert!(false, "{found:?}, but {expected:?}"),
            }
        }
    }
}
