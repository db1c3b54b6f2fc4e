//! The numbers of one tree at one moment, and what follows from two of them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::table::Entry;

/// What the system says of all processes of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// By number and start.
    times: HashMap<(u32, u64), Times>,
    resident_pages: u64,
    /// Microseconds that everybody in the control group has had a processor.
    group_micros: Option<u64>,
    /// Bytes of everybody in it.
    group_bytes: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    parent: u32,
    /// Ticks of its own, and of those it has collected.
    busy: u64,
    collected: u64,
}

impl Count {
    /// Of those that live and those of them that have ended and were not collected.
    pub(super) fn of(alive: &[Entry], ended: impl IntoIterator<Item = Entry>) -> Self {
        let resident_pages = alive.iter().map(|entry| entry.resident).sum();
        let times = |entry: Entry| {
            let times = Times { parent: entry.parent, busy: entry.busy, collected: entry.collected };
            (entry.identity(), times)
        };
        let times = alive.iter().copied().chain(ended).map(times).collect();
        Self { times, resident_pages, group_micros: None, group_bytes: None }
    }

    /// What the control group knows better.
    pub(super) fn take_counters(&mut self, folder: &Path) {
        let read = |name| fs::read_to_string(folder.join(name)).ok();
        self.group_micros = read("cpu.stat").and_then(|text| counter(&text, "usage_usec"));
        self.group_bytes = read("memory.current").and_then(|text| text.trim().parse().ok());
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        self.group_bytes.unwrap_or_else(|| self.resident_pages.saturating_mul(page))
    }

    /// How much of one processor was used since, in percent.
    pub(super) fn percent_since(&self, before: &Self, elapsed: Duration) -> Option<f64> {
        let seconds = match (before.group_micros, self.group_micros) {
            (Some(before), Some(now)) => Duration::from_micros(now.saturating_sub(before)).as_secs_f64(),
            _ => self.ticks_since(before) as f64 / rustix::param::clock_ticks_per_second().max(1) as f64,
        };
        (!elapsed.is_zero()).then(|| seconds / elapsed.as_secs_f64() * 100.0)
    }

    /// Those who came between count from their start, those who went between by what their parents have collected.
    fn ticks_since(&self, before: &Self) -> u64 {
        let mut total = 0_u64;
        // What was counted of those who are gone, by parent: it is in what the parent has collected, if that has.
        let mut counted: HashMap<u32, u64> = HashMap::new();
        for (identity, times) in &before.times {
            if !self.times.contains_key(identity) {
                let whole = times.busy.saturating_add(times.collected);
                let sum = counted.entry(times.parent).or_default();
                *sum = sum.saturating_add(whole);
            }
        }
        for (identity, now) in &self.times {
            let then = before.times.get(identity);
            let busy = now.busy.saturating_sub(then.map_or(0, |then| then.busy));
            let collected = now.collected.saturating_sub(then.map_or(0, |then| then.collected));
            let known = counted.get(&identity.0).copied().unwrap_or(0);
            total = total.saturating_add(busy).saturating_add(collected.saturating_sub(known));
        }
        total
    }
}

/// The number behind that name.
fn counter(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, parent, start, own ticks, collected ticks.
    fn entry((pid, parent, started, busy, collected): (u32, u32, u64, u64, u64)) -> Entry {
        Entry { pid, parent, group: 1, session: 1, started, ended: false, busy, collected, resident: 3 }
    }

    fn count(alive: &[(u32, u32, u64, u64, u64)], ended: &[(u32, u32, u64, u64, u64)]) -> Count {
        let alive: Vec<Entry> = alive.iter().copied().map(entry).collect();
        Count::of(&alive, ended.iter().copied().map(entry))
    }

    #[test]
    fn times_of_all_are_added() {
        let before = count(&[(1, 0, 5, 10, 0), (2, 1, 6, 10, 0)], &[]);
        assert_eq!(count(&[(1, 0, 5, 13, 0), (2, 1, 6, 14, 0)], &[]).ticks_since(&before), 3 + 4);
        assert_eq!(before.ticks_since(&before), 0);
    }

    #[test]
    fn who_is_new_counts_from_its_start() {
        let before = count(&[(1, 0, 5, 10, 0)], &[]);
        assert_eq!(count(&[(1, 0, 5, 10, 0), (2, 1, 6, 7, 1)], &[]).ticks_since(&before), 8);
        // So does who has the number of another.
        let before = count(&[(1, 0, 5, 10, 0), (2, 1, 6, 90, 0)], &[]);
        assert_eq!(count(&[(1, 0, 5, 10, 0), (2, 1, 9, 7, 0)], &[]).ticks_since(&before), 7);
    }

    #[test]
    fn who_was_collected_is_counted_once() {
        let before = count(&[(1, 0, 5, 10, 0), (2, 1, 6, 10, 0)], &[]);
        // It used 5 more before it ended. Between the two it waits to be collected.
        let between = count(&[(1, 0, 5, 10, 0)], &[(2, 1, 6, 15, 0)]);
        let after = count(&[(1, 0, 5, 10, 15)], &[]);
        assert_eq!(between.ticks_since(&before), 5);
        assert_eq!(after.ticks_since(&between), 0);
        assert_eq!(after.ticks_since(&before), 5);
        // Lived and ended without being seen.
        assert_eq!(count(&[(1, 0, 5, 10, 20), (2, 1, 6, 10, 0)], &[]).ticks_since(&before), 20);
    }

    #[test]
    fn who_was_never_collected_takes_nothing_back() {
        let before = count(&[(1, 0, 5, 10, 0), (2, 1, 6, 1000, 0)], &[]);
        assert_eq!(count(&[(1, 0, 5, 14, 0)], &[]).ticks_since(&before), 4);
    }

    #[test]
    fn one_processor_is_a_hundred() {
        let per_second = rustix::param::clock_ticks_per_second();
        let (before, after) = (count(&[(1, 0, 5, 0, 0)], &[]), count(&[(1, 0, 5, 3 * per_second, 0)], &[]));
        assert_eq!(after.percent_since(&before, Duration::from_secs(3)), Some(100.0));
        assert_eq!(after.percent_since(&before, Duration::from_secs(1)), Some(300.0));
        assert_eq!(after.percent_since(&before, Duration::ZERO), None);
    }

    #[test]
    fn memory_is_that_of_all_who_live() {
        let page = u64::try_from(rustix::param::page_size()).unwrap();
        assert_eq!(count(&[(1, 0, 5, 0, 0), (2, 1, 6, 0, 0)], &[(3, 1, 7, 0, 0)]).memory_bytes(), 6 * page);
    }

    #[test]
    fn counters_of_a_control_group_are_taken_if_there_are_any() {
        let folder = tempfile::TempDir::new().unwrap();
        let of = |micros: &str, bytes: &str| {
            fs::write(folder.path().join("cpu.stat"), micros).unwrap();
            fs::write(folder.path().join("memory.current"), bytes).unwrap();
            let mut count = count(&[(1, 0, 5, 0, 0)], &[]);
            count.take_counters(folder.path());
            count
        };
        let before = of("usage_usec 1000000\nuser_usec 7\n", "4096\n");
        let after = of("usage_usec 2500000\nuser_usec 9\n", "8192\n");
        assert_eq!(after.percent_since(&before, Duration::from_secs(1)), Some(150.0));
        assert_eq!(after.memory_bytes(), 8192);
        let unreadable = of("", "max");
        assert_eq!((unreadable.group_micros, unreadable.group_bytes), (None, None));
        assert!(unreadable.memory_bytes() > 0);
    }
}
