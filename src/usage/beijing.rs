//! The upstream's calendar: dates and TimeKeys are Beijing time, a fixed +08:00 without daylight saving.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};

/// Length of one bucket.
pub const BUCKET_SECONDS: i64 = 300;

/// How many of them a day has.
pub const BUCKETS_PER_DAY: usize = (DAY_SECONDS / BUCKET_SECONDS) as usize;

const BEIJING_OFFSET_SECONDS: i64 = 8 * 3600;
const DAY_SECONDS: i64 = 86_400;

/// A calendar date in Beijing, the unit in which the upstream is asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(NaiveDate);

impl Date {
    /// The date that a clock on a wall in Beijing shows at `now`.
    pub fn of(now: DateTime<Utc>) -> Self {
        TimeKey::from_unix(now.timestamp()).date()
    }

    /// The instant at which this date begins in Beijing.
    pub fn midnight(self) -> TimeKey {
        let seconds = self
            .0
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp();
        TimeKey(seconds - BEIJING_OFFSET_SECONDS)
    }

    /// The date `days` earlier; saturates at the calendar's end.
    pub fn minus_days(self, days: u64) -> Self {
        Self(
            self.0
                .checked_sub_days(Days::new(days))
                .unwrap_or(NaiveDate::MIN),
        )
    }

    /// The next date; saturates at the calendar's end.
    pub fn succ(self) -> Self {
        Self(self.0.succ_opt().unwrap_or(NaiveDate::MAX))
    }

    /// The previous date; saturates at the calendar's end.
    pub fn pred(self) -> Self {
        Self(self.0.pred_opt().unwrap_or(NaiveDate::MIN))
    }

    /// The first date of its month.
    pub fn first_of_month(self) -> Self {
        Self(self.0.with_day(1).unwrap_or(self.0))
    }

    /// This date and those after it, as far as `last`.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |date| Some(date.succ()))
            .take_while(move |&date| date <= last)
    }

    /// How many days later than `earlier` this date is; negative when it is before it.
    pub fn days_since(self, earlier: Self) -> i64 {
        self.0.signed_duration_since(earlier.0).num_days()
    }

    /// A dense number for storage: days since 0000-12-31.
    pub fn number(self) -> i32 {
        self.0.num_days_from_ce()
    }

    /// The date that [`Date::number`] gave, if it is one.
    pub fn from_number(number: i32) -> Option<Self> {
        NaiveDate::from_num_days_from_ce_opt(number).map(Self)
    }
}

impl fmt::Display for Date {
    /// `YYYY-MM-DD`, as the upstream takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Date {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").map(Self)
    }
}

/// The label of a bucket as the upstream writes it, kept as Unix seconds. It is passed on unchanged: nothing documents
/// whether it names a bucket's begin or end, nor that it lies on the five-minute grid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeKey(i64);

impl TimeKey {
    /// The key at this Unix time.
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Unix seconds.
    pub fn unix(self) -> i64 {
        self.0
    }

    /// Reads `YYYY-MM-DD HH:MM:SS`, or `YYYY-MM-DD` as that date's midnight; both in Beijing time. Nothing but these
    /// fixed widths is taken: every row of every answer comes through here.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.as_bytes().split_at_checked(10)?;
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else {
            return None;
        };
        let year = decimal(&[y1, y2, y3, y4])?.cast_signed();
        let date = NaiveDate::from_ymd_opt(year, decimal(&[m1, m2])?, decimal(&[d1, d2])?)?;
        let second_of_day = match *time {
            [] => 0,
            [b' ', h1, h2, b':', m1, m2, b':', s1, s2] => {
                let time = (
                    decimal(&[h1, h2])?,
                    decimal(&[m1, m2])?,
                    decimal(&[s1, s2])?,
                );
                let (0..24, 0..60, 0..60) = time else {
                    return None;
                };
                time.0 * 3600 + time.1 * 60 + time.2
            }
            _ => return None,
        };
        Some(Date(date).midnight().plus_seconds(second_of_day.into()))
    }

    /// The Beijing date this key lies in.
    pub fn date(self) -> Date {
        let days = (self.0 + BEIJING_OFFSET_SECONDS).div_euclid(DAY_SECONDS);
        let epoch = NaiveDate::default();
        let date = TimeDelta::try_days(days).and_then(|days| epoch.checked_add_signed(days));
        Date(date.unwrap_or(if days < 0 {
            NaiveDate::MIN
        } else {
            NaiveDate::MAX
        }))
    }

    /// How many whole days this key lies after `begin`; negative when before it.
    pub fn days_since(self, begin: Self) -> i64 {
        self.0.saturating_sub(begin.0).div_euclid(DAY_SECONDS)
    }

    /// Seconds since midnight in Beijing, 0 to 86,399.
    pub fn second_of_day(self) -> u32 {
        (self.0 + BEIJING_OFFSET_SECONDS).rem_euclid(DAY_SECONDS) as u32
    }

    /// The start of the five-minute slot that this key lies in.
    pub fn slot(self) -> Self {
        Self(self.0 - self.0.rem_euclid(BUCKET_SECONDS))
    }

    /// The key `seconds` later (earlier when negative).
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

/// The number that these ASCII digits write.
fn decimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u32::from(digit - b'0'))
    })
}

impl fmt::Display for TimeKey {
    /// `YYYY-MM-DD HH:MM:SS` in Beijing time, as the upstream writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.second_of_day();
        write!(
            f,
            "{} {:02}:{:02}:{:02}",
            self.date(),
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

impl fmt::Debug for TimeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_key_is_beijing_time() {
        // The pair of TimeKey and TimeStampKey in the successor's metadata.
        let key = TimeKey::parse("2024-11-25 10:30:20").expect("a key");
        assert_eq!(key.unix(), 1_732_501_820);
        assert_eq!(key.to_string(), "2024-11-25 10:30:20");
    }

    #[test]
    fn both_forms_of_a_time_key_are_read() {
        assert_eq!(
            TimeKey::parse("2020-09-07"),
            TimeKey::parse("2020-09-07 00:00:00")
        );
        for bad in [
            "",
            "2020-09-7",
            "2020-13-01",
            "2020-09-07T00:00:00",
            "2020-09-07 24:00:00",
            "2020-09-07 23:60:00",
            "2020-09-07 23:59:60",
            "2020-09-07 1:00:00",
            "2020-09-07 01:00:00 ",
            "2020-09-07 01:00",
            "+020-09-07",
            "2021-02-29",
            "0000000000",
            "２０２０",
        ] {
            assert_eq!(TimeKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_date_ends_at_sixteen_hours_utc() {
        let last = TimeKey::parse("2024-02-29 23:59:59").expect("a key");
        assert_eq!(last.date().to_string(), "2024-02-29");
        assert_eq!(last.second_of_day(), 86_399);
        assert_eq!(last.plus_seconds(1), last.date().succ().midnight());
        assert_eq!(last.plus_seconds(1).unix() % 86_400, 16 * 3600);
        let midnight = last.date().midnight();
        assert_eq!(last.days_since(midnight), 0);
        assert_eq!(last.plus_seconds(1).days_since(midnight), 1);
        assert_eq!(midnight.plus_seconds(-1).days_since(midnight), -1);
    }

    #[test]
    fn dates_number_and_back() {
        let date: Date = "2020-09-08".parse().expect("a date");
        assert_eq!(Date::from_number(date.number()), Some(date));
        assert_eq!(date.pred().succ(), date);
        assert_eq!(date.days_since(date.minus_days(31)), 31);
    }

    #[test]
    fn off_grid_keys_keep_their_value_and_know_their_slot() {
        let key = TimeKey::parse("2020-09-07 00:05:05").expect("a key");
        assert_eq!(key.slot().to_string(), "2020-09-07 00:05:00");
    }
}
