//! What the upstream bills besides the streams themselves, and how much of it an app's streams make: mixing, recording
//! and relaying. Pure.

use super::row::Row;
use crate::tencent::Item;
use crate::usage::{BUCKET_SECONDS, Media};

/// What a billing item measures. The numbers tell their draws apart, so none is ever changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// The streams themselves.
    Streaming = 0,
    /// Mixing and transcoding, by the codec of the output.
    Mixing = 1,
    /// Recording each stream by itself.
    RecordingSingle = 2,
    /// Recording streams that are mixed first.
    RecordingMulti = 3,
    /// Both, which is how the older action tells it.
    Recording = 4,
    /// Relaying to a CDN, by bandwidth.
    Relaying = 5,
}

/// The parts of its streams that an app has mixed, recorded and relayed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) mixed: f64,
    pub(super) recorded_single: f64,
    pub(super) recorded_multi: f64,
    pub(super) relayed: f64,
}

/// The part of what is mixed that comes out in H.265.
const H265: f64 = 0.2;

/// What one stream takes, in kbit/s.
const AUDIO_KBPS: u64 = 50;

/// A resolution, what it is when it is mixed in H.264 and in H.265, and what one stream of it takes, in kbit/s.
const RESOLUTIONS: [(Media, Media, Media, u64); 5] = [
    (Media::VideoSd, Media::VideoSdH264, Media::VideoSdH265, 600),
    (
        Media::VideoHd,
        Media::VideoHdH264,
        Media::VideoHdH265,
        1_500,
    ),
    (
        Media::VideoFullHd,
        Media::VideoFullHdH264,
        Media::VideoFullHdH265,
        3_000,
    ),
    (
        Media::Video2k,
        Media::Video2kH264,
        Media::Video2kH265,
        6_000,
    ),
    (
        Media::Video4k,
        Media::Video4kH264,
        Media::Video4kH265,
        12_000,
    ),
];

impl Service {
    /// What `item` measures. One that has no service here is used as much as the streams.
    pub(super) fn of(item: &Item) -> Self {
        match item.name {
            "mix_transcoding" => Self::Mixing,
            "recording_single" => Self::RecordingSingle,
            "recording_multi" => Self::RecordingMulti,
            "recording" => Self::Recording,
            "relay" => Self::Relaying,
            _ => Self::Streaming,
        }
    }

    /// What is used of it in a bucket with these streams. `noise` is about 1, and of this bucket for each service.
    pub(super) fn row(self, streams: Row, parts: &Parts, noise: impl Fn(Self) -> f64) -> Row {
        let used = resolved(streams);
        let single = || part_of(used, parts.recorded_single * noise(Self::RecordingSingle));
        let multi = || part_of(used, parts.recorded_multi * noise(Self::RecordingMulti));
        match self {
            Self::Streaming => streams,
            Self::Mixing => mixed(part_of(used, parts.mixed * noise(self))),
            Self::RecordingSingle => single(),
            Self::RecordingMulti => multi(),
            Self::Recording => single().beside(multi()),
            Self::Relaying => part_of(bandwidth(&used), parts.relayed * noise(self)),
        }
    }
}

fn part_of(row: Row, part: f64) -> Row {
    row.map(|figure| (figure as f64 * part) as u64)
}

/// Old accounts pay one price for all their streams; whoever works on a stream sees what it is. Theirs are small.
fn resolved(mut streams: Row) -> Row {
    streams[Media::VideoSd] += std::mem::take(&mut streams[Media::AudioVideo]);
    streams
}

/// The successor tells codecs apart, and the older action tells what both of them and the bandwidth come to.
fn mixed(mut row: Row) -> Row {
    for (video, h264, h265, _) in RESOLUTIONS {
        row[h265] = (row[video] as f64 * H265) as u64;
        row[h264] = row[video] - row[h265];
    }
    row.beside(bandwidth(&row))
}

/// What the streams of a bucket take, and nothing else.
fn bandwidth(row: &Row) -> Row {
    let kbits = |&(video, .., kbps): &(Media, Media, Media, u64)| row[video] * kbps;
    let video: u64 = RESOLUTIONS.iter().map(kbits).sum();
    let mut bandwidth = Row::default();
    bandwidth[Media::Bandwidth] = (row[Media::Audio] * AUDIO_KBPS + video) / BUCKET_SECONDS as u64;
    bandwidth
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: Parts = Parts {
        mixed: 0.1,
        recorded_single: 0.2,
        recorded_multi: 0.05,
        relayed: 0.5,
    };

    /// One audio stream, four of full HD.
    fn streams() -> Row {
        let mut row = Row::default();
        row[Media::Audio] = 300;
        row[Media::VideoFullHd] = 1_200;
        row
    }

    fn used(service: Service) -> Row {
        service.row(streams(), &PARTS, |_| 1.0)
    }

    #[test]
    fn every_item_has_a_service_of_its_own() {
        let services: Vec<Service> = Item::ALL.iter().map(Service::of).collect();
        for (index, service) in services.iter().enumerate() {
            assert!(!services[..index].contains(service), "{service:?}");
        }
    }

    #[test]
    fn every_column_of_an_item_is_used_by_somebody() {
        let mut streams = Row::default();
        for (video, ..) in RESOLUTIONS {
            streams[video] = 10_000;
        }
        streams[Media::Audio] = 10_000;
        streams[Media::AudioVideo] = 10_000;
        for item in &Item::ALL {
            let row = Service::of(item).row(streams, &PARTS, |_| 1.0);
            for media in item.actions.iter().flat_map(|action| action.media()) {
                assert!(row[media] > 0, "{} {media}", item.name);
            }
        }
    }

    #[test]
    fn mixing_tells_codecs_apart_and_both_together() {
        let row = used(Service::Mixing);
        assert_eq!(row[Media::VideoFullHd], 120);
        assert_eq!(row[Media::VideoFullHdH264], 96);
        assert_eq!(row[Media::VideoFullHdH265], 24);
        assert_eq!(row[Media::Audio], 30);
    }

    #[test]
    fn the_older_action_records_what_both_kinds_of_recording_do() {
        let both = used(Service::RecordingSingle).beside(used(Service::RecordingMulti));
        assert_eq!(used(Service::Recording), both);
        assert_eq!(both[Media::VideoFullHd], 240 + 60);
    }

    #[test]
    fn a_relay_takes_what_its_streams_do() {
        let row = used(Service::Relaying);
        assert_eq!(row[Media::Bandwidth], (50 + 4 * 3_000) / 2);
        assert_eq!(row[Media::VideoFullHd], 0);
    }

    #[test]
    fn who_pays_a_single_price_has_small_video() {
        let mut streams = Row::default();
        streams[Media::AudioVideo] = 1_000;
        let row = Service::RecordingSingle.row(streams, &PARTS, |_| 1.0);
        assert_eq!((row[Media::VideoSd], row[Media::AudioVideo]), (200, 0));
    }
}
