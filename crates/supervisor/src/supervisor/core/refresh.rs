//! Secrets are renewed before they expire, for all runs together that have those of one profile.

use std::collections::BTreeSet;
use std::time::Instant;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::entry::Run;
use super::{Core, Effect, InstanceKey, Moment, Ticket};
use crate::process::ProcessSpec;
use crate::supervisor::{EventKind, SupervisorError};

/// Nobody asked.
const NOBODY: Ticket = Ticket(0);

/// What is done about one profile.
#[derive(Debug, Default)]
pub(super) struct Refresh {
    /// When it is to be renewed, or tried again; nothing while that is under way, and after it failed too often.
    due: Option<Instant>,
    /// When the last attempt began.
    begun: Option<Instant>,
    /// When what was to be renewed expires.
    before: Option<DateTime<Utc>>,
    /// How many attempts in a row.
    failed: u32,
    /// It is being renewed.
    asked: bool,
    /// Runs that do not have what was renewed.
    owed: BTreeSet<Uuid>,
    /// Those of them that are just getting it.
    rotating: BTreeSet<Uuid>,
    /// Which field one of them could not get.
    field: Option<String>,
}

/// When the secrets of a run expire: what its source said, and what that was by the clock that decides, when it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Expiry {
    said: DateTime<Utc>,
    at: Instant,
}

impl Expiry {
    /// `None` if time does not go so far.
    fn new(said: DateTime<Utc>, moment: Moment) -> Option<Self> {
        let left = said.signed_duration_since(moment.utc).to_std().unwrap_or_default();
        Some(Self { said, at: moment.now.checked_add(left)? })
    }
}

impl Refresh {
    pub(super) fn wake(&self) -> Option<Instant> {
        self.due
    }

    fn is_under_way(&self) -> bool {
        self.asked || !self.rotating.is_empty()
    }
}

/// A run with secrets that are to be renewed.
struct Holder {
    key: InstanceKey,
    run_id: Uuid,
    expires: Option<Expiry>,
}

impl Core {
    /// Whether there is somebody who does what the spec wants.
    pub(super) fn check_refresh(&self, spec: &ProcessSpec) -> Result<(), SupervisorError> {
        let wanted = spec.credentials.as_ref().is_some_and(|credentials| credentials.auto_refresh);
        if wanted && self.refresh_config.is_none() {
            let reason = "`auto_refresh` needs a refresher, and this supervisor has none".to_owned();
            return Err(SupervisorError::InvalidOptions { name: spec.name.clone(), reason });
        }
        Ok(())
    }

    /// What a run has been given expires then.
    pub(super) fn expires(&mut self, key: InstanceKey, at: Option<DateTime<Utc>>) {
        let moment = self.at;
        let Some(run) = self.instance(key).and_then(|instance| instance.run.as_mut()) else { return };
        run.expires = at.and_then(|at| Expiry::new(at, moment));
        self.expect_refresh(key);
    }

    /// What is known of a run may have changed when its secrets are to be renewed.
    pub(super) fn expect_refresh(&mut self, key: InstanceKey) {
        let run = self.look(key).and_then(|instance| instance.run.as_ref());
        let Some(profile) = run.and_then(profile_of).map(str::to_owned) else { return };
        let refresh = self.refreshes.entry(profile.clone()).or_default();
        let retries = refresh.failed > 0 && refresh.due.is_some();
        if !refresh.is_under_way() && !retries {
            self.plan_refresh(&profile);
        }
    }

    /// Renews what is due.
    pub(super) fn check_refreshes(&mut self) {
        let now = self.at.now;
        let due = |(profile, refresh): (&String, &Refresh)| {
            refresh.due.is_some_and(|due| due <= now).then(|| profile.clone())
        };
        for profile in self.refreshes.iter().filter_map(due).collect::<Vec<_>>() {
            self.begin_refresh(profile);
        }
    }

    fn begin_refresh(&mut self, profile: String) {
        let holders = self.holders(&profile);
        let Some(refresh) = self.refreshes.get_mut(&profile) else { return };
        refresh.due = None;
        let Some(first) = holders.iter().filter_map(|holder| holder.expires).min() else {
            // The next who has them begins anew.
            return;
        };
        refresh.begun = Some(self.at.now);
        refresh.owed.retain(|run| holders.iter().any(|holder| holder.run_id == *run));
        if refresh.owed.is_empty() {
            refresh.before = Some(first.said);
            refresh.asked = true;
            self.effects.push(Effect::Refresh { profile });
        } else {
            self.rotate_owed(&profile);
        }
    }

    /// It was renewed, or not because of that field, if anybody knows.
    pub(super) fn renewed(&mut self, profile: &str, result: Result<(), Option<String>>) {
        let holders = self.holders(profile);
        let Some(refresh) = self.refreshes.get_mut(profile).filter(|refresh| refresh.asked) else { return };
        refresh.asked = false;
        match result {
            Ok(()) => {
                refresh.owed = holders.iter().map(|holder| holder.run_id).collect();
                self.rotate_owed(profile);
            }
            Err(field) => self.refresh_failed(profile, field),
        }
    }

    fn rotate_owed(&mut self, profile: &str) {
        let Some(refresh) = self.refreshes.get_mut(profile) else { return };
        refresh.rotating = refresh.owed.clone();
        let rotate = |run_id: &Uuid| Effect::Rotate { run_id: *run_id, ticket: NOBODY };
        self.effects.extend(refresh.rotating.iter().map(rotate));
        if refresh.rotating.is_empty() {
            self.conclude_refresh(profile);
        }
    }

    /// A run that was to get what was renewed has it, or not because of that field.
    pub(super) fn refresh_rotated(&mut self, run_id: Uuid, ticket: Ticket, result: Result<(), Option<String>>) {
        if ticket != NOBODY {
            return;
        }
        let of_run = |(_, refresh): &(&String, &mut Refresh)| refresh.rotating.contains(&run_id);
        let Some((profile, refresh)) = self.refreshes.iter_mut().find(of_run) else { return };
        refresh.rotating.remove(&run_id);
        match result {
            Ok(()) => drop(refresh.owed.remove(&run_id)),
            Err(field) => refresh.field = refresh.field.take().or(field),
        }
        if refresh.rotating.is_empty() {
            let profile = profile.clone();
            self.conclude_refresh(&profile);
        }
    }

    fn conclude_refresh(&mut self, profile: &str) {
        let holders = self.holders(profile);
        let Some(refresh) = self.refreshes.get_mut(profile) else { return };
        // Whoever has ended meanwhile needs nothing.
        refresh.owed.retain(|run| holders.iter().any(|holder| holder.run_id == *run));
        let field = refresh.field.take();
        let first = holders.iter().filter_map(|holder| holder.expires).min();
        let is_newer = first.is_none_or(|first| refresh.before.is_none_or(|before| first.said > before));
        if refresh.owed.is_empty() && is_newer {
            self.plan_refresh(profile);
        } else {
            self.refresh_failed(profile, field);
        }
    }

    fn refresh_failed(&mut self, profile: &str, field: Option<String>) {
        let Some(config) = self.refresh_config.clone() else { return };
        let mut holders = self.holders(profile);
        let Some(refresh) = self.refreshes.get_mut(profile) else { return };
        refresh.failed = refresh.failed.saturating_add(1);
        if !refresh.owed.is_empty() {
            holders.retain(|holder| refresh.owed.contains(&holder.run_id));
        }
        let attempt = refresh.failed;
        let retry_in = (attempt < config.max_attempts).then_some(config.retry_delay);
        refresh.due = retry_in.and_then(|delay| self.at.now.checked_add(delay));
        for holder in holders {
            let (profile, field) = (profile.to_owned(), field.clone());
            self.emit(holder.key, EventKind::CredentialsRefreshFailed { profile, field, attempt, retry_in });
        }
    }

    /// All is well so far; it is to be renewed before the first run of it has something that has expired.
    fn plan_refresh(&mut self, profile: &str) {
        let Some(config) = self.refresh_config.clone() else { return };
        let first = self.holders(profile).iter().filter_map(|holder| holder.expires).min();
        let now = self.at.now;
        let Some(refresh) = self.refreshes.get_mut(profile) else { return };
        refresh.failed = 0;
        refresh.owed.clear();
        let again = refresh.begun.and_then(|begun| begun.checked_add(config.retry_delay));
        refresh.due = first.map(|first| {
            let due = first.at.checked_sub(config.refresh_before_expiry).unwrap_or(now);
            again.map_or(due, |again| due.max(again))
        });
    }

    fn holders(&self, profile: &str) -> Vec<Holder> {
        let holder = |key: InstanceKey| {
            // Who is not ready may not know yet what to do when it is told.
            let instance = self.look(key).filter(|instance| instance.ready)?;
            let run = instance.run.as_ref().filter(|run| run.is_live())?;
            let is_holder = profile_of(run) == Some(profile);
            is_holder.then_some(Holder { key, run_id: run.id, expires: run.expires })
        };
        self.keys().into_iter().filter_map(holder).collect()
    }
}

/// The profile whose secrets the run has, if they are to be renewed.
fn profile_of(run: &Run) -> Option<&str> {
    let credentials = run.spec.credentials.as_ref().filter(|credentials| credentials.auto_refresh)?;
    Some(&credentials.profile)
}
