//! Tells how far this machine's clock is from an upstream's: in the metrics always, in the log when that becomes too far
//! and when it is over.

use std::sync::Arc;

use chrono::TimeDelta;
use tracing::{info, warn};

use crate::metrics::AccountTelemetry;
use crate::tencent::Skew;

/// A machine whose time is synchronised is never so far off, and there is time to repair it before requests are refused.
/// The alert `TrtcClockSkew` has the same bound.
const TOO_FAR: TimeDelta = TimeDelta::minutes(1);

/// Watches the clock by the answers of one account's upstream.
pub(super) struct ClockWatch {
    account: Arc<str>,
    metrics: Arc<AccountTelemetry>,
    is_too_far: bool,
}

impl ClockWatch {
    pub(super) fn new(account: Arc<str>, metrics: Arc<AccountTelemetry>) -> Self {
        Self {
            account,
            metrics,
            is_too_far: false,
        }
    }

    /// Goes on where the watch of the same account stood before a reload.
    pub(super) fn resume(&mut self, before: &Self) {
        self.is_too_far = before.is_too_far;
    }

    /// Tells what is known now.
    pub(super) fn see(&mut self, skew: Skew) {
        self.metrics.clock_skew(skew.seconds());
        let turn = self.turn(skew);
        let account = &self.account;
        match turn {
            Some(true) => warn!(
                %account, clock = %skew,
                "This machine's clock is wrong; repair its time synchronisation before it is 300 s off and requests are refused"
            ),
            Some(false) => info!(%account, clock = %skew, "This machine's clock is right again"),
            None => {}
        }
    }

    /// Whether it has now become too far, or no longer is; `None` while nothing has changed, or nothing for certain.
    fn turn(&mut self, skew: Skew) -> Option<bool> {
        let has_turned = if self.is_too_far {
            skew.is_within(TOO_FAR)
        } else {
            skew.is_beyond(TOO_FAR)
        };
        has_turned.then(|| {
            self.is_too_far = !self.is_too_far;
            self.is_too_far
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;

    use super::*;
    use crate::clock::Moment;
    use crate::metrics::{BuildInfo, Telemetry};

    /// What an answer tells that took so long while this machine is so far ahead.
    fn skew(seconds: i64, took: u64) -> Skew {
        let date = DateTime::default();
        let at = |utc: i64, mono| Moment {
            utc: date + TimeDelta::seconds(utc),
            mono: Duration::from_secs(mono),
        };
        let took_signed = took.cast_signed();
        Skew::told_by(date, at(seconds, 0), at(seconds + took_signed, took))
    }

    #[test]
    fn it_turns_once_each_way_and_not_in_doubt() {
        let build = BuildInfo {
            version: "0.0.0",
            revision: "unknown",
            rustc: "1.95.0",
        };
        let metrics = Telemetry::new(build, &[]).account("main");
        let mut watch = ClockWatch::new("main".into(), metrics);
        for (seconds, took, turns) in [
            (0, 0, None),
            (50, 5, None),
            (61, 5, None),
            (62, 0, Some(true)),
            (100, 0, None),
            (-100, 0, None),
            (58, 5, None),
            (58, 0, Some(false)),
            (0, 200, None),
            (-62, 0, Some(true)),
        ] {
            assert_eq!(watch.turn(skew(seconds, took)), turns, "{seconds} {took}");
        }
    }
}
