//! The actions that report usage, each described once; whatever differs between them is a field here.

use crate::usage::Media;

/// API version of every TRTC action.
pub const VERSION: &str = "2019-07-22";

/// Service name in the credential scope, the same for every endpoint of TRTC.
pub const SERVICE: &str = "trtc";

/// How an action lays out its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `Usages[].SdkAppIdTrtcTimeUsages[]`: rows of named integers in seconds, per app.
    NamedSeconds,
    /// `UsageKey[]` names the columns of `UsageList[].UsageValue[]`, float minutes.
    KeyedMinutes,
}

/// One upstream action that reports usage in buckets.
#[derive(Debug, PartialEq)]
pub struct Action {
    /// Its name, as in `X-TC-Action` and the label `action`.
    pub name: &'static str,
    /// The documented limit in requests per second and account.
    pub requests_per_second: f64,
    /// How the answer is laid out.
    pub shape: Shape,
    /// The upstream's column names and the media they are.
    pub columns: &'static [(&'static str, Media)],
}

/// The action this exporter began with: integer seconds, 20 requests per second; out of the SDKs since March 2022.
pub const INTERACTIVE_TIME: Action = Action {
    name: "DescribeTrtcInteractiveTime",
    requests_per_second: 20.0,
    shape: Shape::NamedSeconds,
    columns: &[
        ("AudioTime", Media::Audio),
        ("VideoTimeSd", Media::VideoSd),
        ("VideoTimeHd", Media::VideoHd),
        ("VideoTimeHdp", Media::VideoFullHd),
        ("AudioVideoTime", Media::AudioVideo),
    ],
};

/// Its successor: float minutes, 5 requests per second, with 2K and 4K but without the old single-price counter.
pub const TRTC_USAGE: Action = Action {
    name: "DescribeTrtcUsage",
    requests_per_second: 5.0,
    shape: Shape::KeyedMinutes,
    columns: &[
        ("Audio", Media::Audio),
        ("SD", Media::VideoSd),
        ("HD", Media::VideoHd),
        ("FullHD", Media::VideoFullHd),
        ("2K", Media::Video2k),
        ("4K", Media::Video4k),
    ],
};

impl Action {
    /// Every action that can be configured.
    pub const ALL: [&'static Self; 2] = [&INTERACTIVE_TIME, &TRTC_USAGE];

    /// The action of this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|action| action.name == name)
    }

    /// The media that its answers speak about.
    pub fn media(&self) -> impl Iterator<Item = Media> {
        self.columns.iter().map(|&(_, media)| media)
    }
}
