//! The heart: turns the upstream's changing words into a counter that never falls and counts nothing twice.
//!
//! Each series knows `credited`, the sum over its buckets of last word minus the word known at first sight, and
//! publishes the running maximum of it. So usage from before the first sight is entered but never credited, a downward
//! revision is absorbed by later usage, and once it is absorbed the counter has grown by exactly what the upstream's
//! own sum has grown.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use super::day::{Change, Day, Origin, Row};
use super::settle::newest_settled;
use super::{Answer, Date, Media, TimeKey};

/// The totals of one target. Its days are kept elsewhere and handed in for a merge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// What a day up to this date says when it is first heard of is entered, not credited: it lies before the first
    /// sight, or was forgotten on purpose. `None` before the first sight.
    pub floor: Option<Date>,
    /// One entry per media, sorted by it.
    pub series: Vec<Series>,
    /// The newest settled bucket, whose words are the series' `bucket_ms`.
    pub settled: Option<TimeKey>,
    /// Sum of all rises of buckets that had been credited before, in ms.
    pub raised_ms: u64,
    /// Sum of all falls of buckets that had been credited before, in ms.
    pub lowered_ms: u64,
}

/// The totals of one media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// Which media.
    pub media: Media,
    /// The date of its first sight; like [`Ledger::floor`], for a media that the first answers did not speak about.
    pub since: Date,
    /// Sum over all buckets of last word minus word at first sight, in ms. Falls when the upstream takes usage back.
    pub credited_ms: i64,
    /// The counter: the largest value that `credited_ms` ever had.
    pub published_ms: u64,
    /// The word on the newest settled bucket, in ms.
    pub bucket_ms: u64,
}

impl Series {
    /// How far the counter is ahead of the upstream, in ms.
    pub fn overcounted_ms(&self) -> u64 {
        self.published_ms.saturating_sub_signed(self.credited_ms)
    }

    fn publish(&mut self) {
        self.published_ms = self
            .published_ms
            .max(u64::try_from(self.credited_ms).unwrap_or(0));
    }
}

/// When buckets count as settled.
#[derive(Clone, Copy, Debug)]
pub struct Settling {
    /// Age at which a bucket counts as settled.
    pub after: Duration,
    /// The newest TimeKey that any target of the account and item has shown: before it, absent means zero.
    pub watermark: Option<TimeKey>,
}

/// What a merge brought, beside the changed ledger and days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Buckets heard of for the first time, leaving out those from before the first sight.
    pub arrivals: Vec<TimeKey>,
}

impl Ledger {
    /// Takes in an answer to the question for `date`, asked at `asked_at`.
    ///
    /// `days` holds what is known of every date that the answer touches (see [`touched_dates`]); a date never heard of
    /// may be left out. Rows of `date` replace earlier words, stray rows of other dates only fill in where no answer for
    /// their own date has spoken. Repeating a merge changes nothing, and the order of rows does not matter.
    pub fn merge(
        &mut self,
        days: &mut BTreeMap<Date, Day>,
        date: Date,
        answer: &Answer,
        asked_at: DateTime<Utc>,
        settling: Settling,
    ) -> Merged {
        let first_sight = self.floor.is_none();
        self.floor.get_or_insert(date);
        let new_media = self.enter_series(answer.columns(), date.max(Date::of(asked_at)));
        let mut merged = Merged::default();
        for (row_date, rows) in by_date(answer) {
            let rows: Vec<Row<'_>> = rows
                .iter()
                .map(|(second, values)| (*second, values.as_slice()))
                .collect();
            let origin = if row_date == date {
                Origin::Own
            } else {
                Origin::Stray
            };
            let day = days.entry(row_date).or_default();
            let counts: Vec<bool> = answer
                .columns()
                .iter()
                .map(|&media| {
                    !first_sight && !new_media.contains(&media) && self.counts(day, row_date, media)
                })
                .collect();
            let said = (origin, answer.source());
            let (changes, fresh) = day.absorb(answer.columns(), &rows, said, &counts);
            self.credit(answer.columns(), &changes, &counts);
            if counts.contains(&true) {
                let midnight = row_date.midnight();
                merged.arrivals.extend(
                    fresh
                        .iter()
                        .map(|&second| midnight.plus_seconds(i64::from(second))),
                );
            }
        }
        // Only now: between its dates an answer may seem to have credited what it takes back on the next one.
        self.series.iter_mut().for_each(Series::publish);
        let day = days.entry(date).or_default();
        day.open(answer.columns(), answer.source(), asked_at);
        self.settled = self
            .settled
            .max(newest_settled(day, date, asked_at, settling));
        self.follow_settled(days);
        merged
    }

    /// Forgets that dates up to `date` were ever heard of: should the upstream be asked for one of them again (a clock
    /// was set back), it is entered without credit rather than counted twice.
    pub fn forget_through(&mut self, date: Date) {
        self.floor = self.floor.map(|floor| floor.max(date));
    }

    /// The totals of a media, if it was ever heard of.
    pub fn series(&self, media: Media) -> Option<&Series> {
        self.series.iter().find(|series| series.media == media)
    }

    fn enter_series(&mut self, columns: &[Media], since: Date) -> Vec<Media> {
        let new: Vec<Media> = columns
            .iter()
            .copied()
            .filter(|&media| self.series(media).is_none())
            .collect();
        self.series.extend(new.iter().map(|&media| Series {
            media,
            since,
            credited_ms: 0,
            published_ms: 0,
            bucket_ms: 0,
        }));
        self.series.sort_by_key(|series| series.media);
        new
    }

    /// Whether a change of this media in this day is worth something to the counter.
    fn counts(&self, day: &Day, date: Date, media: Media) -> bool {
        let before_first_sight = self.floor.is_none_or(|floor| date <= floor)
            || self.series(media).is_none_or(|series| date <= series.since);
        day.is_open(media) || !before_first_sight
    }

    fn credit(&mut self, columns: &[Media], changes: &[Change], counts: &[bool]) {
        for ((&media, change), &counts) in columns.iter().zip(changes).zip(counts) {
            let Some(series) = self.series.iter_mut().find(|series| series.media == media) else {
                continue;
            };
            if counts {
                series.credited_ms = series.credited_ms.saturating_add(change.growth_ms);
                self.raised_ms = self.raised_ms.saturating_add(change.raised_ms);
                self.lowered_ms = self.lowered_ms.saturating_add(change.lowered_ms);
            }
        }
    }

    /// Takes over the word on the settled bucket, which a stray row may have changed as well.
    fn follow_settled(&mut self, days: &BTreeMap<Date, Day>) {
        let Some((key, day)) = self
            .settled
            .and_then(|key| Some((key, days.get(&key.date())?)))
        else {
            return;
        };
        for series in &mut self.series {
            series.bucket_ms = day.word_ms(key, series.media);
        }
    }
}

/// The dates whose days a merge of this answer needs.
pub fn touched_dates(date: Date, answer: &Answer) -> Vec<Date> {
    let mut dates: Vec<Date> = answer
        .rows()
        .map(|(key, _)| key.date())
        .chain([date])
        .collect();
    dates.sort_unstable();
    dates.dedup();
    dates
}

/// The rows of an answer per date, sorted, each bucket once. Where a bucket is told twice in one answer the larger value
/// holds, so that the order of rows cannot matter.
fn by_date(answer: &Answer) -> BTreeMap<Date, BTreeMap<u32, Vec<u64>>> {
    let mut dates: BTreeMap<Date, BTreeMap<u32, Vec<u64>>> = BTreeMap::new();
    for (key, values) in answer.rows() {
        let row = dates
            .entry(key.date())
            .or_default()
            .entry(key.second_of_day())
            .or_insert_with(|| values.to_vec());
        for (kept, &value) in row.iter_mut().zip(values) {
            *kept = value.max(*kept);
        }
    }
    dates
}

#[cfg(test)]
mod tests;
