//! How usage becomes minutes on a bill.

const MINUTE_MS: u64 = 60_000;

/// The minutes that are billed for a day's usage of one media. The upstream adds up the seconds of the whole day and
/// rounds up once: 30 s, 20 s and 40 s are 1, 1 and 2 minutes as the day goes on. So never give it a bucket.
pub fn billable_minutes(day_ms: u64) -> u64 {
    day_ms.div_ceil(MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_upstreams_own_example() {
        let mut day_ms = 0;
        let minutes = [30_000, 20_000, 40_000].map(|ms| {
            day_ms += ms;
            billable_minutes(day_ms)
        });
        assert_eq!(minutes, [1, 1, 2]);
        assert_eq!((billable_minutes(0), billable_minutes(60_000)), (0, 1));
    }

    proptest! {
        #[test]
        fn a_day_is_rounded_once(buckets in prop::collection::vec(0..=3_000_000_u64, 0..288)) {
            let day_ms: u64 = buckets.iter().sum();
            let minutes = billable_minutes(day_ms);
            prop_assert!(minutes * MINUTE_MS >= day_ms);
            prop_assert!(minutes * MINUTE_MS < day_ms + MINUTE_MS);
            prop_assert!(minutes <= buckets.into_iter().map(billable_minutes).sum());
        }
    }
}
