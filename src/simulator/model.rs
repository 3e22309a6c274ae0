//! The account behind the simulated API: which apps it has, what they use and what of it is visible at `now`. Pure, and
//! the source of truth for every test that compares an exporter's counters with what was really used.

mod usage;

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::character::{DEMO_APPS, HIDDEN_APP};
use super::publication::Publication;
use super::row::Row;
use super::service::Service;
use super::traffic::Spike;
use crate::tencent::Item;
use crate::tencent::action::INTERACTIVE;
use crate::usage::{App, Date, Media, TimeKey};

pub use usage::Usage;

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

impl Model {
    /// Whether the app can be asked for.
    pub fn knows(&self, app: App) -> bool {
        match app {
            App::Id(id) => !self.only_these || self.apps.contains(&id),
            App::Total => true,
        }
    }

    /// What it uses of one billing item.
    pub fn of(&self, item: &Item) -> Usage<'_> {
        Usage::new(self, Service::of(item))
    }

    /// [`Usage::day_sum`] of the interactive streams.
    pub fn day_sum(&self, app: App, date: Date, now: DateTime<Utc>) -> Option<Row> {
        self.of(&INTERACTIVE).day_sum(app, date, now)
    }

    /// [`Usage::truth`] of the interactive streams.
    pub fn truth(&self, app: App, media: Media, range: Range<TimeKey>, now: DateTime<Utc>) -> u64 {
        self.of(&INTERACTIVE).truth(app, media, range, now)
    }
}

#[cfg(test)]
mod tests;
