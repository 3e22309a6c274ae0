//! The last 24 hours of a target: a stack of media for each bucket, and their picture.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::usage::{BUCKET_SECONDS, BUCKETS_PER_DAY, Date, Day, Media, TimeKey};

/// Height of a picture in its own units; its width is one unit per bucket.
pub(super) const HEIGHT: u64 = 100;

/// Buckets of 24 hours.
#[derive(Clone, Debug, Serialize)]
pub struct Plot {
    /// TimeKey of the first bucket; the others follow every 300 seconds.
    pub begin: i64,
    /// Media that were used, in the order of the stack from the bottom.
    pub media: Vec<Stack>,
    /// How many buckets there are up to the newest that the upstream has shown.
    pub known: usize,
}

/// One media of a [`Plot`].
#[derive(Clone, Debug, Serialize)]
pub struct Stack {
    /// Value of the label `media`.
    pub media: &'static str,
    /// What was used in each bucket, in whole seconds.
    pub seconds: Vec<u64>,
}

impl Plot {
    /// The 24 hours up to `now`, in Unix seconds, from what is kept of their dates.
    pub fn of(days: &BTreeMap<Date, Day>, now: i64) -> Self {
        let end = now - now.rem_euclid(BUCKET_SECONDS) + BUCKET_SECONDS;
        let begin = end - BUCKETS_PER_DAY as i64 * BUCKET_SECONDS;
        let mut stacks: BTreeMap<Media, Vec<u64>> = BTreeMap::new();
        let mut known = 0;
        for (&date, day) in days {
            for (row, &second) in day.seconds().iter().enumerate() {
                let key = date.midnight().plus_seconds(i64::from(second));
                let Some(slot) = slot_of(key, begin) else {
                    continue;
                };
                known = known.max(slot + 1);
                let times = day.columns().iter();
                for column in times.filter(|column| column.media != Media::Bandwidth) {
                    let stack = stacks.entry(column.media);
                    let stack = stack.or_insert_with(|| vec![0; BUCKETS_PER_DAY]);
                    stack[slot] += column.words_ms[row] / 1000;
                }
            }
        }
        let used = |(media, seconds): (Media, Vec<u64>)| {
            let is_used = seconds.iter().any(|&second| second > 0);
            is_used.then_some(Stack {
                media: media.as_str(),
                seconds,
            })
        };
        let mut media: Vec<Stack> = stacks.into_iter().filter_map(used).collect();
        // The old counter covers the same usage once more.
        if media.len() > 1 {
            media.retain(|stack| stack.media != Media::AudioVideo.as_str());
        }
        Self {
            begin,
            media,
            known,
        }
    }

    /// The largest bucket, all media together: its TimeKey and seconds. `None` when nothing was used.
    pub fn peak(&self) -> Option<(i64, u64)> {
        let sums = self.sums(self.media.len());
        let (slot, &sum) = sums.iter().enumerate().max_by_key(|&(_, sum)| sum)?;
        (sum > 0).then(|| (self.begin + slot as i64 * BUCKET_SECONDS, sum))
    }

    /// The outline of each media and all below it, as SVG path data, the topmost first: each one covers those before it.
    pub(super) fn outlines(&self) -> Vec<(&'static str, String)> {
        let Some((_, peak)) = self.peak() else {
            return Vec::new();
        };
        let outline = |below: usize| {
            let path = outline(&self.sums(below + 1), peak);
            (self.media[below].media, path)
        };
        (0..self.media.len()).rev().map(outline).collect()
    }

    /// The sum of the lowest `count` media in each bucket.
    fn sums(&self, count: usize) -> Vec<u64> {
        let mut sums = vec![0; BUCKETS_PER_DAY];
        for stack in &self.media[..count] {
            for (sum, &seconds) in sums.iter_mut().zip(&stack.seconds) {
                *sum += seconds;
            }
        }
        sums
    }
}

fn slot_of(key: TimeKey, begin: i64) -> Option<usize> {
    let slot = usize::try_from((key.unix() - begin).div_euclid(BUCKET_SECONDS)).ok()?;
    (slot < BUCKETS_PER_DAY).then_some(slot)
}

/// Steps along the buckets; where nothing changes, nothing is written.
fn outline(values: &[u64], peak: u64) -> String {
    let height = |value: u64| {
        HEIGHT
            - u64::try_from(u128::from(value) * u128::from(HEIGHT) / u128::from(peak))
                .unwrap_or(HEIGHT)
    };
    let mut path = format!("M0 {HEIGHT}");
    let mut last = HEIGHT;
    for (slot, &value) in values.iter().enumerate() {
        let next = height(value);
        if next != last {
            write!(path, "H{slot}V{next}").expect("memory takes everything");
            last = next;
        }
    }
    write!(path, "H{}V{HEIGHT}Z", values.len()).expect("memory takes everything");
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Column;

    fn day(seconds: &[u32], audio: &[u64], video: &[u64]) -> Day {
        let column = |media, words: &[u64]| Column {
            media,
            opened: true,
            words_ms: words.iter().map(|seconds| seconds * 1000).collect(),
            entered_ms: vec![0; words.len()],
        };
        let columns = vec![column(Media::Audio, audio), column(Media::VideoHd, video)];
        Day::from_parts(None, seconds.to_vec(), vec![true; seconds.len()], columns).expect("a day")
    }

    fn plot() -> Plot {
        let (yesterday, today): (Date, Date) = (
            "2024-02-28".parse().expect("a date"),
            "2024-02-29".parse().expect("a date"),
        );
        let days = BTreeMap::from([
            // The first lies before the 24 hours.
            (yesterday, day(&[0, 600], &[9, 30], &[9, 0])),
            (today, day(&[0, 300], &[10, 20], &[90, 0])),
        ]);
        Plot::of(&days, today.midnight().unix() + 599)
    }

    #[test]
    fn buckets_of_both_dates_stand_where_they_belong() {
        let plot = plot();
        assert_eq!(plot.known, 288);
        let audio = &plot.media[0];
        assert_eq!((audio.media, audio.seconds[0]), ("audio", 30));
        assert_eq!(audio.seconds[286..], [10, 20]);
        assert_eq!(plot.peak(), Some((plot.begin + 286 * 300, 100)));
    }

    #[test]
    fn the_top_of_the_stack_is_drawn_first() {
        let outlines = plot().outlines();
        assert_eq!(
            outlines,
            [
                (
                    "video_hd",
                    "M0 100H0V70H1V100H286V0H287V80H288V100Z".to_owned()
                ),
                (
                    "audio",
                    "M0 100H0V70H1V100H286V90H287V80H288V100Z".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn the_old_counter_is_drawn_only_by_itself() {
        let date: Date = "2024-02-29".parse().expect("a date");
        let column = |media, seconds: u64| Column {
            media,
            opened: true,
            words_ms: vec![seconds * 1000],
            entered_ms: vec![0],
        };
        for (audio, shown) in [(5, "audio"), (0, "audio_video")] {
            let columns = vec![column(Media::Audio, audio), column(Media::AudioVideo, 7)];
            let day = Day::from_parts(None, vec![0], vec![true], columns).expect("a day");
            let plot = Plot::of(&BTreeMap::from([(date, day)]), date.midnight().unix());
            let media: Vec<&str> = plot.media.iter().map(|stack| stack.media).collect();
            assert_eq!(media, [shown]);
        }
    }

    #[test]
    fn of_nothing_there_is_no_picture() {
        let plot = Plot::of(&BTreeMap::new(), 1_709_136_000);
        assert_eq!((plot.known, plot.peak()), (0, None));
        assert!(plot.outlines().is_empty());
    }
}
