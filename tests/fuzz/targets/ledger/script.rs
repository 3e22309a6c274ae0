//! What may happen, drawn from the fuzzer's bytes: few dates, buckets and media, so that they meet again and again.

use arbitrary::Arbitrary;
use trtc_exporter::usage::Media;

use super::{Date, DateTime, TimeDelta, TimeKey, Utc};

/// The largest word that a wire lets through, in ms.
const LARGEST: u64 = 10_000_000_000_000;

const MEDIA: [Media; 3] = [Media::Audio, Media::VideoHd, Media::Video4k];

/// Seconds of the day: on the grid and off it, at either end.
const BUCKETS: [u32; 8] = [0, 300, 305, 36_000, 36_300, 36_600, 86_100, 86_399];

/// Everything that happens to one target.
#[derive(Arbitrary, Debug)]
pub(super) struct Story {
    /// Whether its days are in a store.
    pub(super) is_kept: bool,
    pub(super) steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Arbitrary, Debug)]
pub(super) enum Step {
    /// The upstream answers.
    Say(Say),
    /// It gives the last answer again, whatever has happened since.
    Repeat,
    /// The process is started anew.
    Restart,
    /// Days are too old to be kept.
    Forget { through: u8 },
}

/// An answer in few bytes.
#[derive(Arbitrary, Debug)]
pub(super) struct Say {
    date: u8,
    /// Hours from the date's midnight; more than 24 when it is asked for later.
    hour: u8,
    /// Which media, and in which order.
    columns: u8,
    settle_after_minutes: u8,
    watermark: Option<(u8, u8)>,
    rows: Vec<(u8, u8, [u8; 3])>,
}

/// An answer in full.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) date: Date,
    pub(super) asked_at: DateTime<Utc>,
    pub(super) columns: Vec<Media>,
    pub(super) rows: Vec<(TimeKey, Vec<u64>)>,
    pub(super) settle_after: TimeDelta,
    pub(super) watermark: Option<TimeKey>,
}

impl Say {
    pub(super) fn told(&self) -> Said {
        let date = date(self.date);
        let after_midnight = i64::from(self.hour % 40) * 3600;
        let mut columns: Vec<(usize, Media)> = MEDIA
            .into_iter()
            .enumerate()
            .filter(|(place, _)| self.columns >> place & 1 == 1)
            .collect();
        if columns.is_empty() {
            columns.push((0, MEDIA[0]));
        }
        if self.columns & 0x80 != 0 {
            columns.reverse();
        }
        let row = |(day, bucket, values): &(u8, u8, [u8; 3])| {
            let of = match day % 8 {
                0 => date.pred(),
                1 => date.succ(),
                _ => date,
            };
            let values = columns.iter().map(|&(place, _)| word(values[place]));
            (key(of, *bucket), values.collect())
        };
        Said {
            date,
            asked_at: DateTime::from_timestamp(date.midnight().unix() + after_midnight, 0)
                .expect("in range"),
            rows: self.rows.iter().take(8).map(row).collect(),
            columns: columns.iter().map(|&(_, media)| media).collect(),
            settle_after: TimeDelta::minutes(i64::from(self.settle_after_minutes)),
            watermark: self
                .watermark
                .map(|(day, bucket)| key(self::date(day), bucket)),
        }
    }
}

/// One of six dates, a leap day among them.
pub(super) fn date(day: u8) -> Date {
    let last: Date = "2024-03-03".parse().expect("a date");
    last.minus_days(u64::from(day % 6))
}

fn key(date: Date, bucket: u8) -> TimeKey {
    let second = BUCKETS[usize::from(bucket) % BUCKETS.len()];
    date.midnight().plus_seconds(i64::from(second))
}

fn word(byte: u8) -> u64 {
    match byte {
        255 => LARGEST,
        254 => LARGEST - 1,
        byte => u64::from(byte) * 500,
    }
}
