//! Which part of a target's past is wanted, and where it has to end.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};

use crate::usage::{ANSWERED_DATES, Beginning, Date, TimeKey};

/// Which dates somebody wants; what is left out follows from the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The first date.
    pub start: Option<Date>,
    /// The last date. Given, it holds even beyond the seam.
    pub end: Option<Date>,
    /// Whether it is about figures and not about series: then no seam matters.
    pub figures: bool,
}

/// Where history ends and what is scraped begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seam {
    /// No sample of history is younger, and no scraped one older.
    pub at: TimeKey,
    /// The date of the first answer, if it is known what was entered then.
    pub entered_through: Option<Date>,
}

/// A part of a target's past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The dates of its buckets.
    pub dates: RangeInclusive<Date>,
    /// Its buckets lie before this.
    pub until: TimeKey,
    /// Where it meets what is scraped, unless it does not care.
    pub seam: Option<Seam>,
}

impl Seam {
    fn of(beginning: Option<Beginning>, now: TimeKey) -> Self {
        let without_entered = |at| Self {
            at,
            entered_through: None,
        };
        match beginning {
            Some(Beginning {
                shown_from: Some(at),
                since,
            }) => Self {
                at: TimeKey::from_unix(at.timestamp()),
                entered_through: since,
            },
            Some(Beginning {
                since: Some(since), ..
            }) => without_entered(since.midnight()),
            _ => without_entered(now),
        }
    }
}

impl Span {
    /// The part of its past that is wanted of a target with which an exporter has begun like this, or none has. `None` when
    /// there is no such part.
    pub fn of(wish: Wish, beginning: Option<Beginning>, now: DateTime<Utc>) -> Option<Self> {
        let now = TimeKey::from_unix(now.timestamp());
        let seam = (wish.end.is_none() && !wish.figures).then(|| Seam::of(beginning, now));
        let until = seam.map_or(now.plus_seconds(1), |seam| seam.at);
        let last = until.plus_seconds(-1).date();
        let last = wish.end.map_or(last, |end| end.min(last));
        // Without a wish, history has as many dates as the upstream answers for.
        let first = wish.start.unwrap_or(last.minus_days(ANSWERED_DATES - 1));
        (first <= last).then_some(Self {
            dates: first..=last,
            until: until.min(last.succ().midnight()),
            seam,
        })
    }

    /// The dates whose days have to be known: those of its buckets, and those of what was entered behind the seam.
    pub fn days(&self) -> RangeInclusive<Date> {
        let entered = self.seam.and_then(|seam| seam.entered_through);
        let last = entered.map_or(*self.dates.end(), |date| date.max(*self.dates.end()));
        *self.dates.start()..=last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        let key = TimeKey::parse(text).expect("a time");
        DateTime::from_timestamp(key.unix(), 0).expect("in range")
    }

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn shown(span: Option<Span>) -> Option<[String; 3]> {
        let span = span?;
        let dates = [span.dates.start(), span.dates.end()].map(ToString::to_string);
        let [first, last] = dates;
        Some([first, last, span.until.to_string()])
    }

    const NOW: &str = "2024-03-31 10:00:00";

    #[test]
    fn it_ends_where_the_exporter_began() {
        let beginning = |shown_from: Option<&str>, since: Option<&str>| {
            Some(Beginning {
                shown_from: shown_from.map(at),
                since: since.map(date),
            })
        };
        let until = |beginning, expected: [&str; 3]| {
            let span = Span::of(Wish::default(), beginning, at(NOW));
            assert_eq!(shown(span), Some(expected.map(str::to_owned)));
        };
        until(None, ["2024-03-01", "2024-03-31", NOW]);
        let began = "2024-03-30 08:00:07";
        until(
            beginning(Some(began), Some("2024-03-30")),
            ["2024-02-29", "2024-03-30", began],
        );
        until(
            beginning(Some(began), None),
            ["2024-02-29", "2024-03-30", began],
        );
        until(
            beginning(None, Some("2024-03-30")),
            ["2024-02-28", "2024-03-29", "2024-03-30 00:00:00"],
        );
    }

    #[test]
    fn what_was_entered_behind_the_seam_is_looked_at_too() {
        let beginning = Beginning {
            shown_from: Some(at("2024-03-28 23:00:00")),
            since: Some(date("2024-03-30")),
        };
        let span = Span::of(Wish::default(), Some(beginning), at(NOW)).expect("a span");
        assert_eq!(*span.days().end(), date("2024-03-30"));
        assert_eq!(*span.dates.end(), date("2024-03-28"));
    }

    #[test]
    fn a_wish_holds_even_beyond_the_seam() {
        let beginning = Beginning {
            shown_from: Some(at("2024-03-10 23:00:00")),
            since: Some(date("2024-03-10")),
        };
        let of = |wish| shown(Span::of(wish, Some(beginning), at(NOW)));
        let wish = Wish {
            end: Some(date("2024-03-20")),
            ..Wish::default()
        };
        let expected = ["2024-02-19", "2024-03-20", "2024-03-21 00:00:00"];
        assert_eq!(of(wish), Some(expected.map(str::to_owned)));
        let wish = Wish {
            start: Some(date("2024-03-20")),
            figures: true,
            ..Wish::default()
        };
        let expected = ["2024-03-20", "2024-03-31", "2024-03-31 10:00:01"];
        assert_eq!(of(wish), Some(expected.map(str::to_owned)));
        let wish = Wish {
            start: Some(date("2024-03-11")),
            ..Wish::default()
        };
        assert_eq!(of(wish), None, "all of it was scraped");
    }
}
