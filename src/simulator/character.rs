//! What distinguishes one simulated app from another: its size, its mix of media and the shape of its days, with a quiet
//! night, a morning and an evening peak in Beijing time, and other weekends. Pure.

use super::random::Chance;
use super::service::Parts;
use crate::usage::{Media, TimeKey};

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

/// What distinguishes one app from another.
pub(super) struct Character {
    /// Streams at once when the day is at its fullest.
    pub(super) streams: f64,
    /// The share of each media.
    pub(super) mix: &'static [(Media, f64)],
    /// What else is done with its streams.
    pub(super) parts: Parts,
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

/// Each is kept in one picture, some from every camera.
const LESSONS: Parts = Parts {
    mixed: 0.08,
    recorded_single: 0.05,
    recorded_multi: 0.1,
    relayed: 0.02,
};
/// Kept from every camera, and watched by few who do not take part.
const CONFERENCES: Parts = Parts {
    mixed: 0.04,
    recorded_single: 0.25,
    recorded_multi: 0.03,
    relayed: 0.01,
};
/// Most of the audience is at the other end of a CDN.
const SHOWS: Parts = Parts {
    mixed: 0.15,
    recorded_single: 0.02,
    recorded_multi: 0.05,
    relayed: 0.1,
};

impl Character {
    /// The demo's apps are what their names say; any other id is drawn.
    pub(super) fn of(sdk_app_id: u64, chance: Chance) -> Self {
        let demo = DEMO_APPS.iter().find(|app| app.sdk_app_id == sdk_app_id);
        match demo.map(|app| app.name) {
            Some("classroom") => Self {
                streams: 140.0,
                mix: VOICE_FIRST,
                parts: LESSONS,
                night: 0.004,
                morning: [1.0, 0.15],
                evening: [0.55, 0.25],
            },
            Some("meetings") => Self {
                streams: 60.0,
                mix: VIDEO_FIRST,
                parts: CONFERENCES,
                night: 0.01,
                morning: [1.0, 0.08],
                evening: [0.3, 0.1],
            },
            Some("live-shows") => Self {
                streams: 260.0,
                mix: BROADCAST,
                parts: SHOWS,
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
            parts: Parts {
                mixed: chance.of(7).between(0.02, 0.2),
                recorded_single: chance.of(8).between(0.02, 0.3),
                recorded_multi: chance.of(9).between(0.02, 0.1),
                relayed: chance.of(10).between(0.01, 0.1),
            },
            night: chance.of(6).between(0.005, 0.05),
            morning: [working_morning, working_morning * weekend],
            evening: [working_evening, working_evening * weekend],
        }
    }

    /// How full the day is at `bucket`, about 0 to 1.
    pub(super) fn level(&self, bucket: TimeKey) -> f64 {
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
