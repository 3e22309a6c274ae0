//! Which bucket is the newest that can be shown as a finished figure.

use chrono::{DateTime, TimeDelta, Utc};

use super::day::Day;
use super::ledger::Settling;
use super::{BUCKET_SECONDS, Date, TimeKey};

/// How many dates the upstream answers for, today among them.
pub const ANSWERED_DATES: u64 = 31;

/// A date's figures are final at 09:00 Beijing time on the next day: the bill is made from them then.
const FINAL_AFTER_MIDNIGHT: TimeDelta = TimeDelta::hours(9);

/// Distrust of that hour: clocks differ, and bills can be late.
const FINAL_MARGIN: TimeDelta = TimeDelta::minutes(30);

/// When an answer about `date` is final: from then on a bucket that it lacks had no usage.
pub fn final_at(date: Date) -> DateTime<Utc> {
    let end = DateTime::from_timestamp(date.succ().midnight().unix(), 0)
        .unwrap_or(DateTime::<Utc>::MAX_UTC);
    end.checked_add_signed(FINAL_AFTER_MIDNIGHT + FINAL_MARGIN)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The newest settled bucket of a day: one that is there and old enough, or one that is absent, old enough, and older
/// than the watermark, which makes it a zero.
pub(super) fn newest_settled(
    day: &Day,
    date: Date,
    asked_at: DateTime<Utc>,
    settling: Settling,
) -> Option<TimeKey> {
    let limit = TimeKey::from_unix(asked_at.checked_sub_signed(settling.after)?.timestamp());
    let shown = day.newest_until(date, limit);
    let watermark = if asked_at >= final_at(date) {
        Some(date.succ().midnight())
    } else {
        settling.watermark
    };
    let zero = watermark
        .map(|watermark| watermark.plus_seconds(-BUCKET_SECONDS).slot())
        .map(|before| {
            before
                .min(limit.slot())
                .min(date.succ().midnight().plus_seconds(-BUCKET_SECONDS))
        })
        .filter(|&slot| slot >= date.midnight());
    shown.max(zero)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::usage::{Answer, Ledger, Media};

    const AFTER: TimeDelta = TimeDelta::minutes(15);

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::from_timestamp(key(text).unix(), 0).expect("in range")
    }

    fn key(text: &str) -> TimeKey {
        TimeKey::parse(text).expect("a TimeKey")
    }

    /// The newest settled bucket and its word after one answer with these rows.
    fn settled(rows: &[&str], watermark: Option<&str>, asked_at: &str) -> Option<(String, u64)> {
        let mut answer = Answer::new(vec![Media::Audio]);
        for row in rows {
            answer.push(key(row), &[1000]).expect("a sane row");
        }
        let mut ledger = Ledger::default();
        let settling = Settling {
            after: AFTER,
            watermark: watermark.map(key),
        };
        let date = "2024-02-28".parse().expect("a date");
        ledger.merge(&mut BTreeMap::new(), date, &answer, at(asked_at), settling);
        ledger
            .settled
            .map(|key| (key.to_string(), ledger.series[0].bucket_ms))
    }

    #[test]
    fn the_newest_bucket_that_is_old_enough_is_settled() {
        let rows = [
            "2024-02-28 10:00:00",
            "2024-02-28 10:05:00",
            "2024-02-28 10:10:00",
        ];
        assert_eq!(
            settled(&rows, None, "2024-02-28 10:20:00"),
            Some(("2024-02-28 10:05:00".into(), 1000))
        );
        assert_eq!(settled(&rows, None, "2024-02-28 10:14:59"), None);
    }

    #[test]
    fn absent_is_not_zero_until_others_have_shown_a_later_bucket() {
        let rows = ["2024-02-28 10:00:00"];
        let asked_at = "2024-02-28 11:00:00";
        assert_eq!(
            settled(&rows, None, asked_at),
            Some(("2024-02-28 10:00:00".into(), 1000))
        );
        let at_watermark = settled(&rows, Some("2024-02-28 10:05:00"), asked_at);
        assert_eq!(
            at_watermark,
            Some(("2024-02-28 10:00:00".into(), 1000)),
            "the watermark itself may still come"
        );
        let zero = settled(&rows, Some("2024-02-28 10:40:00"), asked_at);
        assert_eq!(zero, Some(("2024-02-28 10:35:00".into(), 0)));
        let young = settled(&rows, Some("2024-02-28 10:55:00"), asked_at);
        assert_eq!(
            young,
            Some(("2024-02-28 10:45:00".into(), 0)),
            "not younger than settle_after"
        );
    }

    #[test]
    fn a_final_date_needs_no_watermark() {
        assert_eq!(settled(&[], None, "2024-02-29 09:29:59"), None);
        assert_eq!(
            settled(&[], None, "2024-02-29 09:30:00"),
            Some(("2024-02-28 23:55:00".into(), 0))
        );
    }

    #[test]
    fn the_watermark_of_a_later_date_settles_the_whole_day() {
        let next_day = settled(&[], Some("2024-02-29 00:10:00"), "2024-02-29 00:12:00");
        assert_eq!(next_day, Some(("2024-02-28 23:55:00".into(), 0)));
    }

    #[test]
    fn keys_off_the_grid_are_passed_on_unchanged() {
        let rows = ["2024-02-28 10:00:05", "2024-02-28 10:05:05"];
        let settled = settled(&rows, Some("2024-02-28 10:05:05"), "2024-02-28 11:00:00");
        assert_eq!(settled, Some(("2024-02-28 10:05:05".into(), 1000)));
    }
}
