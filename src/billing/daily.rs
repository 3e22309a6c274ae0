//! What is known of an account's usage, date by date, in billable minutes.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::usage::{Date, Media};

/// Minutes of one date, in the order in which packages cover them: audio before video, small video before large, and of
/// one media the items by name.
pub(super) type Day = BTreeMap<(Media, Arc<str>), u64>;

/// Billable minutes of the dates that are known. A date without usage is known too; one that nobody has named is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyMinutes {
    today: Date,
    days: BTreeMap<Date, Day>,
}

impl DailyMinutes {
    /// Nothing known yet. `today` is the date in progress: it and what comes after it are never complete.
    pub fn new(today: Date) -> Self {
        Self {
            today,
            days: BTreeMap::new(),
        }
    }

    /// Marks a date as known, whether or not there was usage.
    pub fn know(&mut self, date: Date) {
        self.days.entry(date).or_default();
    }

    /// Adds minutes, rounded by [`billable_minutes`](crate::usage::billable_minutes), to those of the date, which is known by
    /// that.
    pub fn add(&mut self, date: Date, item: &Arc<str>, media: Media, minutes: u64) {
        let day = self.days.entry(date).or_default();
        let sum = day.entry((media, Arc::clone(item))).or_default();
        *sum = sum.saturating_add(minutes);
    }

    /// The date in progress.
    pub fn today(&self) -> Date {
        self.today
    }

    /// The last complete date that is not after `last`.
    pub(super) fn complete_through(&self, last: Date) -> Date {
        last.min(self.today.pred())
    }

    /// The known dates as far as `last`, in their order.
    pub(super) fn through(&self, last: Date) -> impl Iterator<Item = (Date, &Day)> {
        self.days.range(..=last).map(|(&date, day)| (date, day))
    }

    /// A date, if it is known.
    pub(super) fn on(&self, date: Date) -> Option<&Day> {
        self.days.get(&date)
    }

    /// Of two dates and those between them, how many are known.
    pub(super) fn known(&self, dates: RangeInclusive<Date>) -> u64 {
        if dates.is_empty() {
            return 0;
        }
        self.days.range(dates).count() as u64
    }

    /// Of two dates and those between them, how many are not known.
    pub(super) fn unknown(&self, dates: RangeInclusive<Date>) -> u64 {
        let all = dates.end().days_since(*dates.start()) + 1;
        u64::try_from(all).unwrap_or(0) - self.known(dates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_known_with_or_without_usage() {
        let date = |text: &str| text.parse::<Date>().expect("a date");
        let all = date("2026-11-01")..=date("2026-11-05");
        let mut days = DailyMinutes::new(date("2026-11-05"));
        assert_eq!((days.known(all.clone()), days.unknown(all.clone())), (0, 5));
        days.know(date("2026-11-02"));
        days.add(date("2026-11-03"), &"interactive".into(), Media::Audio, 1);
        days.add(date("2026-11-03"), &"interactive".into(), Media::Audio, 2);
        days.know(date("2026-11-03"));
        assert_eq!((days.known(all.clone()), days.unknown(all)), (2, 3));
        let day = days.on(date("2026-11-03")).expect("known");
        assert_eq!(day.values().copied().collect::<Vec<_>>(), [3]);
        let none = RangeInclusive::new(date("2026-11-05"), date("2026-11-01"));
        assert_eq!((days.known(none.clone()), days.unknown(none)), (0, 0));
        let [before, today] =
            ["2026-11-03", "2026-11-05"].map(|last| days.complete_through(date(last)));
        assert_eq!((before, today), (date("2026-11-03"), date("2026-11-04")));
    }
}
