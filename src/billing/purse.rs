//! A package as it is used up, date by date.

use std::collections::BTreeMap;

use super::package::{Package, Period};
use crate::usage::{Date, Media};

/// One package on its way through the dates, which must come in their order.
#[derive(Clone, Debug)]
pub(super) struct Purse<'a> {
    pub(super) package: &'a Package,
    pub(super) period: Period,
    /// What usage of the period can still take.
    left: u64,
    /// The first date of the period for whose usage it was not enough.
    pub(super) fell_short_on: Option<Date>,
    /// What it was asked for on each date, whether or not it had that.
    pub(super) asked: BTreeMap<Date, u64>,
}

impl<'a> Purse<'a> {
    pub(super) fn new(package: &'a Package) -> Self {
        let period = package.period(package.from);
        Self {
            package,
            period,
            left: period.minutes,
            fell_short_on: None,
            asked: BTreeMap::new(),
        }
    }

    /// Goes on to a date, with which its minutes may have come again.
    pub(super) fn turn_to(&mut self, date: Date) {
        let period = self.package.period(date.max(self.package.from));
        if period != self.period {
            self.period = period;
            self.left = period.minutes;
            self.fell_short_on = None;
        }
    }

    /// How many of so many minutes of a media it covers on a date. They are taken out of it.
    pub(super) fn cover(&mut self, date: Date, item: &str, media: Media, minutes: u64) -> u64 {
        let Some(ratio) = self.package.ratio(item, media) else {
            return 0;
        };
        if minutes == 0 || !self.package.is_open(date) {
            return 0;
        }
        self.turn_to(date);
        let wanted = ratio.taken_by(minutes);
        let asked = self.asked.entry(date).or_default();
        *asked = asked.saturating_add(wanted);
        if wanted <= self.left {
            self.left -= wanted;
            return minutes;
        }
        if self.period.kept == 0 {
            self.fell_short_on.get_or_insert(date);
        }
        let covered = ratio.had_for(self.left);
        self.left -= ratio.taken_by(covered);
        covered
    }

    /// How many of its minutes are there still.
    pub(super) fn left(&self) -> u64 {
        self.left.saturating_add(self.period.kept)
    }
}
