//! The gateway's rate limit: so many requests of one action in any one second. Pure; exact to the nanosecond it is told.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// The length of the window that slides.
const WINDOW: Duration = Duration::from_secs(1);

/// What a request met at the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exceeded {
    /// Requests in the last second, this one included.
    pub(super) requests: usize,
    /// How many are allowed.
    pub(super) limit: usize,
}

/// The arrivals of the last second, per signer and action.
#[derive(Debug, Default)]
pub(super) struct Quota {
    windows: HashMap<(String, &'static str), Window>,
}

#[derive(Debug, Default)]
struct Window {
    arrivals: VecDeque<Arrival>,
    peak: usize,
}

#[derive(Debug)]
struct Arrival {
    at: Duration,
    admitted: bool,
}

impl Quota {
    /// Counts a request that arrives at `now`, on a clock that is never set back, and says whether it is admitted.
    ///
    /// Only admitted requests fill the window, so whoever hammers still gets `limit` answers in each second; the counts
    /// that it is told include the refused ones.
    ///
    /// # Errors
    /// The limit was met.
    pub(super) fn admit(
        &mut self,
        secret_id: &str,
        action: &'static str,
        limit: usize,
        now: Duration,
    ) -> Result<(), Exceeded> {
        let window = self
            .windows
            .entry((secret_id.to_owned(), action))
            .or_default();
        while let Some(oldest) = window.arrivals.front() {
            if now.saturating_sub(oldest.at) < WINDOW {
                break;
            }
            window.arrivals.pop_front();
        }
        let taken = window.arrivals.iter().filter(|past| past.admitted).count();
        let admitted = taken < limit;
        window.arrivals.push_back(Arrival { at: now, admitted });
        let requests = window.arrivals.len();
        window.peak = window.peak.max(requests);
        if admitted {
            Ok(())
        } else {
            Err(Exceeded { requests, limit })
        }
    }

    /// The largest number of requests that any one signer made of `action` in any one second, refused ones included.
    pub(super) fn peak(&self, action: &str) -> usize {
        let windows = self.windows.iter().filter(|((_, name), _)| *name == action);
        windows.map(|(_, window)| window.peak).max().unwrap_or(0)
    }
}

impl Exceeded {
    /// The gateway's message, with its counts.
    pub(super) fn message(&self, english: bool) -> String {
        let Self { requests, limit } = self;
        if english {
            format!(
                "Your current request times equals to `{requests}` in a second, which exceeds the frequency limit \
                 `{limit}` for a second. Please reduce the frequency of calls."
            )
        } else {
            format!("您当前每秒请求 `{requests}` 次，超过了每秒频率上限 `{limit}`，请稍后重试。")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTION: &str = "DescribeTrtcInteractiveTime";

    fn at(quota: &mut Quota, ms: u64) -> Result<(), Exceeded> {
        quota.admit("AKIDone", ACTION, 20, Duration::from_millis(ms))
    }

    #[test]
    fn the_twenty_first_request_in_a_second_is_refused() {
        let mut quota = Quota::default();
        for ms in 0..20 {
            assert_eq!(at(&mut quota, ms), Ok(()), "{ms}");
        }
        let exceeded = Exceeded {
            requests: 21,
            limit: 20,
        };
        assert_eq!(at(&mut quota, 999), Err(exceeded));
        assert_eq!(quota.peak(ACTION), 21);
    }

    #[test]
    fn the_window_slides() {
        let mut quota = Quota::default();
        for request in 0..100 {
            assert_eq!(at(&mut quota, request * 50), Ok(()), "{request}");
        }
        assert_eq!(quota.peak(ACTION), 20);
        assert!(at(&mut quota, 4_999).is_err(), "20 since 4,000");
        assert_eq!(at(&mut quota, 5_000), Ok(()), "the one of 4,000 is gone");
    }

    #[test]
    fn refused_requests_do_not_lock_out_for_good() {
        let mut quota = Quota::default();
        let admitted = (0..1_000).filter(|ms| at(&mut quota, ms * 10).is_ok());
        assert_eq!(admitted.count(), 200, "20 in each of 10 seconds");
        assert_eq!(quota.peak(ACTION), 100);
    }

    #[test]
    fn signers_and_actions_do_not_share() {
        let mut quota = Quota::default();
        let now = Duration::from_secs(9);
        for (id, action) in [("AKIDone", ACTION), ("AKIDtwo", ACTION), ("AKIDone", "B")] {
            assert_eq!(quota.admit(id, action, 1, now), Ok(()));
        }
        assert!(quota.admit("AKIDone", ACTION, 1, now).is_err());
    }

    #[test]
    fn the_message_names_the_counts_in_both_languages() {
        let exceeded = Exceeded {
            requests: 7,
            limit: 5,
        };
        for english in [true, false] {
            let message = exceeded.message(english);
            assert!(message.contains("`7`") && message.contains("`5`"));
        }
    }
}
