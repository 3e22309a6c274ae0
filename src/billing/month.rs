//! Months of the upstream's calendar, in Beijing: what tiers and renewing packages are counted by.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Months, NaiveDate};

use crate::usage::{Date, TimeKey};

/// A calendar month in Beijing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    first: NaiveDate,
}

/// A text that is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a month in the form YYYY-MM")]
pub struct MonthError;

impl Month {
    /// The month that `date` lies in.
    pub fn of(date: Date) -> Self {
        let first = NaiveDate::from_num_days_from_ce_opt(date.first_of_month().number());
        Self {
            first: first.unwrap_or(NaiveDate::MIN),
        }
    }

    /// Its first date.
    pub fn first(self) -> Date {
        date(self.first)
    }

    /// Its last date.
    pub fn last(self) -> Date {
        let last = self.first.with_day(self.first.num_days_in_month().into());
        date(last.unwrap_or(self.first))
    }

    /// How many dates it has.
    pub fn days(self) -> u32 {
        self.first.num_days_in_month().into()
    }

    /// The next month; saturates at the calendar's end.
    pub fn succ(self) -> Self {
        Self {
            first: self
                .first
                .checked_add_months(Months::new(1))
                .unwrap_or(self.first),
        }
    }

    /// The previous month; saturates at the calendar's end.
    pub fn pred(self) -> Self {
        Self {
            first: self
                .first
                .checked_sub_months(Months::new(1))
                .unwrap_or(self.first),
        }
    }
}

fn date(date: NaiveDate) -> Date {
    Date::from_number(date.num_days_from_ce()).expect("it is the number of a date")
}

impl fmt::Display for Month {
    /// `YYYY-MM`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.format("%Y-%m").fmt(f)
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let first = TimeKey::parse(&format!("{text}-01")).ok_or(MonthError)?;
        Ok(Self::of(first.date()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_its_dates() {
        for (month, first, last, days) in [
            ("2026-11", "2026-11-01", "2026-11-30", 30),
            ("2026-12", "2026-12-01", "2026-12-31", 31),
            ("2024-02", "2024-02-01", "2024-02-29", 29),
            ("2100-02", "2100-02-01", "2100-02-28", 28),
        ] {
            let read: Month = month.parse().expect("a month");
            assert_eq!(read.to_string(), month);
            assert_eq!(read.first().to_string(), first);
            assert_eq!(
                (read.last().to_string(), read.days()),
                (last.to_owned(), days)
            );
            assert_eq!(
                (Month::of(read.first()), Month::of(read.last())),
                (read, read)
            );
            assert_eq!(read.succ().first(), read.last().succ());
            assert_eq!(read.succ().pred(), read);
            assert!(read.pred() < read);
        }
    }

    #[test]
    fn only_whole_months_are_read() {
        for wrong in [
            "",
            "2026",
            "2026-1",
            "2026-13",
            "2026-00",
            "2026-11-01",
            "26-11",
            "+026-11",
        ] {
            assert_eq!(wrong.parse::<Month>(), Err(MonthError), "{wrong}");
        }
    }
}
