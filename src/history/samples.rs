//! From days to the samples of each series, in ascending time.

use std::collections::{BTreeMap, BTreeSet};

use super::Span;
use crate::usage::{BUCKET_SECONDS, BUCKETS_PER_DAY, Date, Day, Media, TimeKey, final_at};

/// What is known of one date.
#[derive(Clone, Debug)]
pub struct KnownDay {
    /// The date.
    pub date: Date,
    /// The words on its buckets.
    pub day: Day,
    /// Whether an exporter keeps it, and so knows what of it was entered. Of a day that was asked for just now nothing was
    /// credited.
    pub kept: bool,
}

/// One value at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: TimeKey,
    /// Seconds of usage, in ms.
    pub ms: u64,
}

/// The samples of one media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Which media.
    pub media: Media,
    /// Each bucket's word at its TimeKey.
    pub buckets: Vec<Sample>,
    /// The counter: 0 one bucket before the first, then the sum so far at each bucket, and 0 at the seam.
    pub counter: Vec<Sample>,
}

/// The series of a target's days, which are sorted by date. A media without usage has none.
pub fn series(days: &[KnownDay], span: &Span) -> Vec<Series> {
    let slots: Vec<Slot<'_>> = days.iter().flat_map(slots).collect();
    let within = |slot: &&Slot<'_>| span.dates.contains(&slot.day.date) && slot.at < span.until;
    let behind = |slot: &&Slot<'_>| slot.at >= span.until;
    let one = |media| {
        let buckets: Vec<Sample> = slots
            .iter()
            .filter(within)
            .map(|slot| Sample {
                at: slot.at,
                ms: slot.word_ms(media),
            })
            .collect();
        let credited = span.seam.is_some();
        let part = |slot: &Slot<'_>| slot.entered_ms(media, credited);
        let parts = slots.iter().filter(within).map(part);
        let late: u64 = match span.seam.and_then(|seam| seam.entered_through) {
            Some(_) => slots.iter().filter(behind).map(part).sum(),
            None => 0,
        };
        let mut counter = climb(&buckets, parts);
        if let Some(seam) = span.seam {
            meet(&mut counter, seam.at, late);
        }
        let used = buckets.iter().chain(&counter).any(|sample| sample.ms > 0);
        used.then_some(Series {
            media,
            buckets,
            counter,
        })
    };
    let spoken_of = days.iter().flat_map(|known| known.day.columns());
    let media: BTreeSet<Media> = spoken_of.map(|column| column.media).collect();
    media
        .into_iter()
        .filter(|&media| is_time(media))
        .filter_map(one)
        .collect()
}

/// The buckets after one time and through another, which is settled: whatever is absent is zero. Per media that was ever
/// spoken about, in ascending time.
pub fn settled(
    days: &BTreeMap<Date, Day>,
    after: TimeKey,
    through: TimeKey,
) -> Vec<(Media, Vec<Sample>)> {
    let media: BTreeSet<Media> = days
        .values()
        .flat_map(Day::columns)
        .map(|column| column.media)
        .collect();
    let known = |(&date, day): (&Date, &Day)| KnownDay {
        date,
        day: day.clone(),
        kept: true,
    };
    let days: Vec<KnownDay> = days.iter().map(known).collect();
    let slots: Vec<Slot<'_>> = days
        .iter()
        .flat_map(|day| slots_until(day, Some(through.plus_seconds(1))))
        .filter(|slot| after < slot.at && slot.at <= through)
        .collect();
    let of = |media| {
        let sample = |slot: &Slot<'_>| Sample {
            at: slot.at,
            ms: slot.word_ms(media),
        };
        (media, slots.iter().map(sample).collect())
    };
    media
        .into_iter()
        .filter(|&media| is_time(media))
        .map(of)
        .collect()
}

/// A rate neither adds up nor has a counter.
fn is_time(media: Media) -> bool {
    media != Media::Bandwidth
}

/// A bucket that was heard of, or is zero because it was not.
struct Slot<'a> {
    at: TimeKey,
    day: &'a KnownDay,
    row: Option<usize>,
}

impl Slot<'_> {
    fn word_ms(&self, media: Media) -> u64 {
        self.of(media, |column| &column.words_ms)
    }

    /// What of the word the counter of history has to tell, when the rest may have been credited.
    fn entered_ms(&self, media: Media, credited: bool) -> u64 {
        if credited && self.day.kept {
            self.of(media, |column| &column.entered_ms)
        } else {
            self.word_ms(media)
        }
    }

    fn of(&self, media: Media, values: impl Fn(&crate::usage::Column) -> &Vec<u64>) -> u64 {
        let columns = self.day.day.columns();
        let column = columns.iter().find(|column| column.media == media);
        match (column, self.row) {
            (Some(column), Some(row)) => values(column)[row],
            _ => 0,
        }
    }
}

/// The buckets of a day in the order of time: its rows, and a zero for each five minutes without one, as far as it is known
/// that there was no usage.
fn slots(known: &KnownDay) -> Vec<Slot<'_>> {
    let known_until = match known.day.asked_at() {
        None => None,
        Some(asked_at) if asked_at >= final_at(known.date) => Some(known.date.succ().midnight()),
        Some(_) => known.day.seconds().last().map(|&second| {
            let newest = known.date.midnight().plus_seconds(i64::from(second));
            newest.slot()
        }),
    };
    slots_until(known, known_until)
}

/// The same, with zeros before this time.
fn slots_until(known: &KnownDay, known_until: Option<TimeKey>) -> Vec<Slot<'_>> {
    let midnight = known.date.midnight();
    let rows = known
        .day
        .seconds()
        .iter()
        .enumerate()
        .map(|(row, &second)| Slot {
            at: midnight.plus_seconds(i64::from(second)),
            day: known,
            row: Some(row),
        });
    let mut slots: Vec<Slot<'_>> = rows.collect();
    let heard: BTreeSet<TimeKey> = slots.iter().map(|slot| slot.at.slot()).collect();
    let zeros = (0..BUCKETS_PER_DAY as i64)
        .map(|slot| midnight.plus_seconds(slot * BUCKET_SECONDS))
        .take_while(|&at| known_until.is_some_and(|until| at < until))
        .filter(|at| !heard.contains(at));
    slots.extend(zeros.map(|at| Slot {
        at,
        day: known,
        row: None,
    }));
    slots.sort_by_key(|slot| slot.at);
    slots
}

/// The sum so far at each bucket, from 0 on.
fn climb(buckets: &[Sample], parts: impl Iterator<Item = u64>) -> Vec<Sample> {
    let Some(first) = buckets.first() else {
        return Vec::new();
    };
    let mut sum = Sample {
        at: first.at.plus_seconds(-BUCKET_SECONDS),
        ms: 0,
    };
    let mut counter = vec![sum];
    counter.extend(buckets.iter().zip(parts).map(|(bucket, part)| {
        sum.at = bucket.at;
        sum.ms += part;
        sum
    }));
    counter
}

/// Ends a counter where the scraped one begins: `late` was entered, but lies behind.
fn meet(counter: &mut Vec<Sample>, seam: TimeKey, late: u64) {
    let sum = counter.last().map_or(0, |last| last.ms);
    let before = seam.plus_seconds(-1);
    if late > 0 {
        counter.retain(|sample| sample.at < before);
        if counter.is_empty() {
            let at = before.plus_seconds(-BUCKET_SECONDS);
            counter.push(Sample { at, ms: 0 });
        }
        counter.push(Sample {
            at: before,
            ms: sum + late,
        });
    }
    if counter.is_empty() {
        return;
    }
    counter.push(Sample { at: seam, ms: 0 });
}

#[cfg(test)]
mod tests;
