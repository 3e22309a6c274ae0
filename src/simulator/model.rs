//! The account behind the simulated API: which apps it has, what they use and what of it is visible at `now`. Pure, and
//! the source of truth for every test that compares an exporter's counters with what was really used.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::character::{DEMO_APPS, HIDDEN_APP};
use super::publication::Publication;
use super::random::Chance;
use super::row::Row;
use super::traffic::{Spike, Traffic};
use crate::usage::{App, BUCKET_SECONDS, Date, Media, TimeKey};

/// An account and its usage for all time, as a function of the seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Another seed, other usage.
    pub seed: u64,
    /// The account's apps: the total is their sum. An app asked for need not be among them.
    pub apps: Vec<u64>,
    /// Whether only [`Model::apps`] can be asked for; otherwise every SdkAppId has usage.
    pub only_these: bool,
    /// Whether buckets without usage are left out; otherwise they are sent as rows of zeros.
    pub sparse: bool,
    /// Whether apps have spikes of their own accord.
    pub spontaneous_spikes: bool,
    /// Spikes on top of them.
    pub spikes: Vec<Spike>,
    /// How late and how often revised everything is.
    pub publication: Publication,
}

impl Default for Model {
    /// The account of the demo.
    fn default() -> Self {
        let demo = DEMO_APPS.iter().map(|app| app.sdk_app_id);
        Self {
            seed: 1,
            apps: demo.chain([HIDDEN_APP]).collect(),
            only_these: false,
            sparse: true,
            spontaneous_spikes: true,
            spikes: Vec::new(),
            publication: Publication::NORMAL,
        }
    }
}

/// Keeps the draws of a bucket's publication apart from those of its usage.
const PUBLICATION: u64 = 0x7075_626c;

impl Model {
    /// Whether the app can be asked for.
    pub fn knows(&self, app: App) -> bool {
        match app {
            App::Id(id) => !self.only_these || self.apps.contains(&id),
            App::Total => true,
        }
    }

    /// What the upstream says at `now` about the bucket at `bucket`, which lies on the five-minute grid. `None` while it
    /// says nothing: it is too early, or nothing was used and the model is sparse.
    pub fn shown(&self, app: App, bucket: TimeKey, now: DateTime<Utc>) -> Option<Row> {
        self.sources(app)
            .iter()
            .filter_map(|source| self.row(source, bucket, now.timestamp()))
            .reduce(Row::beside)
    }

    /// All rows of `date` that are visible at `now`, in the order of time.
    pub fn day(&self, app: App, date: Date, now: DateTime<Utc>) -> Vec<(TimeKey, Row)> {
        self.visible(app, date.midnight()..date.succ().midnight(), now)
    }

    /// The sum of [`Model::day`]; `None` when nothing of that date is visible.
    pub fn day_sum(&self, app: App, date: Date, now: DateTime<Utc>) -> Option<Row> {
        let rows = self.day(app, date, now);
        rows.into_iter().map(|(_, row)| row).reduce(Row::joined)
    }

    /// The seconds of all buckets in `range` as the upstream shows them at `now`. What it will say in the end is the
    /// truth at a `now` of two days later.
    pub fn truth(&self, app: App, media: Media, range: Range<TimeKey>, now: DateTime<Utc>) -> u64 {
        let rows = self.visible(app, range, now);
        rows.iter().map(|(_, row)| row[media]).sum()
    }

    fn visible(&self, app: App, range: Range<TimeKey>, now: DateTime<Utc>) -> Vec<(TimeKey, Row)> {
        let sources = self.sources(app);
        let now = now.timestamp();
        grid(range, now)
            .filter_map(|bucket| {
                let rows = sources
                    .iter()
                    .filter_map(|source| self.row(source, bucket, now));
                Some((bucket, rows.reduce(Row::beside)?))
            })
            .collect()
    }

    /// The apps whose usage answers for `app`.
    fn sources(&self, app: App) -> Vec<Source<'_>> {
        match app {
            App::Id(id) => vec![self.source(id)],
            App::Total => self.apps.iter().map(|&id| self.source(id)).collect(),
        }
    }

    fn source(&self, id: u64) -> Source<'_> {
        Source {
            traffic: Traffic::new(self.seed, id, self.spontaneous_spikes, &self.spikes),
            publication: Chance::seeded(self.seed).of(id).of(PUBLICATION),
        }
    }

    fn row(&self, source: &Source<'_>, bucket: TimeKey, now: i64) -> Option<Row> {
        let chance = source.publication.of(bucket.unix() as u64);
        let part = self.publication.course(chance, bucket).part(now)?;
        let row = source
            .traffic
            .row(bucket)
            .map(|seconds| (seconds as f64 * part) as u64);
        (!self.sparse || !row.is_idle()).then_some(row)
    }
}

/// One app, ready to be asked bucket by bucket.
struct Source<'a> {
    traffic: Traffic<'a>,
    publication: Chance,
}

/// The buckets of `range`; what is still to come at `now` need not be looked at.
fn grid(range: Range<TimeKey>, now: i64) -> impl Iterator<Item = TimeKey> {
    let first = range.start.plus_seconds(BUCKET_SECONDS - 1).slot().unix();
    let end = range.end.unix().min(now + 1);
    (first..end)
        .step_by(BUCKET_SECONDS as usize)
        .map(TimeKey::from_unix)
}

#[cfg(test)]
mod tests;
