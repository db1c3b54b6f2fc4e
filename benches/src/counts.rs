//! Figures that must not grow: instructions for each operation, as a compiler made them.

use std::fmt;

/// By how much a figure may be above the committed one.
pub const TOLERANCE: f64 = 0.05;

/// Instructions for one operation of each path, with the toolchain they hold for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// What compiled the program; figures of two toolchains say nothing about each other.
    pub toolchain: String,
    /// Path and instructions, in the order of the file.
    pub paths: Vec<(String, u64)>,
}

/// What comes of comparing.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The committed figures are another toolchain's.
    OtherToolchain,
    /// No path is worse than it may be; these are better by more than the tolerance.
    Kept(Vec<String>),
    /// What is wrong, a line for each path.
    Worse(Vec<String>),
}

impl Figures {
    /// Reads what [`Display`](fmt::Display) writes. Empty lines and those that start with `#` say nothing.
    ///
    /// # Errors
    /// A line that is none, or no toolchain.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut toolchain, mut paths) = (None, Vec::new());
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        for (number, line) in lines {
            let wrong = || format!("line {} is not `name: figure`: `{line}`", number + 1);
            let (name, value) = line.split_once(": ").ok_or_else(wrong)?;
            if name == "toolchain" {
                toolchain = Some(value.to_owned());
            } else {
                paths.push((name.to_owned(), value.parse().map_err(|_| wrong())?));
            }
        }
        Ok(Self { toolchain: toolchain.ok_or("there is no line `toolchain`")?, paths })
    }

    /// Compares `now` with the committed figures `self`. A path that is on one side only is wrong too: a check that
    /// lost a path would be a check of less.
    pub fn compare(&self, now: &Self) -> Verdict {
        if self.toolchain != now.toolchain {
            return Verdict::OtherToolchain;
        }
        let find = |figures: &Self, name: &str| figures.paths.iter().find(|(path, _)| path == name).map(|(_, n)| *n);
        let (mut worse, mut better) = (Vec::new(), Vec::new());
        for (name, now) in &now.paths {
            let Some(committed) = find(self, name) else {
                worse.push(format!("{name}: {now} instructions, and no figure is committed"));
                continue;
            };
            let change = *now as f64 / committed as f64 - 1.0;
            let text = format!("{name}: {now} instructions, {committed} committed, {:+.1} %", change * 100.0);
            if change.is_nan() || change > TOLERANCE {
                worse.push(text);
            } else if change < -TOLERANCE {
                better.push(text);
            }
        }
        let gone = self.paths.iter().filter(|(name, _)| find(now, name).is_none());
        worse.extend(gone.map(|(name, _)| format!("{name}: committed, and not measured")));
        if worse.is_empty() { Verdict::Kept(better) } else { Verdict::Worse(worse) }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "toolchain: {}", self.toolchain)?;
        self.paths.iter().try_for_each(|(name, count)| writeln!(f, "{name}: {count}"))
    }
}

/// Instructions in all, from what callgrind writes.
pub fn total(profile: &str) -> Option<u64> {
    let line = profile.lines().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(text: &str) -> Figures {
        Figures::parse(text).expect("figures")
    }

    fn check(now: &str, expected: Verdict) {
        let committed = figures("toolchain: a\nsend: 1000\nspawn: 20000\n");
        assert_eq!(committed.compare(&figures(now)), expected, "{now}");
    }

    #[test]
    fn more_than_the_tolerance_is_worse() {
        check("toolchain: a\nsend: 1050\nspawn: 21000", Verdict::Kept(vec![]));
        let line = "send: 1051 instructions, 1000 committed, +5.1 %";
        check("toolchain: a\nsend: 1051\nspawn: 20000", Verdict::Worse(vec![line.into()]));
    }

    #[test]
    fn less_is_told_and_does_not_fail() {
        let line = "spawn: 10000 instructions, 20000 committed, -50.0 %";
        check("toolchain: a\nsend: 950\nspawn: 10000", Verdict::Kept(vec![line.into()]));
    }

    #[test]
    fn paths_must_be_on_both_sides() {
        check(
            "toolchain: a\nsend: 1000\nexit: 7",
            Verdict::Worse(vec![
                "exit: 7 instructions, and no figure is committed".into(),
                "spawn: committed, and not measured".into(),
            ]),
        );
    }

    #[test]
    fn figures_of_another_toolchain_say_nothing() {
        check("toolchain: b\nsend: 5000\nspawn: 1", Verdict::OtherToolchain);
    }

    #[test]
    fn a_committed_zero_is_not_a_way_around() {
        let committed = figures("toolchain: a\nsend: 0");
        assert!(matches!(committed.compare(&figures("toolchain: a\nsend: 1")), Verdict::Worse(_)));
        assert!(matches!(committed.compare(&figures("toolchain: a\nsend: 0")), Verdict::Worse(_)));
    }

    #[test]
    fn what_is_written_reads_back_and_other_text_does_not() {
        let some = figures("# comment\n\ntoolchain: rustc 1, c++: 2\nsend: 3\n");
        assert_eq!(figures(&some.to_string()), some);
        assert!(Figures::parse("send: 3").is_err());
        assert!(Figures::parse("toolchain: a\nsend: many").is_err());
        assert!(Figures::parse("toolchain: a\nsend").is_err());
    }

    #[test]
    fn the_total_is_read_from_a_profile() {
        assert_eq!(total("version: 1\nevents: Ir\n\nfn=(1) main\n1 2\n\ntotals: 987\n"), Some(987));
        assert_eq!(total("summary: 5 6\n"), Some(5));
        assert_eq!(total("events: Ir\n"), None);
    }
}
