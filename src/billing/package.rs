//! Prepaid minutes: what a package covers, when, and how fast.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Month;
use super::decimal::{self, DecimalError, PLACES};
use crate::usage::{Date, Media};

/// Minutes that are paid beforehand and used up by the minutes of several media, each at its own ratio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Value of the label `package`; unique within the account.
    pub name: Arc<str>,
    /// How many it has: in all, or per month if it renews.
    pub minutes: u64,
    /// The first date it covers.
    pub from: Date,
    /// The last date it covers; without it, it never expires.
    pub until: Option<Date>,
    /// Whether its minutes come again.
    pub renews: Option<Renewal>,
    /// What the console has said was left, to begin with where earlier usage is not known.
    pub left: Option<Left>,
    /// What it covers: per item, per media. Anything else is paid.
    pub items: BTreeMap<Arc<str>, BTreeMap<Media, Ratio>>,
}

/// When a package has all its minutes again; those that are left by then expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// With each first of a month.
    Monthly,
}

impl fmt::Display for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Monthly => f.write_str("monthly"),
        }
    }
}

/// What was left of a package when a date began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// So many of its minutes; of the month's if it renews.
    pub minutes: u64,
    /// The date whose usage is the first that is not deducted yet.
    pub on: Date,
}

/// How many minutes of a package one minute of a media takes, with at most six decimals; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio {
    millionths: u64,
}

/// Dates through which a package's minutes only become fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) begin: Date,
    /// What usage of these dates can take.
    pub(super) minutes: u64,
    /// What is left beyond that, because it was still left afterwards.
    pub(super) kept: u64,
}

impl Package {
    /// Whether usage of this date can be covered.
    pub fn is_open(&self, date: Date) -> bool {
        date >= self.from && !self.is_over(date)
    }

    /// Whether the date is one after its last.
    pub(super) fn is_over(&self, date: Date) -> bool {
        self.until.is_some_and(|until| date > until)
    }

    /// The last date it covers that is not after `date`.
    pub(super) fn last_until(&self, date: Date) -> Date {
        self.until.map_or(date, |until| until.min(date))
    }

    pub(super) fn ratio(&self, item: &str, media: Media) -> Option<Ratio> {
        self.items.get(item)?.get(&media).copied()
    }

    /// The period that `date` lies in. What was left on some date parts the period of that date in two: before it, no
    /// more can have been used than what was missing by then.
    pub(super) fn period(&self, date: Date) -> Period {
        let all = Period {
            begin: match self.renews {
                None => self.from,
                Some(Renewal::Monthly) => self.from.max(Month::of(date).first()),
            },
            minutes: self.minutes,
            kept: 0,
        };
        match self.left {
            Some(left) if !self.is_same_period(left.on, date) => all,
            None => all,
            Some(left) if date < left.on => Period {
                minutes: self.minutes.saturating_sub(left.minutes),
                kept: left.minutes,
                ..all
            },
            Some(left) => Period {
                begin: left.on,
                minutes: left.minutes,
                kept: 0,
            },
        }
    }

    fn is_same_period(&self, one: Date, other: Date) -> bool {
        match self.renews {
            None => true,
            Some(Renewal::Monthly) => Month::of(one) == Month::of(other),
        }
    }
}

impl Ratio {
    const ONE: u128 = 10_u128.pow(PLACES as u32);

    /// What so many minutes of the media take; a part of a minute counts as one.
    pub fn taken_by(self, minutes: u64) -> u64 {
        let taken = u128::from(self.millionths) * u128::from(minutes);
        u64::try_from(taken.div_ceil(Self::ONE)).unwrap_or(u64::MAX)
    }

    /// How many minutes of the media can be had for so many of the package.
    pub fn had_for(self, package_minutes: u64) -> u64 {
        let had = u128::from(package_minutes) * Self::ONE / u128::from(self.millionths.max(1));
        u64::try_from(had).unwrap_or(u64::MAX)
    }
}

/// A text that is no ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatioError {
    /// It is no number, or not such a number.
    #[error(transparent)]
    Decimal(#[from] DecimalError),
    /// A media that takes nothing would be free for ever.
    #[error("zero")]
    Zero,
}

impl FromStr for Ratio {
    type Err = RatioError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match decimal::millionths(text)? {
            0 => Err(RatioError::Zero),
            millionths => Ok(Self { millionths }),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write(f, self.millionths.into(), PLACES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn package(renews: Option<Renewal>, left: Option<(u64, &str)>) -> Package {
        Package {
            name: "starter".into(),
            minutes: 100,
            from: date("2026-11-10"),
            until: Some(date("2027-01-31")),
            renews,
            left: left.map(|(minutes, on)| Left {
                minutes,
                on: date(on),
            }),
            items: BTreeMap::new(),
        }
    }

    fn period(package: &Package, on: &str) -> (String, u64, u64) {
        let Period {
            begin,
            minutes,
            kept,
        } = package.period(date(on));
        (begin.to_string(), minutes, kept)
    }

    #[test]
    fn it_covers_its_first_and_its_last_date() {
        let package = package(None, None);
        let open = ["2026-11-09", "2026-11-10", "2027-01-31", "2027-02-01"]
            .map(|on| package.is_open(date(on)));
        assert_eq!(open, [false, true, true, false]);
    }

    #[test]
    fn minutes_come_once_or_with_each_month() {
        let once = package(None, None);
        assert_eq!(period(&once, "2026-12-24"), ("2026-11-10".into(), 100, 0));
        let monthly = package(Some(Renewal::Monthly), None);
        assert_eq!(
            period(&monthly, "2026-11-30"),
            ("2026-11-10".into(), 100, 0)
        );
        assert_eq!(
            period(&monthly, "2026-12-24"),
            ("2026-12-01".into(), 100, 0)
        );
    }

    #[test]
    fn what_the_console_said_parts_a_period_in_two() {
        let said = Some((30, "2026-12-20"));
        for (renews, begin) in [(None, "2026-11-10"), (Some(Renewal::Monthly), "2026-12-01")] {
            let package = package(renews, said);
            assert_eq!(period(&package, "2026-12-19"), (begin.into(), 70, 30));
            assert_eq!(period(&package, "2026-12-20"), ("2026-12-20".into(), 30, 0));
        }
        let monthly = package(Some(Renewal::Monthly), said);
        assert_eq!(
            period(&monthly, "2027-01-01"),
            ("2027-01-01".into(), 100, 0)
        );
    }

    #[test]
    fn a_ratio_is_rounded_for_the_package() {
        let ratio: Ratio = "1.5".parse().expect("a ratio");
        assert_eq!(ratio.to_string(), "1.5");
        assert_eq!([1, 2, 3].map(|minutes| ratio.taken_by(minutes)), [2, 3, 5]);
        assert_eq!([1, 2, 3].map(|minutes| ratio.had_for(minutes)), [0, 1, 2]);
        assert_eq!("0.0".parse::<Ratio>(), Err(RatioError::Zero));
        assert_eq!("-1".parse::<Ratio>(), Err(DecimalError::Negative.into()));
    }

    proptest! {
        /// Whatever is had for some minutes takes no more than those, and one more would take more.
        #[test]
        fn a_package_never_gives_more_than_it_has(millionths in 1..100_000_000_u64, minutes in 0..1_000_000_000_u64) {
            let ratio = Ratio { millionths };
            let had = ratio.had_for(minutes);
            prop_assert!(ratio.taken_by(had) <= minutes);
            prop_assert!(ratio.taken_by(had + 1) > minutes);
        }
    }
}
