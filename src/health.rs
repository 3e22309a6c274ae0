//! Whether the process does its work: told by the poll loop, asked by probes. What the upstream does is no part of it:
//! restarting the exporter does not mend the upstream.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The poll loop turns every few seconds; silent for this long, it has died or hangs.
const SILENCE: Duration = Duration::from_secs(60);

/// Signs of life, set by the poll loop and read by probes.
#[derive(Debug)]
pub struct Health {
    last_beat_ms: AtomicU64,
    ready: AtomicBool,
}

impl Health {
    /// Alive and not ready. `now` is [`Moment::mono`](crate::clock::Moment::mono), here and below.
    pub fn new(now: Duration) -> Self {
        Self {
            last_beat_ms: AtomicU64::new(millis(now)),
            ready: AtomicBool::new(false),
        }
    }

    /// The poll loop is alive.
    pub fn beat(&self, now: Duration) {
        self.last_beat_ms.fetch_max(millis(now), Ordering::Relaxed);
    }

    /// State is loaded and the first poll round has ended, well or badly.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// Whether the poll loop has beaten lately.
    pub fn is_alive(&self, now: Duration) -> bool {
        self.silent_for(now) <= SILENCE
    }

    /// How long ago the poll loop last beat.
    pub fn silent_for(&self, now: Duration) -> Duration {
        let last = Duration::from_millis(self.last_beat_ms.load(Ordering::Relaxed));
        now.saturating_sub(last)
    }

    /// Whether [`Health::set_ready`] was called.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_beyond_the_bound_is_death_and_a_beat_is_life() {
        let second = Duration::from_secs;
        let health = Health::new(second(100));
        assert!(health.is_alive(second(160)));
        assert!(!health.is_alive(second(161)));
        health.beat(second(161));
        assert!(health.is_alive(second(161)));
        health.beat(second(150));
        assert_eq!(health.silent_for(second(171)), second(10));
    }
}
