//! How long temporary keys are good, when they are renewed, and what becomes of a renewal that fails. Pure: driven by
//! `now`; whoever is told that a renewal is due makes it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Moment;

/// Keys are renewed when this much of their time is left, or a tenth of it if that is more.
const MARGIN: TimeDelta = TimeDelta::seconds(300);

/// Not even issuers that hand out keys about to expire are asked more often.
const REST: Duration = Duration::from_secs(10);

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// A renewal that fails for so long is worth a line of the log.
const PATIENCE: Duration = Duration::from_secs(180);

/// Keys that are refused are renewed out of turn, but not again within this time: it would not help.
const REFUSAL_REST: Duration = Duration::from_secs(60);

/// The course of one account's temporary keys.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    life: Option<Life>,
    /// Whether there is a reason beside age.
    wanted: bool,
    not_before: Duration,
    /// In a row.
    failures: u32,
    failing_since: Option<Duration>,
    told: bool,
    refused_at: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Life {
    expires: DateTime<Utc>,
    renew: DateTime<Utc>,
}

impl Renewal {
    /// Whether there are keys that have not expired.
    pub(super) fn is_valid(&self, now: Moment) -> bool {
        self.life.is_some_and(|life| now.utc < life.expires)
    }

    /// When the keys expire; `None` while there are none.
    pub(super) fn expires(&self) -> Option<DateTime<Utc>> {
        Some(self.life?.expires)
    }

    /// Whether to ask for new keys now.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        let by_age = self.life.is_none_or(|life| life.renew <= now.utc);
        (by_age || self.wanted) && self.not_before <= now.mono
    }

    /// What the keys were made from has changed: others are needed now, however the last attempt went.
    pub(super) fn want(&mut self) {
        self.wanted = true;
        self.not_before = Duration::ZERO;
    }

    /// The upstream has refused the keys. Whether new ones can be expected to help.
    pub(super) fn refused(&mut self, now: Moment) -> bool {
        self.wanted = true;
        let last = self.refused_at.replace(now.mono);
        last.is_none_or(|last| now.mono.saturating_sub(last) >= REFUSAL_REST)
    }

    /// There are new keys, until `expires`. Whether they put an end to a failure that was told.
    pub(super) fn succeeded(&mut self, expires: DateTime<Utc>, now: Moment) -> bool {
        let left = expires.signed_duration_since(now.utc);
        let margin = MARGIN.max(left / 10).min(left / 2);
        self.life = Some(Life {
            expires,
            renew: expires - margin,
        });
        self.wanted = false;
        self.not_before = now.mono + REST;
        self.failures = 0;
        self.failing_since = None;
        std::mem::take(&mut self.told)
    }

    /// There are no new keys this time. Whether to tell; once until it succeeds.
    pub(super) fn failed(&mut self, now: Moment) -> bool {
        let backoff = FIRST_BACKOFF * 2_u32.saturating_pow(self.failures.min(6));
        self.not_before = now.mono + backoff.min(LONGEST_BACKOFF);
        self.failures += 1;
        let since = *self.failing_since.get_or_insert(now.mono);
        let is_long = now.mono.saturating_sub(since) >= PATIENCE;
        is_long && !std::mem::replace(&mut self.told, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        let mono = Duration::from_secs(seconds);
        Moment {
            utc: DateTime::UNIX_EPOCH + mono,
            mono,
        }
    }

    fn issued(seconds: u64, until: u64) -> Renewal {
        let mut renewal = Renewal::default();
        renewal.succeeded(at(until).utc, at(seconds));
        renewal
    }

    #[test]
    fn keys_are_renewed_well_before_they_expire() {
        for (until, renewed_at) in [
            (7200, 6480), // a tenth of two hours
            (43_200, 38_880),
            (1800, 1500), // five minutes
            (400, 200),   // no more than half
        ] {
            let renewal = issued(0, until);
            assert!(!renewal.is_due(at(renewed_at - 1)), "{until}");
            assert!(renewal.is_due(at(renewed_at)), "{until}");
            assert!(renewal.is_valid(at(until - 1)));
            assert!(!renewal.is_valid(at(until)));
        }
    }

    #[test]
    fn without_keys_they_are_due_at_once() {
        let renewal = Renewal::default();
        assert!(renewal.is_due(at(0)) && !renewal.is_valid(at(0)));
        assert_eq!(renewal.expires(), None);
    }

    #[test]
    fn keys_about_to_expire_are_not_asked_for_in_a_loop() {
        let mut renewal = issued(0, 100);
        assert!(renewal.is_due(at(50)));
        renewal.succeeded(at(100).utc, at(99));
        assert!(!renewal.is_due(at(108)) && renewal.is_due(at(109)));
    }

    #[test]
    fn a_failing_renewal_rests_longer_and_longer_and_is_told_once() {
        let mut renewal = issued(0, 7200);
        let (mut now, mut told) = (6480, Vec::new());
        let mut rests = Vec::new();
        while now < 6480 + 600 {
            if renewal.failed(at(now)) {
                told.push(now);
            }
            let next = (now..)
                .find(|&next| renewal.is_due(at(next)))
                .expect("due again");
            rests.push(next - now);
            now = next;
        }
        assert_eq!(rests[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!((6660..6780).contains(&told[0]), "{told:?}");
        assert!(
            renewal.succeeded(at(9000).utc, at(now)),
            "its end is told too"
        );
        assert!(!renewal.succeeded(at(9000).utc, at(now)), "once");
    }

    #[test]
    fn refused_keys_are_renewed_at_once_but_not_over_and_over() {
        let mut renewal = issued(0, 7200);
        assert!(renewal.refused(at(100)) && renewal.is_due(at(100)));
        renewal.succeeded(at(7300).utc, at(101));
        assert!(!renewal.refused(at(120)), "the new ones are no better");
        assert!(renewal.refused(at(200)));
    }

    #[test]
    fn what_is_wanted_does_not_wait_for_a_rest() {
        let mut renewal = issued(0, 7200);
        renewal.failed(at(0));
        renewal.want();
        assert!(renewal.is_due(at(0)));
    }
}
