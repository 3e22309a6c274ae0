//! The actions that report usage, each described once; whatever differs between them is a field here.

mod item;

use crate::usage::{Media, Source, Unit};

pub use item::{INTERACTIVE, Item, Parameter};

/// API version of every TRTC action.
pub const VERSION: &str = "2019-07-22";

/// Service name in the credential scope, the same for every endpoint of TRTC.
pub const SERVICE: &str = "trtc";

/// How an action lays out its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Per app a list of rows of named integers in seconds.
    NamedSeconds {
        /// The list of apps.
        apps: &'static str,
        /// The list of rows of an app.
        rows: &'static str,
    },
    /// `UsageKey[]` names the columns of `UsageList[].UsageValue[]`: floats, minutes where they are a time.
    Keyed,
}

/// One upstream action that reports usage in buckets.
#[derive(Debug, PartialEq)]
pub struct Action {
    /// Its name, as in `X-TC-Action` and the label `action`.
    pub name: &'static str,
    /// The number that kept state knows it by; never given to another one.
    pub source: Source,
    /// The documented limit in requests per second and account.
    pub requests_per_second: f64,
    /// How the answer is laid out.
    pub shape: Shape,
    /// What its figures are.
    pub unit: Unit,
    /// The upstream's column names and the media they are.
    pub columns: &'static [(&'static str, Media)],
    /// The action that reports the same since this one is retired.
    pub successor: Option<&'static Self>,
}

/// The action this exporter began with: integer seconds, 20 requests per second; out of the SDKs since March 2022.
pub const INTERACTIVE_TIME: Action = Action {
    name: "DescribeTrtcInteractiveTime",
    source: Source(1),
    requests_per_second: 20.0,
    shape: Shape::NamedSeconds {
        apps: "Usages",
        rows: "SdkAppIdTrtcTimeUsages",
    },
    unit: Unit::Seconds,
    columns: &[
        ("AudioTime", Media::Audio),
        ("VideoTimeSd", Media::VideoSd),
        ("VideoTimeHd", Media::VideoHd),
        ("VideoTimeHdp", Media::VideoFullHd),
        ("AudioVideoTime", Media::AudioVideo),
    ],
    successor: Some(&TRTC_USAGE),
};

/// Its successor: float minutes, with 2K and 4K but without the old single-price counter.
pub const TRTC_USAGE: Action = Action {
    name: "DescribeTrtcUsage",
    source: Source(2),
    columns: BY_RESOLUTION,
    ..KEYED
};

/// What mixing and transcoding took: the duration of its input, by the codec of the output.
pub const MIX_TRANSCODING_USAGE: Action = Action {
    name: "DescribeMixTranscodingUsage",
    source: Source(3),
    columns: &[
        ("Audio", Media::Audio),
        ("SDH264", Media::VideoSdH264),
        ("HDH264", Media::VideoHdH264),
        ("FullHDH264", Media::VideoFullHdH264),
        ("2KH264", Media::Video2kH264),
        ("4KH264", Media::Video4kH264),
        ("SDH265", Media::VideoSdH265),
        ("HDH265", Media::VideoHdH265),
        ("FullHDH265", Media::VideoFullHdH265),
        ("2KH265", Media::Video2kH265),
        ("4KH265", Media::Video4kH265),
    ],
    ..KEYED
};

/// Its predecessor, which the China site has still. The upstream documents no rate for it; the one of its successor is
/// taken. Its column `Flux`, a bandwidth beside the times, is left out.
pub const MCU_TRANSCODE_TIME: Action = Action {
    name: "DescribeTrtcMcuTranscodeTime",
    source: Source(4),
    requests_per_second: 5.0,
    shape: Shape::NamedSeconds {
        apps: "Usages",
        rows: "SdkAppIdTranscodeTimeUsages",
    },
    unit: Unit::Seconds,
    columns: &[
        ("AudioTime", Media::Audio),
        ("VideoTimeSd", Media::VideoSd),
        ("VideoTimeHd", Media::VideoHd),
        ("VideoTimeFhd", Media::VideoFullHd),
    ],
    successor: Some(&MIX_TRANSCODING_USAGE),
};

/// What was recorded, single streams or mixed ones by its parameter `MixType`.
pub const RECORDING_USAGE: Action = Action {
    name: "DescribeRecordingUsage",
    source: Source(5),
    columns: BY_RESOLUTION,
    ..KEYED
};

/// Its predecessor, which the China site has still, at the same presumed rate.
pub const RECORD_STATISTIC: Action = Action {
    name: "DescribeRecordStatistic",
    source: Source(6),
    requests_per_second: 5.0,
    shape: Shape::NamedSeconds {
        apps: "SdkAppIdUsages",
        rows: "Usages",
    },
    unit: Unit::Seconds,
    columns: &[
        ("AudioTime", Media::Audio),
        ("Class1VideoTime", Media::VideoSd),
        ("Class2VideoTime", Media::VideoHd),
        ("Class3VideoTime", Media::VideoFullHd),
    ],
    successor: None,
};

/// What is relayed to a CDN. The upstream writes its unit nowhere; Mbps are what sibling models call a bandwidth in.
pub const RELAY_USAGE: Action = Action {
    name: "DescribeRelayUsage",
    source: Source(7),
    unit: Unit::Bandwidth,
    columns: &[("Bandwidth", Media::Bandwidth)],
    ..KEYED
};

const BY_RESOLUTION: &[(&str, Media)] = &[
    ("Audio", Media::Audio),
    ("SD", Media::VideoSd),
    ("HD", Media::VideoHd),
    ("FullHD", Media::VideoFullHd),
    ("2K", Media::Video2k),
    ("4K", Media::Video4k),
];

/// What all actions of today have in common.
const KEYED: Action = Action {
    name: "",
    source: Source(0),
    requests_per_second: 5.0,
    shape: Shape::Keyed,
    unit: Unit::Seconds,
    columns: &[],
    successor: None,
};

impl Action {
    /// Every action that can be asked.
    pub const ALL: [&'static Self; 7] = [
        &INTERACTIVE_TIME,
        &TRTC_USAGE,
        &MIX_TRANSCODING_USAGE,
        &MCU_TRANSCODE_TIME,
        &RECORDING_USAGE,
        &RECORD_STATISTIC,
        &RELAY_USAGE,
    ];

    /// The action of this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|action| action.name == name)
    }

    /// The media that its answers speak about, as far as they are known.
    pub fn media(&self) -> impl Iterator<Item = Media> {
        self.columns.iter().map(|&(_, media)| media)
    }

    /// What a column is that is not among the known ones: a media of its own. A rate is no such thing, be it among rates or
    /// among times.
    pub fn media_of_unknown(&self, column: &str) -> Option<Media> {
        match self.unit {
            Unit::Seconds => {
                Media::of_unknown_column(column).filter(|&media| media != Media::Bandwidth)
            }
            Unit::Bandwidth => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_actions_share_a_name_or_a_number() {
        let names: BTreeSet<_> = Action::ALL.iter().map(|action| action.name).collect();
        let sources: BTreeSet<_> = Action::ALL.iter().map(|action| action.source).collect();
        assert_eq!(
            (names.len(), sources.len()),
            (Action::ALL.len(), Action::ALL.len())
        );
        assert!(
            !sources.contains(&Source::default()),
            "0 stands for none of them"
        );
    }

    #[test]
    fn an_unknown_column_is_a_time_unless_it_says_otherwise() {
        let media = |column| TRTC_USAGE.media_of_unknown(column).map(Media::as_str);
        assert_eq!(media("8K"), Some("8k"));
        assert_eq!(media("AudioVideo"), Some("audio_video"));
        assert_eq!(media("Bandwidth"), None);
        assert_eq!(RELAY_USAGE.media_of_unknown("8K"), None);
    }

    #[test]
    fn a_successor_reports_the_same_item_and_has_none() {
        for item in &Item::ALL {
            for action in item.actions {
                let Some(successor) = action.successor else {
                    continue;
                };
                assert!(item.actions.contains(&successor), "{}", action.name);
                assert_eq!(successor.successor, None);
                assert_eq!(successor.unit, action.unit);
            }
        }
    }
}
