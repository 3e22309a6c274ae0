//! How far it is and how long it will take: a bar for people at a terminal, a line now and then for logs.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tracing::info;

use crate::clock::Clock;

/// From one line to the next.
const PACE: Duration = Duration::from_secs(10);

/// One stretch of work of known length.
pub(super) struct Progress {
    what: &'static str,
    bar: ProgressBar,
    clock: Arc<dyn Clock>,
    started: Duration,
    told: Duration,
}

impl Progress {
    /// Begins with `total` steps of work; none are not worth a word.
    pub(super) fn start(what: &'static str, total: usize, clock: Arc<dyn Clock>) -> Self {
        let bar = if total > 0 && io::stderr().is_terminal() {
            ProgressBar::new(total as u64)
        } else {
            ProgressBar::hidden()
        };
        bar.set_length(total as u64);
        let style =
            ProgressStyle::with_template("{msg} {wide_bar} {human_pos} of {human_len}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what);
        let now = clock.now().mono;
        Self {
            what,
            bar,
            clock,
            started: now,
            told: now,
        }
    }

    /// So many more steps are done.
    pub(super) fn advance(&mut self, steps: u64) {
        self.bar.inc(steps);
        let now = self.clock.now().mono;
        if !self.bar.is_hidden() || now - self.told < PACE {
            return;
        }
        self.told = now;
        let (done, of) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let left = left(done, of, now - self.started);
        info!(done, of, ?left, "Still {}", self.what);
    }

    /// All is done, or the rest is given up.
    pub(super) fn end(self) {
        self.bar.finish_and_clear();
    }
}

/// How long the rest takes, if it goes on like this.
fn left(done: u64, of: u64, took: Duration) -> Duration {
    let rest = of.saturating_sub(done) as f64 / done.max(1) as f64;
    Duration::from_secs(took.mul_f64(rest).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_what_is_done_did() {
        let took = Duration::from_secs(90);
        assert_eq!(left(30, 60, took), Duration::from_secs(90));
        assert_eq!(left(90, 120, took), Duration::from_secs(30));
        assert_eq!(left(5, 5, took), Duration::ZERO);
    }
}
