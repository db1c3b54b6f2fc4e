use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use perilune_actor_core::{Clock, Instant};

/// A clock that moves only when told to. People's time starts at the Unix epoch and moves along.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use perilune_actor_core::Clock;
/// use perilune_actor_testkit::VirtualClock;
///
/// let clock = VirtualClock::default();
/// clock.advance(Duration::from_secs(3));
/// assert_eq!(clock.now().since_start(), Duration::from_secs(3));
/// assert_eq!(clock.wall(), SystemTime::UNIX_EPOCH + Duration::from_secs(3));
/// ```
#[derive(Debug, Default)]
pub struct VirtualClock {
    nanos: AtomicU64,
}

impl VirtualClock {
    /// Lets that much time pass. Whoever waits for it must be told.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let later = |now: u64| Some(now.saturating_add(by));
        let _ = self.nanos.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        Instant::from_start(Duration::from_nanos(self.nanos.load(Ordering::SeqCst)))
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.now().since_start()
    }
}
