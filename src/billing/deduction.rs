//! How the minutes of dates are shared between packages and the bill.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::daily::Day;
use super::estimate::{Balance, Line};
use super::forecast;
use super::purse::Purse;
use super::{Billing, DailyMinutes, Month, PriceTable};
use crate::usage::{Date, Media, TimeKey};

/// All packages of an account on their way through the dates, and what a month has taken and left to be paid.
pub(super) struct Deduction<'a> {
    month: Month,
    purses: Vec<Purse<'a>>,
    lines: BTreeMap<(Arc<str>, Media), Line>,
}

impl<'a> Deduction<'a> {
    /// Nothing deducted yet. Every media that has a price has a line, so that there is a 0 before there is a cost.
    pub(super) fn new(billing: &'a Billing, month: Month) -> Self {
        let priced = billing.prices.items().iter().flat_map(|(item, rates)| {
            rates
                .keys()
                .map(|&media| ((Arc::clone(item), media), Line::default()))
        });
        Self {
            month,
            purses: billing.packages.iter().map(Purse::new).collect(),
            lines: priced.collect(),
        }
    }

    /// Takes the minutes of a date out of the packages, one after the other; the dates must come in their order.
    pub(super) fn deduct(&mut self, date: Date, day: &Day) {
        for ((media, item), &minutes) in day {
            let mut paid = minutes;
            for purse in &mut self.purses {
                paid -= purse.cover(date, item, *media, paid);
            }
            if Month::of(date) == self.month {
                let line = self.lines.entry((Arc::clone(item), *media)).or_default();
                line.minutes = line.minutes.saturating_add(minutes);
                line.paid = line.paid.saturating_add(paid);
                line.covered = line.minutes - line.paid;
            }
        }
    }

    /// Lets every package go on to a date.
    pub(super) fn turn_to(&mut self, date: Date) {
        for purse in &mut self.purses {
            purse.turn_to(date);
        }
    }

    /// When each package is empty at its pace, as seen from the end of `complete`.
    pub(super) fn foretell(&self, days: &DailyMinutes, complete: Date) -> Vec<Option<TimeKey>> {
        let purses = self.purses.iter();
        purses
            .map(|purse| forecast::empty_at_pace(purse, days, complete))
            .collect()
    }

    /// How each package stands on `last`, after what was foretold of it.
    pub(super) fn balances(
        &self,
        days: &DailyMinutes,
        last: Date,
        foretold: Vec<Option<TimeKey>>,
    ) -> Vec<Balance> {
        let purses = self.purses.iter().zip(foretold);
        purses
            .map(|(purse, foretold)| balance(purse, days, last, foretold))
            .collect()
    }

    /// The month's lines with what they cost.
    pub(super) fn priced(self, prices: &PriceTable) -> BTreeMap<(Arc<str>, Media), Line> {
        let mut lines = self.lines;
        for ((item, media), line) in &mut lines {
            line.cost = prices.cost(item, *media, line.paid);
        }
        lines
    }
}

fn balance(
    purse: &Purse<'_>,
    days: &DailyMinutes,
    last: Date,
    foretold: Option<TimeKey>,
) -> Balance {
    let package = purse.package;
    let complete = days.complete_through(package.last_until(last));
    Balance {
        package: Arc::clone(&package.name),
        used: package.minutes.saturating_sub(purse.left()),
        left: if package.is_over(last) {
            0
        } else {
            purse.left()
        },
        ends_at: forecast::end(purse, foretold),
        unknown_days: days.unknown(purse.period.begin..=complete),
    }
}
