//! Kinds of media that the upstream bills separately.

use std::fmt;
use std::str::FromStr;

/// The value of the label `media`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Media {
    /// Voice without received video.
    Audio,
    /// Video up to 640×480.
    VideoSd,
    /// Video up to 1280×720.
    VideoHd,
    /// Video above 1280×720; the upstream's `VideoTimeHdp` and `FullHD`.
    VideoFullHd,
    /// 2K video; only the successor action reports it.
    Video2k,
    /// 4K video; only the successor action reports it.
    Video4k,
    /// `AudioVideoTime`, the single counter of accounts on the pricing from before 2019-10-11; never added to the others.
    AudioVideo,
}

impl Media {
    /// Every value, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Audio,
        Self::VideoSd,
        Self::VideoHd,
        Self::VideoFullHd,
        Self::Video2k,
        Self::Video4k,
        Self::AudioVideo,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::VideoSd => "video_sd",
            Self::VideoHd => "video_hd",
            Self::VideoFullHd => "video_full_hd",
            Self::Video2k => "video_2k",
            Self::Video4k => "video_4k",
            Self::AudioVideo => "audio_video",
        }
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no [`Media`].
#[derive(Debug, thiserror::Error)]
#[error("unknown media {0:?}")]
pub struct UnknownMedia(String);

impl FromStr for Media {
    type Err = UnknownMedia;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|media| media.as_str() == text)
            .ok_or_else(|| UnknownMedia(text.to_owned()))
    }
}
