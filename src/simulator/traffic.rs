//! What the simulated apps really use: the final seconds of every bucket, as a pure function of seed, app and bucket.
//! Days have a quiet night, a morning and an evening peak in Beijing time; weekends differ; every app has its own size and mix.

use std::ops::{AddAssign, Index, IndexMut};

use super::random::Chance;
use crate::usage::{BUCKET_SECONDS, Media, TimeKey};

/// An app of the simulator that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemoApp {
    /// Its SdkAppId.
    pub sdk_app_id: u64,
    /// What the demo's configuration calls it.
    pub name: &'static str,
}

/// The apps that `trtc-exporter demo` watches.
pub const DEMO_APPS: [DemoApp; 3] = [
    DemoApp {
        sdk_app_id: 1_400_000_001,
        name: "classroom",
    },
    DemoApp {
        sdk_app_id: 1_400_000_002,
        name: "meetings",
    },
    DemoApp {
        sdk_app_id: 1_400_000_003,
        name: "live-shows",
    },
];

/// An app of the account that nobody watches: it makes the account's total larger than the sum of the apps.
pub const HIDDEN_APP: u64 = 1_400_000_099;

/// Seconds of one bucket, by media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row([u64; Media::ALL.len()]);

impl Row {
    pub(super) fn map(self, each: impl FnMut(u64) -> u64) -> Self {
        Self(self.0.map(each))
    }

    /// Whether nothing was used at all.
    pub fn is_idle(&self) -> bool {
        self.0 == [0; Media::ALL.len()]
    }
}

impl Index<Media> for Row {
    type Output = u64;

    fn index(&self, media: Media) -> &u64 {
        &self.0[media as usize]
    }
}

impl IndexMut<Media> for Row {
    fn index_mut(&mut self, media: Media) -> &mut u64 {
        &mut self.0[media as usize]
    }
}

impl AddAssign for Row {
    fn add_assign(&mut self, other: Self) {
        for media in Media::ALL {
            self[media] += other[media];
        }
    }
}

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

    /// The final seconds of `bucket`, which lies on the five-minute grid.
    pub(super) fn row(&self, bucket: TimeKey) -> Row {
        let slot = bucket.unix().div_euclid(BUCKET_SECONDS);
        let streams = self.character.streams * self.character.level(bucket);
        let streams = streams * self.wander(slot) * self.spike(bucket, slot);
        let presence = self.chance.of(draw::IDLE).of(slot as u64).unit();
        let mut row = Row::default();
        if presence * SPARSE_STREAMS >= streams {
            return row;
        }
        let jitter = self.chance.of(draw::JITTER).of(slot as u64);
        for &(media, share) in self.character.mix {
            let noise = jitter.of(media as u64).between(0.94, 1.06);
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

/// What distinguishes one app from another.
struct Character {
    /// Streams at once when the day is at its fullest.
    streams: f64,
    /// The share of each media.
    mix: &'static [(Media, f64)],
    /// What is left in the dead of night.
    night: f64,
    /// Height of the morning's peak on a working day and on a weekend.
    morning: [f64; 2],
    /// Height of the evening's peak on a working day and on a weekend.
    evening: [f64; 2],
}

const VOICE_FIRST: &[(Media, f64)] = &[
    (Media::Audio, 0.55),
    (Media::VideoSd, 0.35),
    (Media::VideoHd, 0.10),
];
const VIDEO_FIRST: &[(Media, f64)] = &[
    (Media::Audio, 0.25),
    (Media::VideoSd, 0.15),
    (Media::VideoHd, 0.45),
    (Media::VideoFullHd, 0.15),
];
const BROADCAST: &[(Media, f64)] = &[
    (Media::Audio, 0.10),
    (Media::VideoSd, 0.05),
    (Media::VideoHd, 0.30),
    (Media::VideoFullHd, 0.45),
    (Media::Video2k, 0.08),
    (Media::Video4k, 0.02),
];
/// An account that kept the pricing from before October 2019: one counter for everything.
const SINGLE_PRICE: &[(Media, f64)] = &[(Media::AudioVideo, 1.0)];

impl Character {
    /// The demo's apps are what their names say; any other id is drawn.
    fn of(sdk_app_id: u64, chance: Chance) -> Self {
        let demo = DEMO_APPS.iter().find(|app| app.sdk_app_id == sdk_app_id);
        match demo.map(|app| app.name) {
            Some("classroom") => Self {
                streams: 140.0,
                mix: VOICE_FIRST,
                night: 0.004,
                morning: [1.0, 0.15],
                evening: [0.55, 0.25],
            },
            Some("meetings") => Self {
                streams: 60.0,
                mix: VIDEO_FIRST,
                night: 0.01,
                morning: [1.0, 0.08],
                evening: [0.3, 0.1],
            },
            Some("live-shows") => Self {
                streams: 260.0,
                mix: BROADCAST,
                night: 0.05,
                morning: [0.2, 0.4],
                evening: [0.8, 1.0],
            },
            _ => Self::drawn(chance),
        }
    }

    fn drawn(chance: Chance) -> Self {
        let mixes = [
            VOICE_FIRST,
            VIDEO_FIRST,
            BROADCAST,
            VOICE_FIRST,
            VIDEO_FIRST,
            BROADCAST,
            SINGLE_PRICE,
        ];
        let working_morning = chance.of(3).between(0.3, 1.0);
        let working_evening = chance.of(4).between(0.3, 1.0);
        let weekend = chance.of(5).between(0.2, 1.3);
        Self {
            streams: chance.of(1).between(3_f64.ln(), 300_f64.ln()).exp(),
            mix: mixes[chance.of(2).among(0, mixes.len() as i64 - 1) as usize],
            night: chance.of(6).between(0.005, 0.05),
            morning: [working_morning, working_morning * weekend],
            evening: [working_evening, working_evening * weekend],
        }
    }

    /// How full the day is at `bucket`, about 0 to 1.
    fn level(&self, bucket: TimeKey) -> f64 {
        let hour = f64::from(bucket.second_of_day()) / 3600.0;
        // Day 1 of this numbering was a Monday.
        let weekend = usize::from(matches!(bucket.date().number().rem_euclid(7), 0 | 6));
        self.night
            + self.morning[weekend] * (bell(hour, 10.0, 1.4) + 0.7 * bell(hour, 15.0, 1.5))
            + self.evening[weekend] * bell(hour, 20.5, 1.5)
    }
}

/// A peak of height 1 on the clock's circle.
fn bell(hour: f64, peak: f64, width: f64) -> f64 {
    let apart = (hour - peak).abs();
    let apart = apart.min(24.0 - apart) / width;
    (-0.5 * apart * apart).exp()
}
