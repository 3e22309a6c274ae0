//! One day's rows as the upstream said them, after the wire form is left behind.

use super::{BUCKETS_PER_DAY, Media, Source, TimeKey};

/// No bucket is believed above this: 33 million streams at once for five minutes. The upstream's own example has
/// 14,706,996 s in one bucket, so mere size is no reason to doubt a row.
pub(super) const ABSURD_MS: u64 = 10_000_000_000 * 1000;

/// Why a row was left out of an [`Answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The TimeKey is missing or not a time.
    #[error("its TimeKey is not a time")]
    TimeKey,
    /// A number is negative, not finite, not a number, or beyond belief.
    #[error("a value is negative, not a number or absurd")]
    Value,
    /// The row belongs to another app than the one asked for.
    #[error("it belongs to another app")]
    OtherApp,
    /// The row lies more than a day away from the date asked for.
    #[error("it lies more than a day away from the date asked for")]
    OtherDate,
    /// The row is a whole day's sum, and the day's buckets are there too.
    #[error("it is a day's sum beside that day's buckets")]
    DaySum,
}

/// The rows of one answer: per TimeKey one value for each of the action's columns, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    source: Source,
    /// The largest value that is believed.
    most_ms: u64,
    columns: Vec<Media>,
    keys: Vec<TimeKey>,
    values_ms: Vec<u64>,
    rejected: u64,
}

impl Answer {
    /// An answer that speaks about `columns` and has no rows yet. A column that a row lacks is 0 in it; a media that is
    /// not among the columns is not spoken about at all.
    pub fn new(columns: Vec<Media>) -> Self {
        Self {
            source: Source::default(),
            most_ms: ABSURD_MS,
            columns,
            keys: Vec::new(),
            values_ms: Vec::new(),
            rejected: 0,
        }
    }

    /// The same answer, with sums of days for its rows.
    pub fn of_days(self) -> Self {
        Self {
            most_ms: ABSURD_MS * BUCKETS_PER_DAY as u64,
            ..self
        }
    }

    /// The same answer, said by the action `source`.
    pub fn said_by(self, source: Source) -> Self {
        Self { source, ..self }
    }

    /// Which action has said it.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Adds a row with one value per column.
    ///
    /// # Errors
    /// An absurd value rejects and counts the row.
    ///
    /// # Panics
    /// When the number of values is not the number of columns: a slip in the caller, not in its input.
    pub fn push(&mut self, key: TimeKey, values_ms: &[u64]) -> Result<(), Rejected> {
        assert_eq!(values_ms.len(), self.columns.len(), "one value per column");
        if values_ms.iter().any(|&value| value > self.most_ms) {
            self.rejected += 1;
            return Err(Rejected::Value);
        }
        if self.keys.is_empty() {
            self.keys.reserve(BUCKETS_PER_DAY);
            self.values_ms.reserve(BUCKETS_PER_DAY * self.columns.len());
        }
        self.keys.push(key);
        self.values_ms.extend_from_slice(values_ms);
        Ok(())
    }

    /// Counts a row that the wire could not read.
    pub fn reject(&mut self) {
        self.rejected += 1;
    }

    /// The media that this answer speaks about.
    pub fn columns(&self) -> &[Media] {
        &self.columns
    }

    /// The rows in the order of the wire, each with one value per column in milliseconds.
    pub fn rows(&self) -> impl Iterator<Item = (TimeKey, &[u64])> {
        self.keys
            .iter()
            .copied()
            .zip(self.values_ms.chunks_exact(self.columns.len().max(1)))
    }

    /// How many rows were left out.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }
}
