//! How many requests are answered in a time: a token bucket. Pure: it takes `now`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A bucket that holds `burst` tokens and gets one back every `interval`.
#[derive(Debug)]
pub struct RateLimit {
    interval: Duration,
    /// How far ahead of now the bucket's debt may reach: what a full bucket is worth, less one token.
    credit: Duration,
    /// When the bucket will be full again.
    full_at: Mutex<Duration>,
}

impl RateLimit {
    /// A full bucket. One without room for a token counts as one with room for one.
    pub fn new(interval: Duration, burst: u32) -> Self {
        Self {
            interval,
            credit: interval.saturating_mul(burst.saturating_sub(1)),
            full_at: Mutex::default(),
        }
    }

    /// Takes a token, if there is one. `now` is [`Moment::mono`](crate::clock::Moment::mono).
    pub(super) fn allows(&self, now: Duration) -> bool {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let debt_since = now.max(*full_at);
        let allowed = debt_since - now <= self.credit;
        if allowed {
            *full_at = debt_since.saturating_add(self.interval);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_is_allowed_and_then_one_in_each_interval() {
        let limit = RateLimit::new(Duration::from_secs(2), 3);
        let at = |seconds| limit.allows(Duration::from_secs(seconds));
        let allowed = [10, 10, 10, 10, 11, 12, 12, 13, 14].map(at);
        assert_eq!(
            allowed,
            [true, true, true, false, false, true, false, false, true]
        );
        assert_eq!([100, 100, 100, 100].map(at), [true, true, true, false]);
    }

    proptest! {
        #[test]
        fn in_no_time_more_is_allowed_than_burst_and_time_give(
            interval in 1..5_000_u64,
            burst in 1..20_u32,
            waits in prop::collection::vec(0..3_000_u64, 1..200),
        ) {
            let limit = RateLimit::new(Duration::from_millis(interval), burst);
            let mut now = 0;
            let times = waits.into_iter().filter_map(|wait| {
                now += wait;
                limit.allows(Duration::from_millis(now)).then_some(now)
            });
            let times: Vec<u64> = times.collect();
            for (first, begin) in times.iter().enumerate() {
                for (last, end) in times.iter().enumerate().skip(first) {
                    let allowed = (last - first + 1) as u64;
                    prop_assert!(allowed <= u64::from(burst) + (end - begin) / interval);
                }
            }
        }
    }
}
