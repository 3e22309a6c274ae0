//! When a package will be used up.

use super::Month;
use super::daily::DailyMinutes;
use super::package::Renewal;
use super::purse::Purse;
use crate::usage::{Date, TimeKey};

/// The pace is the mean over so many dates, a week of them: usage has one day or another.
const PACE_DAYS: u64 = 7;

const DAY_SECONDS: u128 = 86_400;

/// When a purse that stands at the end of `complete` is empty, at the mean pace of the last dates that are known and on
/// which it is open. `None` when nothing is taken from it.
pub(super) fn empty_at_pace(
    purse: &Purse<'_>,
    days: &DailyMinutes,
    complete: Date,
) -> Option<TimeKey> {
    let package = purse.package;
    let first = complete.minus_days(PACE_DAYS - 1).max(package.from);
    let last = package.last_until(complete);
    if first > last {
        return None;
    }
    let asked = purse.asked.range(first..=last);
    let asked: u128 = asked.map(|(_, &minutes)| u128::from(minutes)).sum();
    let of_days = u128::from(days.known(first..=last));
    let seconds = (u128::from(purse.left()) * of_days * DAY_SECONDS).checked_div(asked)?;
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Some(complete.succ().midnight().plus_seconds(seconds))
}

/// When a package ends of which that was foretold: earlier if it has fallen short or expires, not at all if it renews
/// before.
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
