//! One target's Beijing date: the upstream's last word on each of its buckets. It knows words, not credit: what a change
//! is worth to the counter is the ledger's business.

use chrono::{DateTime, Utc};

use super::answer::ABSURD_MS;
use super::{BUCKET_SECONDS, Date, Media, Source, TimeKey};

/// Whether rows came with an answer for their own date, or strayed into the answer for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Own,
    Stray,
}

/// A row on its way into a [`Day`]: second of the day, one value per column of the answer.
pub(super) type Row<'a> = (u32, &'a [u64]);

/// The last words on the buckets of one date. Buckets are kept by TimeKey, sorted; a word once heard stays until it is
/// replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// When the upstream was last asked for this very date and answered.
    asked_at: Option<DateTime<Utc>>,
    /// The action that its words come from; unknown of those that an early version kept.
    source: Option<Source>,
    seconds: Vec<u32>,
    own: Vec<bool>,
    columns: Vec<Column>,
}

/// One media of a [`Day`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Which media.
    pub media: Media,
    /// Whether an answer for this very date has spoken about it: from then on each change is worth its difference.
    pub opened: bool,
    /// One value per bucket of the day, in ms.
    pub words_ms: Vec<u64>,
    /// Of each word the part that the counter was never credited: the word at first sight. 0 where all of it counts.
    pub entered_ms: Vec<u64>,
}

/// What absorbing rows changed in one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// New sum minus old sum.
    pub(super) growth_ms: i64,
    /// Sum of the rises of buckets that were known before.
    pub(super) raised_ms: u64,
    /// Sum of the falls of buckets that were known before.
    pub(super) lowered_ms: u64,
}

impl Change {
    fn record(&mut self, old: Option<u64>, new: u64) {
        let before = old.unwrap_or(0);
        self.growth_ms += new as i64 - before as i64;
        if old.is_some() {
            self.raised_ms += new.saturating_sub(before);
            self.lowered_ms += before.saturating_sub(new);
        }
    }
}

impl Day {
    /// Puts a day together again from its parts, as storage kept them.
    ///
    /// Returns `None` when they cannot be a day: seconds not ascending or out of range, lengths that differ, a media
    /// twice, a word that no answer can have brought.
    pub fn from_parts(
        asked_at: Option<DateTime<Utc>>,
        seconds: Vec<u32>,
        own: Vec<bool>,
        columns: Vec<Column>,
    ) -> Option<Self> {
        let rows = seconds.len();
        let ascending = seconds.windows(2).all(|pair| pair[0] < pair[1]);
        let in_range = seconds.last().is_none_or(|&last| last < 86_400);
        let even = own.len() == rows
            && columns
                .iter()
                .all(|column| column.words_ms.len() == rows && column.entered_ms.len() == rows);
        let distinct = columns.iter().enumerate().all(|(index, column)| {
            columns[..index]
                .iter()
                .all(|other| other.media != column.media)
        });
        let believable = columns
            .iter()
            .flat_map(|column| column.words_ms.iter().chain(&column.entered_ms))
            .all(|&word| word <= ABSURD_MS);
        (ascending && in_range && even && distinct && believable).then_some(Self {
            asked_at,
            source: None,
            seconds,
            own,
            columns,
        })
    }

    /// The same day, its words said by the action `source`.
    pub fn said_by(self, source: Option<Source>) -> Self {
        Self { source, ..self }
    }

    /// The action that its words come from; `None` when that is not known.
    pub fn source(&self) -> Option<Source> {
        self.source
    }

    /// When the upstream was last asked for this very date and answered.
    pub fn asked_at(&self) -> Option<DateTime<Utc>> {
        self.asked_at
    }

    /// Seconds of the day of all buckets, ascending.
    pub fn seconds(&self) -> &[u32] {
        &self.seconds
    }

    /// Per bucket, whether the word came with an answer for this very date.
    pub fn own(&self) -> &[bool] {
        &self.own
    }

    /// The media that were spoken about.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Sum of all buckets of a media, in ms.
    pub fn sum_ms(&self, media: Media) -> u64 {
        self.column(media)
            .map_or(0, |column| column.words_ms.iter().sum())
    }

    /// The word on one bucket, in ms; 0 when there is none.
    pub fn word_ms(&self, key: TimeKey, media: Media) -> u64 {
        let index = self.seconds.binary_search(&key.second_of_day());
        match (index, self.column(media)) {
            (Ok(index), Some(column)) => column.words_ms[index],
            _ => 0,
        }
    }

    /// The newest bucket at or before `limit` that this day, being the date `date`, has a word on.
    pub(super) fn newest_until(&self, date: Date, limit: TimeKey) -> Option<TimeKey> {
        let midnight = date.midnight();
        let count = self
            .seconds
            .partition_point(|&second| midnight.plus_seconds(i64::from(second)) <= limit);
        let second = *self.seconds.get(count.checked_sub(1)?)?;
        Some(midnight.plus_seconds(i64::from(second)))
    }

    /// Whether an answer for this very date has spoken about `media`.
    pub(super) fn is_open(&self, media: Media) -> bool {
        self.column(media).is_some_and(|column| column.opened)
    }

    /// Marks that an answer for this very date has spoken about `media`, so that later changes count.
    pub(super) fn open(&mut self, media: &[Media], source: Source, asked_at: DateTime<Utc>) {
        self.asked_at = Some(asked_at);
        if self.seconds.is_empty() {
            self.source = Some(source);
        }
        for &media in media {
            let index = self.column_index(media);
            self.columns[index].opened = true;
        }
    }

    /// Takes in rows, sorted by second and each second once, and tells per column what changed and which buckets are new.
    /// A stray row never replaces a word that came with an answer for this very date. `counts` tells per column whether
    /// a change is credited; otherwise it is entered.
    ///
    /// The same usage must not stand there twice when another action tells it than the one that the words come from, which
    /// may label it otherwise. So a row takes the place of all words on its five minutes; words elsewhere give way once the
    /// answer says at least as much as all that was there, and until then are not lost. Stray rows of another action are
    /// none of this date's business.
    pub(super) fn absorb(
        &mut self,
        media: &[Media],
        rows: &[Row<'_>],
        (origin, source): (Origin, Source),
        counts: &[bool],
    ) -> (Vec<Change>, Vec<u32>) {
        let columns: Vec<usize> = media
            .iter()
            .map(|&media| self.column_index(media))
            .collect();
        let mut changes = vec![Change::default(); media.len()];
        let mut fresh = Vec::new();
        if self.is_of_other(source) && origin == Origin::Stray {
            return (changes, fresh);
        }
        if self.seconds.is_empty() {
            self.source = Some(source);
        } else if self.source != Some(source) && origin == Origin::Own {
            let is_all_told = !self.says_more(media, rows);
            if self.give_way(&columns, rows, &mut changes, counts, is_all_told) {
                self.source = Some(source);
            }
        }
        for &(second, values) in rows {
            let (index, known) = match self.seconds.binary_search(&second) {
                Ok(index) if origin == Origin::Stray && self.own[index] => continue,
                Ok(index) => (index, true),
                Err(index) => {
                    self.insert(index, second);
                    fresh.push(second);
                    (index, false)
                }
            };
            self.own[index] |= origin == Origin::Own;
            let cells = columns.iter().zip(counts).zip(&mut changes).zip(values);
            for (((&column, &counts), change), &value) in cells {
                let column = &mut self.columns[column];
                let word = &mut column.words_ms[index];
                change.record(known.then_some(*word), value);
                *word = value;
                if !counts {
                    column.entered_ms[index] = value;
                }
            }
        }
        (changes, fresh)
    }

    /// Whether its words are known to come from another action than `source`.
    pub(super) fn is_of_other(&self, source: Source) -> bool {
        self.source.is_some_and(|own| own != source) && !self.seconds.is_empty()
    }

    /// Whether the words on these media are more than those of `rows`, all in all.
    fn says_more(&self, media: &[Media], rows: &[Row<'_>]) -> bool {
        let own: u64 = media.iter().map(|&media| self.sum_ms(media)).sum();
        own > rows.iter().flat_map(|(_, values)| *values).sum()
    }

    /// Takes back the words on other buckets than those of `rows`, but within the same five minutes; all of them if
    /// `is_all_told`. Whether none is left.
    fn give_way(
        &mut self,
        columns: &[usize],
        rows: &[Row<'_>],
        changes: &mut [Change],
        counts: &[bool],
        is_all_told: bool,
    ) -> bool {
        let mut is_none_left = true;
        for (index, second) in self.seconds.iter().enumerate() {
            if rows.binary_search_by_key(second, |row| row.0).is_ok() {
                continue;
            }
            let slot = second / BUCKET_SECONDS as u32;
            let in_slot = rows.binary_search_by_key(&slot, |row| row.0 / BUCKET_SECONDS as u32);
            if !is_all_told && in_slot.is_err() {
                let mut words = columns
                    .iter()
                    .map(|&column| self.columns[column].words_ms[index]);
                is_none_left &= words.all(|word| word == 0);
                continue;
            }
            self.own[index] = false;
            for ((&column, &counts), change) in columns.iter().zip(counts).zip(&mut *changes) {
                let column = &mut self.columns[column];
                change.record(Some(column.words_ms[index]), 0);
                column.words_ms[index] = 0;
                if !counts {
                    column.entered_ms[index] = 0;
                }
            }
        }
        is_none_left
    }

    fn insert(&mut self, index: usize, second: u32) {
        self.seconds.insert(index, second);
        self.own.insert(index, false);
        for column in &mut self.columns {
            column.words_ms.insert(index, 0);
            column.entered_ms.insert(index, 0);
        }
    }

    fn column(&self, media: Media) -> Option<&Column> {
        self.columns.iter().find(|column| column.media == media)
    }

    fn column_index(&mut self, media: Media) -> usize {
        self.columns
            .iter()
            .position(|column| column.media == media)
            .unwrap_or_else(|| {
                self.columns.push(Column {
                    media,
                    opened: false,
                    words_ms: vec![0; self.seconds.len()],
                    entered_ms: vec![0; self.seconds.len()],
                });
                self.columns.len() - 1
            })
    }
}
