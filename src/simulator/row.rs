//! What is used in one bucket, or on one date: a figure for each media. Pure.

use std::ops::{Index, IndexMut};

use crate::usage::Media;

/// Figures by media: seconds, and kbit/s where it is a bandwidth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row([u64; Media::KNOWN.len()]);

impl Row {
    pub(super) fn map(self, each: impl FnMut(u64) -> u64) -> Self {
        Self(self.0.map(each))
    }

    /// Whether nothing was used at all.
    pub fn is_idle(&self) -> bool {
        self.0 == [0; Media::KNOWN.len()]
    }

    /// This and what is used at the same time.
    pub(super) fn beside(mut self, other: Self) -> Self {
        for (figure, other) in self.0.iter_mut().zip(other.0) {
            *figure += other;
        }
        self
    }

    /// This and what is used at another time: of a bandwidth the higher one counts.
    pub(super) fn joined(self, other: Self) -> Self {
        let mut joined = self.beside(other);
        let bandwidth = Media::Bandwidth;
        joined[bandwidth] = self[bandwidth].max(other[bandwidth]);
        joined
    }
}

/// Where a media's figure is, in the order of [`Media::KNOWN`]. Looked up for every number of every answer, so it is not
/// searched for. Nothing is ever used here of a media that only the upstream knows.
pub(super) fn place(media: Media) -> usize {
    match media {
        Media::Audio => 0,
        Media::VideoSd => 1,
        Media::VideoHd => 2,
        Media::VideoFullHd => 3,
        Media::Video2k => 4,
        Media::Video4k => 5,
        Media::AudioVideo => 6,
        Media::VideoSdH264 => 7,
        Media::VideoHdH264 => 8,
        Media::VideoFullHdH264 => 9,
        Media::Video2kH264 => 10,
        Media::Video4kH264 => 11,
        Media::VideoSdH265 => 12,
        Media::VideoHdH265 => 13,
        Media::VideoFullHdH265 => 14,
        Media::Video2kH265 => 15,
        Media::Video4kH265 => 16,
        Media::Bandwidth => 17,
        Media::Named(name) => panic!("{name:?} is used by nobody"),
    }
}

impl Index<Media> for Row {
    type Output = u64;

    fn index(&self, media: Media) -> &u64 {
        &self.0[place(media)]
    }
}

impl IndexMut<Media> for Row {
    fn index_mut(&mut self, media: Media) -> &mut u64 {
        &mut self.0[place(media)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_media_has_a_figure_of_its_own() {
        let mut row = Row::default();
        for (place, media) in Media::KNOWN.into_iter().enumerate() {
            row[media] = place as u64;
        }
        let in_order: Vec<u64> = (0..).take(Media::KNOWN.len()).collect();
        assert_eq!(row.0.as_slice(), in_order);
    }

    #[test]
    fn times_add_up_and_of_bandwidths_the_peak_counts_unless_they_are_used_at_once() {
        let row = |seconds, bandwidth| {
            let mut row = Row::default();
            row[Media::Audio] = seconds;
            row[Media::Bandwidth] = bandwidth;
            row
        };
        assert_eq!(row(1, 200).joined(row(2, 100)), row(3, 200));
        assert_eq!(row(1, 200).beside(row(2, 100)), row(3, 300));
        assert!(Row::default().is_idle() && !row(0, 1).is_idle());
    }
}
