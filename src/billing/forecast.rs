//! When a package will be used up.

use super::Month;
use super::daily::DailyMinutes;
use super::package::Renewal;
use super::purse::Purse;
use crate::usage::{Date, TimeKey};

/// The pace is the mean over so many dates, a week of them: usage has one day or another.
const PACE_DAYS: u64 = 7;

const DAY_SECONDS: u128 = 86_400;

/// When a purse that stands at the beginning of `next`, the first date that is not complete, is empty if it goes on at
/// the mean pace of the dates before: of those that are known and on which it is open. `None` when nothing is taken.
pub(super) fn empty_at_pace(purse: &Purse<'_>, days: &DailyMinutes, next: Date) -> Option<TimeKey> {
    let first = next.minus_days(PACE_DAYS).max(purse.package.from);
    let yesterday = next.pred();
    let last = purse
        .package
        .until
        .map_or(yesterday, |until| until.min(yesterday));
    if first > last {
        return None;
    }
    let asked = purse.asked.range(first..=last);
    let asked: u128 = asked.map(|(_, &minutes)| u128::from(minutes)).sum();
    let of_days = u128::from(days.known(first..=last));
    let seconds = (u128::from(purse.left()) * of_days * DAY_SECONDS).checked_div(asked)?;
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Some(next.midnight().plus_seconds(seconds))
}

/// When a package ends of which that was foretold: earlier when it has fallen short since or expires, and not at all when
/// it renews before.
pub(super) fn end(purse: &Purse<'_>, foretold: Option<TimeKey>) -> Option<TimeKey> {
    let fell_short = purse.fell_short_on.map(Date::midnight);
    let empty = fell_short.or(foretold)?;
    let month = Month::of(purse.period.begin);
    match (purse.package.renews, purse.package.until) {
        (Some(Renewal::Monthly), _) if empty >= month.succ().first().midnight() => None,
        (_, Some(until)) => Some(empty.min(until.succ().midnight())),
        (_, None) => Some(empty),
    }
}
