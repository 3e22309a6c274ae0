//! What a scrape shows of one target: the ledger's figures, ready to be rendered.

use super::{Media, TimeKey, Unit};

/// The figures of one target at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// What its figures are.
    pub unit: Unit,
    /// One entry per media, sorted by it.
    pub series: Vec<SeriesView>,
    /// TimeKey of the newest settled bucket; `None` until there is one.
    pub bucket: Option<TimeKey>,
    /// Seconds, in ms, by which already published buckets were raised.
    pub revised_up_ms: u64,
    /// Seconds, in ms, by which already published buckets were lowered.
    pub revised_down_ms: u64,
    /// Sums of days that the upstream tells and those of its own buckets, how far they are apart over the dates that are
    /// final, in ms; `None` before it was compared.
    pub unreconciled_ms: Option<u64>,
    /// Whether the counters are held back, because they may be lower than they have been seen.
    pub catching_up: bool,
    /// Whether the last poll succeeded; `None` before the first one has ended.
    pub up: Option<bool>,
    /// When a poll last succeeded, Unix seconds.
    pub last_success: Option<i64>,
}

/// The figures of one series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesView {
    /// Its media.
    pub media: Media,
    /// The counter: usage credited so far.
    pub total_ms: u64,
    /// How far the counter is ahead of the upstream.
    pub overcounted_ms: u64,
    /// Usage in the newest settled bucket.
    pub bucket_ms: u64,
    /// Usage of today's Beijing date so far.
    pub today_ms: u64,
    /// Usage of yesterday's Beijing date.
    pub yesterday_ms: u64,
    /// Billable minutes of the month so far; `None` before they are known.
    pub month_minutes: Option<u64>,
}
