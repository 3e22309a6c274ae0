//! The one place that reads a clock. Everything else is given `now`, so a month can pass in a second of test time.

mod scripted;

use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};

pub use scripted::ScriptedClock;

/// One reading of both clocks, taken together.
///
/// Dates and signatures follow `utc`, which an operator or NTP may set back and forth; waiting and rate limits follow
/// `mono`, which only ever moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Wall-clock time.
    pub utc: DateTime<Utc>,
    /// Time since an arbitrary start, never set back.
    pub mono: Duration,
}

impl Moment {
    /// Wall-clock time in Unix seconds, as metrics tell it.
    pub fn unix_seconds(self) -> f64 {
        self.utc.timestamp_millis() as f64 / 1000.0
    }
}

/// Where the shell takes its time from.
pub trait Clock: Send + Sync + 'static {
    /// Reads both clocks.
    fn now(&self) -> Moment;

    /// Waits until this much time has passed on the monotonic clock.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose `mono` starts at zero now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the process reads its clocks"
    )]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the process reads its clocks"
    )]
    fn now(&self) -> Moment {
        Moment {
            utc: SystemTime::now().into(),
            mono: self.started.elapsed(),
        }
    }
}
