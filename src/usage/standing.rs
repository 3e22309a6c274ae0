//! How one target stands: what is kept of it in memory between polls, and the view of it that a scrape shows.

use chrono::{DateTime, Utc};

use super::{Date, Day, Ledger, Media, SeriesView, View};

/// The sums of one date, in ms per media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    date: Date,
    sums_ms: Vec<(Media, u64)>,
}

impl Sums {
    /// The sums of `day`, being the date `date`.
    pub fn of(date: Date, day: &Day) -> Self {
        let sums_ms = day
            .columns()
            .iter()
            .map(|column| (column.media, day.sum_ms(column.media)))
            .collect();
        Self { date, sums_ms }
    }

    fn get(&self, media: Media) -> u64 {
        self.sums_ms
            .iter()
            .find(|(own, _)| *own == media)
            .map_or(0, |&(_, sum)| sum)
    }
}

/// One target between polls.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    ledger: Ledger,
    /// The media that its action reports: shown from the first poll on, with 0 until something is known.
    media: Vec<Media>,
    /// The sums of the newest dates that were heard of, newest first; no more than today and yesterday are needed.
    sums: Vec<Sums>,
    up: Option<bool>,
    last_success: Option<DateTime<Utc>>,
}

impl Standing {
    /// A target of an action that reports `media`, with what was saved of it.
    pub fn new(
        media: Vec<Media>,
        ledger: Ledger,
        sums: Vec<Sums>,
        last_success: Option<DateTime<Utc>>,
    ) -> Self {
        let mut standing = Self {
            ledger,
            media,
            sums: Vec::new(),
            up: None,
            last_success,
        };
        standing.keep_sums(sums);
        standing
    }

    /// An answer was kept: the ledger as it now is, and the sums of the dates that changed.
    pub fn learned(&mut self, ledger: Ledger, sums: Vec<Sums>) {
        self.ledger = ledger;
        self.keep_sums(sums);
    }

    /// A poll of today succeeded.
    pub fn succeeded(&mut self, now: DateTime<Utc>) {
        self.up = Some(true);
        self.last_success = Some(now);
    }

    /// A poll of today failed.
    pub fn failed(&mut self) {
        self.up = Some(false);
    }

    /// Goes on from how the same target stood before a reload, as far as it is not kept on disk.
    pub fn resume(&mut self, before: &Self) {
        self.up = before.up;
    }

    /// What a scrape shows when the date in Beijing is `today`.
    pub fn view(&self, today: Date) -> View {
        let heard_of = self.up.is_some() || !self.ledger.series.is_empty();
        let shown = |media: &Media| {
            heard_of && (self.media.contains(media) || self.ledger.series(*media).is_some())
        };
        View {
            series: Media::ALL
                .into_iter()
                .filter(shown)
                .map(|media| self.series_view(media, today))
                .collect(),
            bucket: self.ledger.settled,
            revised_up_ms: self.ledger.raised_ms,
            revised_down_ms: self.ledger.lowered_ms,
            up: self.up,
            last_success: self.last_success.map(|at| at.timestamp()),
        }
    }

    fn series_view(&self, media: Media, today: Date) -> SeriesView {
        let series = self.ledger.series(media);
        SeriesView {
            media,
            total_ms: series.map_or(0, |series| series.published_ms),
            overcounted_ms: series.map_or(0, |series| series.overcounted_ms()),
            bucket_ms: series.map_or(0, |series| series.bucket_ms),
            today_ms: self.sum_ms(today, media),
            yesterday_ms: self.sum_ms(today.pred(), media),
        }
    }

    fn sum_ms(&self, date: Date, media: Media) -> u64 {
        self.sums
            .iter()
            .find(|sums| sums.date == date)
            .map_or(0, |sums| sums.get(media))
    }

    fn keep_sums(&mut self, fresh: Vec<Sums>) {
        for sums in fresh {
            self.sums.retain(|old| old.date != sums.date);
            self.sums.push(sums);
        }
        self.sums.sort_by_key(|sums| std::cmp::Reverse(sums.date));
        self.sums.truncate(3);
    }
}
