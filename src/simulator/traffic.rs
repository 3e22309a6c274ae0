//! What the simulated apps really use: the final figures of every bucket, as a pure function of seed, app and bucket.
//! An app's character sets the level; on top come slow noise, idle moments and now and then a spike.

use super::character::Character;
use super::random::Chance;
use super::row::{Row, place};
use super::service::Service;
use crate::usage::{BUCKET_SECONDS, TimeKey};

/// A stretch of unusually high usage, put there by hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// The app that it happens to.
    pub sdk_app_id: u64,
    /// First bucket.
    pub from: TimeKey,
    /// How long it lasts, in seconds; rounded up to whole buckets.
    pub seconds: i64,
    /// How many times the usual.
    pub factor: f64,
}

impl Spike {
    fn covers(&self, bucket: TimeKey) -> bool {
        let from = self.from.slot();
        from <= bucket && bucket < from.plus_seconds(self.seconds)
    }
}

/// One app's usage.
pub(super) struct Traffic<'a> {
    chance: Chance,
    character: Character,
    spontaneous: bool,
    injected: &'a [Spike],
    sdk_app_id: u64,
}

/// Below this many streams at once an app has buckets in which nobody is there.
const SPARSE_STREAMS: f64 = 0.5;

/// Spontaneous spikes are drawn once per window of this many buckets: four hours.
const SPIKE_WINDOW: i64 = 48;

/// One window in this many has one: about one spike in four days and app.
const SPIKE_ODDS: f64 = 24.0;

/// Every draw has a name of its own, or two of them would move together.
mod draw {
    pub(super) const CHARACTER: u64 = 1;
    pub(super) const WANDER: u64 = 2;
    pub(super) const JITTER: u64 = 3;
    pub(super) const IDLE: u64 = 4;
    pub(super) const SPIKE: u64 = 5;
    pub(super) const SERVICE: u64 = 6;
}

impl<'a> Traffic<'a> {
    pub(super) fn new(
        seed: u64,
        sdk_app_id: u64,
        spontaneous: bool,
        injected: &'a [Spike],
    ) -> Self {
        let chance = Chance::seeded(seed).of(sdk_app_id);
        Self {
            chance,
            character: Character::of(sdk_app_id, chance.of(draw::CHARACTER)),
            spontaneous,
            injected,
            sdk_app_id,
        }
    }

    /// What is used of `service` in `bucket`, which lies on the five-minute grid, in the end.
    pub(super) fn row(&self, service: Service, bucket: TimeKey) -> Row {
        let slot = bucket.unix().div_euclid(BUCKET_SECONDS);
        let noise = |service: Service| {
            let chance = self.chance.of(draw::SERVICE).of(service as u64);
            chance.of(slot as u64).between(0.9, 1.1)
        };
        service.row(self.streams(bucket, slot), &self.character.parts, noise)
    }

    /// The seconds of its streams.
    fn streams(&self, bucket: TimeKey, slot: i64) -> Row {
        let streams = self.character.streams * self.character.level(bucket);
        let streams = streams * self.wander(slot) * self.spike(bucket, slot);
        let presence = self.chance.of(draw::IDLE).of(slot as u64).unit();
        let mut row = Row::default();
        if presence * SPARSE_STREAMS >= streams {
            return row;
        }
        let jitter = self.chance.of(draw::JITTER).of(slot as u64);
        for &(media, share) in self.character.mix {
            let noise = jitter.of(place(media) as u64).between(0.94, 1.06);
            row[media] = (streams * share * noise * BUCKET_SECONDS as f64) as u64;
        }
        row
    }

    /// Noise that moves slowly: points half an hour apart, and a smooth way between them.
    fn wander(&self, slot: i64) -> f64 {
        const STRIDE: i64 = 6;
        let knot = slot.div_euclid(STRIDE);
        let at = |knot: i64| {
            let point = self.chance.of(draw::WANDER).of(knot as u64);
            point.between(0.8, 1.2)
        };
        let way = slot.rem_euclid(STRIDE) as f64 / STRIDE as f64;
        let ease = way * way * (3.0 - 2.0 * way);
        at(knot) + (at(knot + 1) - at(knot)) * ease
    }

    /// How many times the usual this bucket is.
    fn spike(&self, bucket: TimeKey, slot: i64) -> f64 {
        let mut factor = if self.spontaneous {
            self.spontaneous_spike(slot)
        } else {
            1.0
        };
        for spike in self.injected {
            if spike.sdk_app_id == self.sdk_app_id && spike.covers(bucket) {
                factor *= spike.factor;
            }
        }
        factor
    }

    fn spontaneous_spike(&self, slot: i64) -> f64 {
        let window = self
            .chance
            .of(draw::SPIKE)
            .of(slot.div_euclid(SPIKE_WINDOW) as u64);
        if window.unit() * SPIKE_ODDS >= 1.0 {
            return 1.0;
        }
        let length = window.of(1).among(2, 6);
        let start = window.of(2).among(0, SPIKE_WINDOW - length);
        let since = slot.rem_euclid(SPIKE_WINDOW) - start;
        if (0..length).contains(&since) {
            window.of(3).between(4.0, 8.0)
        } else {
            1.0
        }
    }
}
