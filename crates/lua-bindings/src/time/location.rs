//! Places, as far as their clocks are concerned.

use std::fmt;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::calendar::{DAYS_PER_CYCLE, SECONDS_PER_DAY};

/// A place with its own reckoning of the time of day. Cheap to clone.
///
/// The default is UTC.
#[derive(Clone, Default)]
pub(crate) struct Location(Zone);

#[derive(Clone, Default)]
enum Zone {
    #[default]
    Utc,
    Local,
    Fixed {
        name: Arc<str>,
        offset: i32,
    },
    Named {
        name: Arc<str>,
        rules: TimeZone,
    },
}

/// Why there is no location of some name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LocationError {
    /// The name is empty.
    #[error("location name is empty")]
    EmptyName,
    /// The zone database has no such name.
    #[error("location `{name}` not found")]
    NotFound {
        /// What was asked for.
        name: String,
    },
}

impl Location {
    /// Coordinated universal time.
    pub(crate) const fn utc() -> Location {
        Location(Zone::Utc)
    }

    /// The place this machine is set up for.
    ///
    /// Its rules are looked up once, so that a changed setting does not
    /// split one program between two zones.
    pub(crate) const fn local() -> Location {
        Location(Zone::Local)
    }

    /// A place whose clocks are always `offset` seconds ahead of UTC.
    ///
    /// The name serves as the abbreviation too, and may be empty.
    pub(crate) fn fixed(name: &str, offset: i32) -> Location {
        let name = name.into();
        Location(Zone::Fixed { name, offset })
    }

    /// Finds a place in the zone database, such as `Europe/Berlin`.
    ///
    /// `UTC` and `Local` are known without a database. Upper and lower case
    /// are alike; the location carries the name as the database spells it.
    pub(crate) fn load(name: &str) -> Result<Location, LocationError> {
        match name {
            "" => return Err(LocationError::EmptyName),
            "UTC" => return Ok(Location::utc()),
            "Local" => return Ok(Location::local()),
            _ => {}
        }
        match TimeZone::get(name) {
            // The database answers its own name for "cannot tell" too.
            Ok(rules) if !rules.is_unknown() => {
                let name = rules.iana_name().unwrap_or(name).into();
                Ok(Location(Zone::Named { name, rules }))
            }
            _ => Err(LocationError::NotFound { name: name.into() }),
        }
    }

    /// The name it was made or found with; `UTC` and `Local` for those.
    pub(crate) fn name(&self) -> &str {
        match &self.0 {
            Zone::Utc => "UTC",
            Zone::Local => "Local",
            Zone::Fixed { name, .. } | Zone::Named { name, .. } => name,
        }
    }

    /// The offset of a place made with [`Location::fixed`].
    pub(crate) fn fixed_offset(&self) -> Option<i32> {
        match &self.0 {
            Zone::Fixed { offset, .. } => Some(*offset),
            _ => None,
        }
    }

    /// Seconds by which clocks here are ahead of UTC at a Unix time.
    pub(crate) fn offset_at(&self, unix: i64) -> i32 {
        match self.reckoning() {
            Reckoning::Constant(_, offset) => offset,
            Reckoning::Rules(rules) => rules.to_offset(timestamp(unix)).seconds(),
        }
    }

    /// What the zone in force at a Unix time is called, such as `CEST`.
    ///
    /// Empty for a fixed location without a name.
    pub(crate) fn abbreviation_at(&self, unix: i64) -> String {
        match self.reckoning() {
            Reckoning::Constant(name, _) => name.into(),
            Reckoning::Rules(rules) => rules.to_offset_info(timestamp(unix)).abbreviation().into(),
        }
    }

    /// The offset an abbreviation stands for when clocks here show `wall`,
    /// counted like a Unix time. `None` if it was never in use here.
    pub(super) fn offset_of(&self, abbreviation: &str, wall: i64) -> Option<i32> {
        let rules = match self.reckoning() {
            Reckoning::Constant(name, offset) => {
                return (name == abbreviation).then_some(offset);
            }
            Reckoning::Rules(rules) => rules,
        };
        // Around a change of clocks two zones can claim the same wall time.
        // The right one is in force at the instant it leads to.
        for days in [0, -1, 1] {
            let near = wall.saturating_add(days * SECONDS_PER_DAY);
            let offset = self.offset_at(near);
            let unix = wall.saturating_sub(offset.into());
            if self.offset_at(unix) == offset && self.abbreviation_at(unix) == abbreviation {
                return Some(offset);
            }
        }
        // Summer time named in winter, or a zone long abolished: any use of
        // the name tells its offset, and the nearest one tells best.
        let wall = timestamp(wall);
        rules
            .following(wall)
            .take(2)
            .chain(rules.preceding(wall))
            .find(|change| change.abbreviation() == abbreviation)
            .map(|change| change.offset().seconds())
    }

    fn reckoning(&self) -> Reckoning<'_> {
        match &self.0 {
            Zone::Utc => Reckoning::Constant("UTC", 0),
            Zone::Local => Reckoning::Rules(local_rules()),
            Zone::Fixed { name, offset } => Reckoning::Constant(name, *offset),
            Zone::Named { rules, .. } => Reckoning::Rules(rules),
        }
    }
}

enum Reckoning<'a> {
    Constant(&'a str, i32),
    Rules(&'a TimeZone),
}

fn local_rules() -> &'static TimeZone {
    static RULES: OnceLock<TimeZone> = OnceLock::new();
    // A machine that does not tell its zone is taken to be in UTC.
    RULES.get_or_init(TimeZone::system)
}

/// The Unix time itself or, where the zone data does not reach, one at which
/// the same rules apply.
fn timestamp(unix: i64) -> Timestamp {
    const CYCLE: i64 = DAYS_PER_CYCLE * SECONDS_PER_DAY;
    let first = Timestamp::MIN.as_second();
    let end = Timestamp::MAX.as_second();
    let unix = if unix >= end {
        // Rules name months and weekdays, and those come round again.
        let start = end - CYCLE;
        start + (unix - start) % CYCLE
    } else {
        // Before the first zones there is only local mean time.
        unix.max(first)
    };
    Timestamp::from_second(unix).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("Location");
        shown.field(&self.name());
        if let Zone::Fixed { offset, .. } = &self.0 {
            shown.field(offset);
        }
        shown.finish()
    }
}

#[cfg(test)]
impl Location {
    /// A place with written-out rules, for tests on machines without a zone
    /// database.
    pub(super) fn with_rules(name: &str, rules: &str) -> Location {
        let rules = TimeZone::posix(rules).unwrap();
        let name = name.into();
        Location(Zone::Named { name, rules })
    }

    pub(super) fn new_york() -> Location {
        Location::with_rules("America/New_York", "EST5EDT,M3.2.0,M11.1.0")
    }

    pub(super) fn london() -> Location {
        Location::with_rules("Europe/London", "GMT0BST,M3.5.0/1,M10.5.0")
    }
}

#[cfg(test)]
mod tests;
