//! What an account uses of one billing item, and what of it is visible at `now`. Pure.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::Model;
use crate::simulator::random::Chance;
use crate::simulator::row::Row;
use crate::simulator::service::Service;
use crate::simulator::traffic::Traffic;
use crate::usage::{App, BUCKET_SECONDS, Date, Media, TimeKey};

/// Keeps the draws of a bucket's publication apart from those of its usage.
const PUBLICATION: u64 = 0x7075_626c;

/// The usage of one billing item, for all time.
#[derive(Clone, Copy, Debug)]
pub struct Usage<'a> {
    model: &'a Model,
    service: Service,
}

impl<'a> Usage<'a> {
    pub(super) fn new(model: &'a Model, service: Service) -> Self {
        Self { model, service }
    }

    /// What the upstream says at `now` about the bucket at `bucket`, which lies on the five-minute grid. `None` while it
    /// says nothing: it is too early, or nothing was used and the model is sparse.
    pub fn shown(self, app: App, bucket: TimeKey, now: DateTime<Utc>) -> Option<Row> {
        let sources = self.sources(app);
        self.row(&sources, bucket, now.timestamp())
    }

    /// All rows of `date` that are visible at `now`, in the order of time.
    pub fn day(self, app: App, date: Date, now: DateTime<Utc>) -> Vec<(TimeKey, Row)> {
        let range = date.midnight()..date.succ().midnight();
        self.visible(app, range, now).collect()
    }

    /// The rows of [`Usage::day`] as one: times are added up, of bandwidths the highest is taken. `None` when nothing of
    /// that date is visible.
    pub fn day_sum(self, app: App, date: Date, now: DateTime<Utc>) -> Option<Row> {
        self.sum(app, date.midnight()..date.succ().midnight(), now)
    }

    /// The seconds of all buckets in `range` as the upstream shows them at `now`, or the highest bandwidth in kbit/s. What
    /// it will say in the end is the truth at a `now` of two days later.
    pub fn truth(self, app: App, media: Media, range: Range<TimeKey>, now: DateTime<Utc>) -> u64 {
        self.sum(app, range, now).map_or(0, |row| row[media])
    }

    fn sum(self, app: App, range: Range<TimeKey>, now: DateTime<Utc>) -> Option<Row> {
        let rows = self.visible(app, range, now);
        rows.map(|(_, row)| row).reduce(Row::joined)
    }

    fn visible(
        self,
        app: App,
        range: Range<TimeKey>,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = (TimeKey, Row)> {
        let sources = self.sources(app);
        let now = now.timestamp();
        grid(range, now).filter_map(move |bucket| Some((bucket, self.row(&sources, bucket, now)?)))
    }

    /// The apps whose usage answers for `app`.
    fn sources(self, app: App) -> Vec<Source<'a>> {
        match app {
            App::Id(id) => vec![self.source(id)],
            App::Total => self.model.apps.iter().map(|&id| self.source(id)).collect(),
        }
    }

    fn source(self, id: u64) -> Source<'a> {
        let Model {
            seed,
            spontaneous_spikes,
            ref spikes,
            ..
        } = *self.model;
        let publication = Chance::seeded(seed).of(id).of(PUBLICATION);
        Source {
            traffic: Traffic::new(seed, id, spontaneous_spikes, spikes),
            publication: match self.service {
                Service::Streaming => publication,
                other => publication.of(other as u64),
            },
        }
    }

    fn row(self, sources: &[Source<'_>], bucket: TimeKey, now: i64) -> Option<Row> {
        let rows = sources
            .iter()
            .filter_map(|source| self.part(source, bucket, now));
        rows.reduce(Row::beside)
    }

    fn part(self, source: &Source<'_>, bucket: TimeKey, now: i64) -> Option<Row> {
        let Self { model, service } = self;
        let chance = source.publication.of(bucket.unix() as u64);
        let part = model.publication.course(chance, bucket).part(now)?;
        let row = source
            .traffic
            .row(service, bucket)
            .map(|figure| (figure as f64 * part) as u64);
        (!model.sparse || !row.is_idle()).then_some(row)
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
