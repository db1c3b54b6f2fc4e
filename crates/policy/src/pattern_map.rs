//! Finds all patterns that match a text, without looking at the others.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::pattern::Pattern;

/// Something for each of many patterns.
///
/// Exact texts are hashed. Prefixes are sorted, and each knows the longest other one that it begins with: whatever
/// text begins with is then its neighbour in the order, or above that one.
#[derive(Debug)]
pub(crate) struct PatternMap<T> {
    any: Option<T>,
    exact: FxHashMap<Arc<str>, T>,
    prefixes: Box<[Prefix<T>]>,
}

#[derive(Debug)]
struct Prefix<T> {
    text: Arc<str>,
    shorter: Option<u32>,
    value: T,
}

impl<T> PatternMap<T> {
    /// Keeps one value for each pattern, the last one of equal patterns.
    pub(crate) fn new(values: impl IntoIterator<Item = (Pattern, T)>) -> Self {
        let (mut any, mut exact, mut prefixes) = (None, FxHashMap::default(), Vec::new());
        for (pattern, value) in values {
            match pattern {
                Pattern::Any => any = Some(value),
                Pattern::Exact(text) => {
                    exact.insert(text, value);
                }
                Pattern::Prefix(text) => prefixes.push(Prefix { text, shorter: None, value }),
            }
        }
        prefixes.sort_by(|a, b| a.text.cmp(&b.text));
        let mut above: Vec<u32> = Vec::new();
        for at in 0..prefixes.len() {
            let begins = |&shorter: &u32| prefixes[at].text.starts_with(&*prefixes[shorter as usize].text);
            while above.last().is_some_and(|shorter| !begins(shorter)) {
                above.pop();
            }
            prefixes[at].shorter = above.last().copied();
            above.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        Self { any, exact, prefixes: prefixes.into() }
    }

    /// The values of all patterns that match.
    pub(crate) fn matching(&self, text: &str) -> impl Iterator<Item = &T> {
        let exact = if self.exact.is_empty() { None } else { self.exact.get(text) };
        self.any.iter().chain(exact).chain(self.beginning(text))
    }

    fn beginning(&self, text: &str) -> impl Iterator<Item = &T> {
        let after = self.prefixes.partition_point(|prefix| *prefix.text <= *text);
        let nearest = after.checked_sub(1).map(|at| &self.prefixes[at]);
        let common = nearest.map_or(0, |nearest| common_bytes(&nearest.text, text));
        let above = |prefix: &&Prefix<T>| prefix.shorter.map(|at| &self.prefixes[at as usize]);
        std::iter::successors(nearest, above)
            .skip_while(move |prefix| prefix.text.len() > common)
            .map(|prefix| &prefix.value)
    }
}

fn common_bytes(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::PatternMap;
    use crate::pattern::Pattern;

    fn check(patterns: &[&str], text: &str, expected: &[&str]) {
        let map = PatternMap::new(patterns.iter().map(|&text| (Pattern::parse(text).unwrap(), text)));
        let mut found: Vec<&str> = map.matching(text).copied().collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{text:?} in {patterns:?}");
    }

    #[test]
    fn exactly_the_matching_patterns_are_found() {
        let patterns = ["*", "a*", "ab*", "abc*", "abd*", "b*", "abc", "ab", "ä*"];
        check(&patterns, "abcd", &["*", "a*", "ab*", "abc*"]);
        check(&patterns, "abc", &["*", "a*", "ab*", "abc", "abc*"]);
        check(&patterns, "abe", &["*", "a*", "ab*"]);
        check(&patterns, "abbz", &["*", "a*", "ab*"]);
        check(&patterns, "azz", &["*", "a*"]);
        check(&patterns, "", &["*"]);
        check(&patterns, "ä", &["*", "ä*"]);
        // Shares its first byte with `ä`.
        check(&patterns, "ã", &["*"]);
        check(&[], "a", &[]);
    }

    #[test]
    fn prefixes_nest_as_deep_as_they_like() {
        let names: Vec<String> = (1..2000).map(|n| format!("{}*", "a".repeat(n))).collect();
        let map = PatternMap::new(names.iter().map(|text| (Pattern::parse(text).unwrap(), text.len() - 1)));
        let found: Vec<usize> = map.matching(&"a".repeat(500)).copied().collect();
        assert_eq!(found, (1..=500).rev().collect::<Vec<_>>());
        assert_eq!(map.matching("aab").count(), 2);
    }
}
