//! What a month has cost so far, and how packages stand.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::deduction::Deduction;
use super::{Billing, DailyMinutes, Money, Month};
use crate::usage::{Media, TimeKey};

/// What is made of prices, packages and daily minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The month that it is about.
    pub month: Month,
    /// Per item and media: all that was used in the month, and all that has a price.
    pub lines: BTreeMap<(Arc<str>, Media), Line>,
    /// One per package, in the order of the configuration.
    pub balances: Vec<Balance>,
    /// How many complete dates of the month are not known: their usage is missing in `lines`.
    pub unknown_days: u64,
}

/// The minutes of one media within the month so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Billable minutes.
    pub minutes: u64,
    /// Of these, what packages have covered.
    pub covered: u64,
    /// Of these, the rest.
    pub paid: u64,
    /// What the rest costs; `None` when no price is given for it.
    pub cost: Option<Money>,
}

/// How a package stands at the end of the month, or of what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The package's name.
    pub package: Arc<str>,
    /// Used of its minutes; of this month's if it renews.
    pub used: u64,
    /// Left of them to be used: none once it has expired.
    pub left: u64,
    /// When it will be used up, at the mean pace of the last seven complete dates, or expire; when it was not enough
    /// already, the beginning of that date. `None` when nothing is taken from it, and when it renews before.
    pub ends_at: Option<TimeKey>,
    /// How many complete dates since its minutes were last known are not known: what they took from it is not deducted.
    pub unknown_days: u64,
}

impl Estimate {
    /// The estimate of a month as far as `days` knows it. Packages need the days since their begin or since what the
    /// console has said of them, which may be months before.
    ///
    /// Minutes are covered date by date, within a date audio first and the largest video last, by the packages in the
    /// order of the configuration; what none of them covers is paid, and counts for the tiers.
    pub fn of(billing: &Billing, month: Month, days: &DailyMinutes) -> Self {
        let last = month.last().min(days.today());
        let complete = days.complete_through(last);
        let mut deduction = Deduction::new(billing, month);
        for (date, day) in days.through(complete) {
            deduction.deduct(date, day);
        }
        deduction.turn_to(last);
        let foretold = deduction.foretell(days, complete);
        if let Some(day) = days.on(last).filter(|_| complete < last) {
            deduction.deduct(last, day);
        }
        Self {
            month,
            balances: deduction.balances(days, last, foretold),
            lines: deduction.priced(&billing.prices),
            unknown_days: days.unknown(month.first()..=complete),
        }
    }

    /// What all of it costs for which a price is given.
    pub fn cost(&self) -> Money {
        self.lines.values().filter_map(|line| line.cost).sum()
    }
}
