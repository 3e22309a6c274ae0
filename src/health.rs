//! Whether the process does its work: told by the poll loop and by who watches it, asked by probes. What the upstream does
//! is no part of it: restarting the exporter does not mend the upstream.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The poll loop turns every few seconds; silent for this long, it hangs.
const SILENCE: Duration = Duration::from_secs(60);

/// Signs of life, set by the poll loop and read by probes.
#[derive(Debug)]
pub struct Health {
    last_beat_ms: AtomicU64,
    ready: AtomicBool,
    death: OnceLock<String>,
}

impl Health {
    /// Alive and not ready. `now` is [`Moment::mono`](crate::clock::Moment::mono), here and below.
    pub fn new(now: Duration) -> Self {
        Self {
            last_beat_ms: AtomicU64::new(millis(now)),
            ready: AtomicBool::new(false),
            death: OnceLock::new(),
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

    /// The poll loop has ended and will not come back; the first reason counts.
    pub fn died(&self, reason: String) {
        self.death.get_or_init(|| reason);
    }

    /// Whether the poll loop does its work.
    pub fn is_alive(&self, now: Duration) -> bool {
        self.trouble(now).is_none()
    }

    /// Why the poll loop does not do its work, if it does not.
    pub fn trouble(&self, now: Duration) -> Option<String> {
        if let Some(reason) = self.death.get() {
            return Some(format!("the poll loop has died: {reason}"));
        }
        let last = Duration::from_millis(self.last_beat_ms.load(Ordering::Relaxed));
        let silence = now.saturating_sub(last);
        (silence > SILENCE).then(|| {
            let seconds = silence.as_secs();
            format!("the poll loop has not moved for {seconds} seconds")
        })
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

    const fn second(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn silence_beyond_the_bound_is_trouble_and_a_beat_is_life() {
        let health = Health::new(second(100));
        assert!(health.is_alive(second(160)));
        assert!(!health.is_alive(second(161)));
        health.beat(second(161));
        assert!(health.is_alive(second(161)));
        health.beat(second(150));
        let trouble = health.trouble(second(222)).expect("silent for long");
        assert_eq!(trouble, "the poll loop has not moved for 61 seconds");
    }

    #[test]
    fn death_is_known_at_once_and_final() {
        let health = Health::new(second(100));
        health.died("a bug".to_owned());
        health.died("another one".to_owned());
        health.beat(second(101));
        assert!(!health.is_alive(second(101)));
        let trouble = health.trouble(second(101)).expect("it is dead");
        assert_eq!(trouble, "the poll loop has died: a bug");
    }
}
