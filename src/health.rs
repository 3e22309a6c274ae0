//! Whether the program is alive and ready, told by the poll loop and asked by the web server.
//!
//! *Healthy* means that the loop turns, whatever the upstream does: restarting the process mends nothing else. *Ready*
//! means that what is shown is worth a look: state is loaded and the first round of polls has ended.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The loop turns every few seconds; silent for this long, it has died or hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The loop's signs of life.
#[derive(Debug, Default)]
pub struct Health {
    /// When the loop last turned, in ms of the monotonic clock.
    beat_ms: AtomicU64,
    ready: AtomicBool,
}

impl Health {
    /// The loop has turned.
    pub fn beat(&self, now: Duration) {
        self.beat_ms
            .store(now.as_millis() as u64, Ordering::Relaxed);
    }

    /// The first round of polls has ended, well or badly.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// Whether the loop has turned lately.
    pub fn is_healthy(&self, now: Duration) -> bool {
        let beat = Duration::from_millis(self.beat_ms.load(Ordering::Relaxed));
        now.saturating_sub(beat) < PATIENCE
    }

    /// Whether the first round of polls has ended.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_stands_still_is_not_healthy() {
        let health = Health::default();
        health.beat(Duration::from_secs(100));
        assert!(health.is_healthy(Duration::from_secs(159)));
        assert!(!health.is_healthy(Duration::from_secs(160)));
        health.beat(Duration::from_secs(160));
        assert!(health.is_healthy(Duration::from_secs(160)));
    }

    #[test]
    fn ready_once_is_ready() {
        let health = Health::default();
        assert!(!health.is_ready());
        health.set_ready();
        assert!(health.is_ready());
    }
}
