//! Secrets that are renewed before they expire.

use super::*;
use crate::credentials::{CredentialConfig, RefreshConfig};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// One with somebody who renews secrets, and processes that have some.
fn stage(names: &[&str]) -> Stage {
    let mut stage = Stage::new(SupervisorConfig::default());
    stage.core.refresh_by(RefreshConfig::default());
    for name in names {
        stage.register(spec(name).credentials(credentials(true)));
    }
    stage
}

fn credentials(auto_refresh: bool) -> CredentialConfig {
    let text = format!("profile = 'mail'\nenv_mapping = {{ key = 'KEY' }}\nauto_refresh = {auto_refresh}");
    toml::from_str(&text).unwrap()
}

impl Stage {
    /// Its newest run is launched, with secrets that expire after that time.
    fn up_for(&mut self, name: &str, time: Duration) -> Uuid {
        let run = self.up(name);
        self.has_until(run, time);
        run
    }

    fn has_until(&mut self, run: Uuid, time: Duration) {
        self.observe(run, Observation::Expires { at: Some(self.utc + time) });
    }

    fn clocks_pass(&mut self, time: Duration) {
        self.pass(time);
        self.utc += time;
    }

    /// Profiles that were to be renewed since this was asked last.
    fn refreshed(&mut self) -> usize {
        let profiles = self.did(|effect| match effect {
            Effect::Refresh { profile } => Some(profile.clone()),
            _ => None,
        });
        assert!(profiles.iter().all(|profile| profile == "mail"));
        profiles.len()
    }

    /// Runs that were to get new ones.
    fn rotated(&mut self) -> Vec<(Uuid, Ticket)> {
        self.did(|effect| match effect {
            Effect::Rotate { run_id, ticket } => Some((*run_id, *ticket)),
            _ => None,
        })
    }

    fn renewed(&mut self, result: Result<(), Option<String>>) {
        let effects = self.core.refreshed("mail", result, self.at());
        self.take(effects);
    }

    /// What was renewed gets to a run, and expires after that time.
    fn gets(&mut self, (run, ticket): (Uuid, Ticket), time: Duration) {
        self.has_until(run, time);
        self.observe(run, Observation::Rotated { ticket, result: Ok(Rotation::Swapped) });
    }

    fn gets_none(&mut self, (run, ticket): (Uuid, Ticket), field: Option<&str>) {
        let error = ProcessError::InvalidState("not for everybody: hunter2".to_owned());
        let failed = RotationFailed { error, field: field.map(str::to_owned) };
        self.observe(run, Observation::Rotated { ticket, result: Err(failed) });
    }

    /// Failures that were told since this was asked last: the field, the attempt, and the time until the next.
    fn failures(&mut self) -> Vec<(Option<String>, u32, Option<Duration>)> {
        let told = self.kinds().into_iter().filter_map(|kind| match kind {
            EventKind::CredentialsRefreshFailed { profile, field, attempt, retry_in } => {
                assert_eq!(profile, "mail");
                Some((field, attempt, retry_in))
            }
            _ => None,
        });
        told.collect()
    }
}

#[test]
fn secrets_are_renewed_five_minutes_before_they_expire_and_again() {
    let mut stage = stage(&["a"]);
    let run = stage.up_for("a", HOUR);
    stage.clocks_pass(55 * MINUTE - SECOND);
    assert_eq!(stage.refreshed(), 0);
    stage.clocks_pass(SECOND);
    assert_eq!((stage.refreshed(), stage.rotated()), (1, vec![]));
    // Whoever renews them may take any time, and is not asked twice meanwhile.
    stage.clocks_pass(HOUR);
    assert_eq!(stage.refreshed(), 0);
    stage.renewed(Ok(()));
    let rotations = stage.rotated();
    assert_eq!(rotations.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [run]);
    stage.kinds();
    stage.gets(rotations[0], HOUR);
    assert_eq!(stage.kinds(), [EventKind::CredentialsRotated { restart_needed: false }]);
    stage.clocks_pass(55 * MINUTE - SECOND);
    assert_eq!(stage.refreshed(), 0);
    stage.clocks_pass(SECOND);
    assert_eq!(stage.refreshed(), 1);
}

#[test]
fn a_clock_that_is_set_changes_nothing() {
    let mut stage = stage(&["a"]);
    stage.up_for("a", HOUR);
    stage.utc += 24 * HOUR;
    stage.pass(55 * MINUTE - SECOND);
    assert_eq!(stage.refreshed(), 0);
    stage.pass(SECOND);
    assert_eq!(stage.refreshed(), 1);
}

#[test]
fn a_profile_is_renewed_once_for_all_who_have_it() {
    let mut stage = stage(&["a", "b"]);
    stage.register(spec("without").credentials(credentials(false)));
    let (a, b) = (stage.up_for("a", HOUR), stage.up_for("b", 2 * HOUR));
    stage.up_for("without", SECOND);
    stage.clocks_pass(55 * MINUTE);
    assert_eq!(stage.refreshed(), 1);
    stage.renewed(Ok(()));
    let rotations = stage.rotated();
    assert_eq!(rotations.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [a, b]);
    stage.gets(rotations[0], 3 * HOUR);
    stage.gets(rotations[1], 3 * HOUR);
    stage.clocks_pass(3 * HOUR - 5 * MINUTE - SECOND);
    assert_eq!(stage.refreshed(), 0);
    stage.clocks_pass(SECOND);
    assert_eq!(stage.refreshed(), 1);
}

#[test]
fn what_fails_is_tried_three_times_and_told_each_time() {
    let mut stage = stage(&["a"]);
    let run = stage.up_for("a", HOUR);
    stage.clocks_pass(55 * MINUTE);
    stage.kinds();
    for attempt in 1..=3 {
        assert_eq!(stage.refreshed(), 1);
        stage.renewed(Err(Some("key".to_owned())));
        let retry_in = (attempt < 3).then_some(30 * SECOND);
        assert_eq!(stage.failures(), [(Some("key".to_owned()), attempt, retry_in)]);
        stage.clocks_pass(30 * SECOND - Duration::from_nanos(1));
        assert_eq!(stage.refreshed(), 0);
        stage.clocks_pass(Duration::from_nanos(1));
    }
    stage.clocks_pass(24 * HOUR);
    assert_eq!((stage.refreshed(), stage.rotated()), (0, vec![]));
    assert_eq!(stage.state("a"), ProcessState::Running);
    // Somebody has renewed them, and had them rotated.
    stage.has_until(run, HOUR);
    stage.clocks_pass(55 * MINUTE);
    assert_eq!(stage.refreshed(), 1);
    stage.renewed(Err(None));
    assert_eq!(stage.failures(), [(None, 1, Some(30 * SECOND))]);
}

#[test]
fn whoever_did_not_get_what_was_renewed_is_given_it_again() {
    let mut stage = stage(&["a", "b"]);
    let (_, b) = (stage.up_for("a", HOUR), stage.up_for("b", HOUR));
    stage.clocks_pass(55 * MINUTE);
    assert_eq!(stage.refreshed(), 1);
    stage.renewed(Ok(()));
    let rotations = stage.rotated();
    stage.gets_none(rotations[1], Some("key"));
    assert_eq!(stage.failures(), []);
    stage.gets(rotations[0], HOUR);
    assert_eq!(stage.failures(), [(Some("key".to_owned()), 1, Some(30 * SECOND))]);
    stage.clocks_pass(30 * SECOND);
    let again = stage.rotated();
    assert_eq!((stage.refreshed(), again.iter().map(|(run, _)| *run).collect::<Vec<_>>()), (0, vec![b]));
    stage.gets(again[0], HOUR);
    stage.clocks_pass(55 * MINUTE - 30 * SECOND);
    assert_eq!((stage.refreshed(), stage.failures()), (1, vec![]));
}

#[test]
fn what_expires_as_before_was_not_renewed() {
    let mut stage = stage(&["a"]);
    let run = stage.up("a");
    let at = stage.utc + HOUR;
    stage.observe(run, Observation::Expires { at: Some(at) });
    stage.clocks_pass(55 * MINUTE);
    stage.renewed(Ok(()));
    let rotation = stage.rotated()[0];
    stage.observe(run, Observation::Expires { at: Some(at) });
    stage.observe(run, Observation::Rotated { ticket: rotation.1, result: Ok(Rotation::Swapped) });
    assert_eq!(stage.failures(), [(None, 1, Some(30 * SECOND))]);
}

#[test]
fn short_lives_do_not_make_it_busy() {
    let mut stage = stage(&["a"]);
    stage.up_for("a", SECOND);
    stage.clocks_pass(Duration::ZERO);
    for _ in 0..3 {
        assert_eq!(stage.refreshed(), 1);
        stage.renewed(Ok(()));
        let rotation = stage.rotated()[0];
        stage.gets(rotation, MINUTE);
        stage.clocks_pass(29 * SECOND);
        assert_eq!(stage.refreshed(), 0);
        stage.clocks_pass(SECOND);
    }
    // Neither do those who crash with them.
    stage.refreshed();
    stage.renewed(Err(None));
    stage.crashes("a");
    stage.clocks_pass(SECOND);
    let run = stage.launched("a");
    stage.has_until(run, Duration::ZERO);
    stage.clocks_pass(28 * SECOND);
    assert_eq!(stage.refreshed(), 0);
    stage.clocks_pass(SECOND);
    assert_eq!(stage.refreshed(), 1);
}

#[test]
fn who_has_ended_is_given_nothing_and_the_next_run_begins_anew() {
    let mut stage = stage(&["a"]);
    stage.up_for("a", HOUR);
    stage.clocks_pass(55 * MINUTE);
    assert_eq!(stage.refreshed(), 1);
    stage.crashes("a");
    stage.renewed(Ok(()));
    assert_eq!(stage.rotated(), []);
    stage.clocks_pass(SECOND);
    let run = stage.launched("a");
    stage.has_until(run, HOUR);
    stage.clocks_pass(55 * MINUTE);
    assert_eq!(stage.refreshed(), 1);
    stage.renewed(Ok(()));
    let rotation = stage.rotated()[0];
    // It ends while it is to get them: that is no failure.
    stage.kinds();
    stage.crashes("a");
    stage.gets_none(rotation, None);
    assert_eq!(stage.failures(), []);
}

#[test]
fn nobody_knows_when_it_expires_so_nothing_is_renewed() {
    let mut stage = stage(&["a"]);
    let run = stage.up("a");
    stage.clocks_pass(1000 * HOUR);
    assert_eq!(stage.refreshed(), 0);
    stage.has_until(run, HOUR);
    stage.observe(run, Observation::Expires { at: None });
    stage.clocks_pass(1000 * HOUR);
    assert_eq!(stage.refreshed(), 0);
}

#[test]
fn rotation_that_somebody_asked_for_is_answered_to_them_alone() {
    let mut stage = stage(&["a"]);
    stage.up_for("a", HOUR);
    let ticket = stage.ask(Command::RotateCredentials { name: "a".to_owned() });
    let rotation = stage.rotated()[0];
    stage.kinds();
    stage.gets_none(rotation, Some("key"));
    assert!(stage.error(ticket).contains("not for everybody"));
    assert_eq!(stage.failures(), []);
    stage.clocks_pass(55 * MINUTE);
    assert_eq!(stage.refreshed(), 1);
}

#[test]
fn who_is_not_ready_is_told_nothing() {
    let mut stage = stage(&[]);
    let options = options(|o| o.readiness = Readiness::NotifyFd);
    stage.register_with(spec("a").credentials(credentials(true)), options);
    let run = stage.up_for("a", MINUTE);
    stage.clocks_pass(SECOND);
    assert_eq!(stage.refreshed(), 0);
    stage.observe(run, Observation::Ready);
    stage.clocks_pass(Duration::ZERO);
    assert_eq!(stage.refreshed(), 1);
    stage.renewed(Ok(()));
    assert_eq!(stage.rotated().len(), 1);
}

#[test]
fn without_anybody_who_renews_it_is_refused() {
    let mut stage = Stage::new(SupervisorConfig::default());
    let with = |auto_refresh| Box::new(spec("a").credentials(credentials(auto_refresh)).build());
    let register = |spec| Command::Register { spec, options: Box::default() };
    let error = stage.answer(register(with(true))).unwrap_err().to_string();
    assert_eq!(error, "invalid options of `a`: `auto_refresh` needs a refresher, and this supervisor has none");
    stage.answer(register(with(false))).unwrap();
    assert!(stage.answer(Command::Update { spec: with(true), options: None }).is_err());
}
