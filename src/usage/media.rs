//! Kinds of media that the upstream bills separately.

mod named;

use std::fmt;
use std::str::FromStr;

pub use named::Named;

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
    /// Mixed or transcoded video up to 640×480, in H.264.
    VideoSdH264,
    /// The same up to 1280×720.
    VideoHdH264,
    /// The same above 1280×720.
    VideoFullHdH264,
    /// The same in 2K.
    Video2kH264,
    /// The same in 4K.
    Video4kH264,
    /// Mixed or transcoded video up to 640×480, in H.265.
    VideoSdH265,
    /// The same up to 1280×720.
    VideoHdH265,
    /// The same above 1280×720.
    VideoFullHdH265,
    /// The same in 2K.
    Video2kH265,
    /// The same in 4K.
    Video4kH265,
    /// No media, but what is relayed to a CDN: a rate, see [`Unit`](super::Unit).
    Bandwidth,
    /// What the upstream has begun to report since this was written, under the upstream's own name for it.
    Named(Named),
}

impl Media {
    /// Every value that is known here, in the order in which they are shown; those named by the upstream come after them.
    pub const KNOWN: [Self; 18] = [
        Self::Audio,
        Self::VideoSd,
        Self::VideoHd,
        Self::VideoFullHd,
        Self::Video2k,
        Self::Video4k,
        Self::AudioVideo,
        Self::VideoSdH264,
        Self::VideoHdH264,
        Self::VideoFullHdH264,
        Self::Video2kH264,
        Self::Video4kH264,
        Self::VideoSdH265,
        Self::VideoHdH265,
        Self::VideoFullHdH265,
        Self::Video2kH265,
        Self::Video4kH265,
        Self::Bandwidth,
    ];

    /// What a column of the upstream's is that no action here knows: `8K` becomes `8k`, `VideoTime8k` becomes
    /// `video_time_8k`. `None` when that is no label, or when too many are known already.
    pub fn of_unknown_column(column: &str) -> Option<Self> {
        named::in_snake_case(column).parse().ok()
    }

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
            Self::VideoSdH264 => "video_sd_h264",
            Self::VideoHdH264 => "video_hd_h264",
            Self::VideoFullHdH264 => "video_full_hd_h264",
            Self::Video2kH264 => "video_2k_h264",
            Self::Video4kH264 => "video_4k_h264",
            Self::VideoSdH265 => "video_sd_h265",
            Self::VideoHdH265 => "video_hd_h265",
            Self::VideoFullHdH265 => "video_full_hd_h265",
            Self::Video2kH265 => "video_2k_h265",
            Self::Video4kH265 => "video_4k_h265",
            Self::Bandwidth => "bandwidth",
            Self::Named(name) => name.as_str(),
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
        Self::KNOWN
            .into_iter()
            .find(|media| media.as_str() == text)
            .or_else(|| Named::new(text).map(Self::Named))
            .ok_or_else(|| UnknownMedia(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_read_as_it_is_written() {
        for media in Media::KNOWN {
            assert_eq!(media.as_str().parse::<Media>().ok(), Some(media));
        }
        let unheard_of: Media = "video_8k".parse().expect("a name");
        assert_eq!(unheard_of.to_string(), "video_8k");
        assert!(unheard_of > Media::Bandwidth);
        for wrong in ["", "Video", "video 8k", "_8k", "é", &"a".repeat(65)] {
            assert!(wrong.parse::<Media>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_unknown_column_is_a_media_in_snake_case() {
        for (column, media) in [
            ("8K", "8k"),
            ("FullHD", "full_hd"),
            ("SDH266", "sdh266"),
            ("VideoTime8k", "video_time_8k"),
            ("ScreenShareTime", "screen_share_time"),
            ("HTTPFlow", "http_flow"),
            ("Screen share (1080p)", "screen_share_1080p"),
            ("audio", "audio"),
        ] {
            let found = Media::of_unknown_column(column);
            assert_eq!(found.map(Media::as_str), Some(media), "{column}");
        }
        assert_eq!(Media::of_unknown_column("音频"), None);
        assert_eq!(
            Media::of_unknown_column("Audio"),
            Some(Media::Audio),
            "not a second series of the same name"
        );
    }
}
