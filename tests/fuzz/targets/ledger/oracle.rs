//! The rules of counting, written down once more and as naively as can be: nothing is carried along but what was said,
//! and each figure is worked out from all of it.

use std::collections::{BTreeMap, BTreeSet};

use trtc_exporter::usage::{BUCKET_SECONDS, Day, Ledger, Media, final_at};

use super::script::Said;
use super::{Date, TimeKey};

/// All that was ever said, and the figures that depend on when it was said.
#[derive(Default)]
pub(super) struct Oracle {
    said: Vec<Said>,
    /// What held after the first answer, after the second, and so on.
    held: Vec<BTreeMap<TimeKey, Bucket>>,
    /// Dates up to this one lie before the first sight, or were forgotten.
    floor: Option<Date>,
    /// For a date and media, after how many answers the first one for that very date had come since it was forgotten.
    opened: BTreeMap<(Date, Media), usize>,
    /// What forgotten days had been worth.
    forgotten: BTreeMap<Media, i128>,
    /// The highest that each media's credit ever was.
    highest: BTreeMap<Media, i128>,
    raised: u128,
    lowered: u128,
    settled: Option<TimeKey>,
    in_settled: BTreeMap<Media, u64>,
}

/// What is known of a bucket.
#[derive(Default)]
struct Bucket {
    /// An answer for its own date has had it.
    is_own: bool,
    words: BTreeMap<Media, u64>,
}

impl Oracle {
    /// The upstream has spoken.
    pub(super) fn hear(&mut self, said: &Said) {
        self.floor.get_or_insert(said.date);
        self.said.push(said.clone());
        let now = self.said.len();
        self.held.push(self.what_holds(now));
        for &media in &said.columns {
            self.opened.entry((said.date, media)).or_insert(now);
        }
        let known: Vec<TimeKey> = self.buckets(now - 1).collect();
        for key in known {
            for media in self.media(now) {
                if self.counts(media, key.date(), now - 1) {
                    let before = self.word(media, key, now - 1);
                    let after = self.word(media, key, now);
                    self.raised += u128::from(after.saturating_sub(before));
                    self.lowered += u128::from(before.saturating_sub(after));
                }
            }
        }
        for media in self.media(now) {
            let credited = self.credited(media);
            let highest = self.highest.entry(media).or_default();
            *highest = credited.max(*highest);
        }
        self.settle(said);
    }

    /// Days up to a date are gone, and what they were worth stays.
    pub(super) fn forget(&mut self, through: Date) {
        if self.floor.is_none() {
            return;
        }
        let worth = self.media(self.said.len()).into_iter().map(|media| {
            let worth: i128 = self
                .buckets(self.said.len())
                .filter(|key| key.date() <= through)
                .map(|key| self.worth(media, key))
                .sum();
            (media, worth)
        });
        for (media, worth) in worth.collect::<Vec<_>>() {
            *self.forgotten.entry(media).or_default() += worth;
        }
        self.floor = self.floor.max(Some(through));
        for said in &mut self.said {
            said.rows.retain(|(key, _)| key.date() > through);
        }
        self.held = (1..=self.said.len())
            .map(|until| self.what_holds(until))
            .collect();
        self.opened.retain(|&(date, _), _| date > through);
    }

    /// Everything that can be seen of the ledger itself.
    pub(super) fn judge(&self, ledger: &Ledger) {
        let now = self.said.len();
        assert_eq!(ledger.floor, self.floor);
        assert_eq!(ledger.settled, self.settled);
        assert_eq!(u128::from(ledger.raised_ms), self.raised, "raised");
        assert_eq!(u128::from(ledger.lowered_ms), self.lowered, "lowered");
        let media = self.media(now);
        assert!(
            ledger
                .series
                .iter()
                .map(|series| series.media)
                .eq(media.iter().copied())
        );
        for series in &ledger.series {
            let media = series.media;
            assert_eq!(series.since, self.since(media), "{media} since");
            assert_eq!(
                i128::from(series.credited_ms),
                self.credited(media),
                "{media} credited"
            );
            assert_eq!(
                i128::from(series.published_ms),
                self.highest[&media],
                "{media} published"
            );
            let ahead = self.highest[&media] - self.credited(media);
            assert_eq!(
                i128::from(series.overcounted_ms()),
                ahead,
                "{media} overcounted"
            );
            let in_settled = self.in_settled.get(&media).copied().unwrap_or(0);
            assert_eq!(
                series.bucket_ms, in_settled,
                "{media} in {:?}",
                self.settled
            );
        }
    }

    /// The buckets of a day, and what they say together.
    pub(super) fn judge_day(&self, date: Date, day: &Day) {
        let of_date = self.buckets(self.said.len());
        let of_date = of_date.filter(|key| key.date() == date);
        assert!(
            of_date
                .map(TimeKey::second_of_day)
                .eq(day.seconds().iter().copied())
        );
        for media in Media::KNOWN {
            self.judge_sum(date, media, day.sum_ms(media));
        }
    }

    /// What all buckets of a day say together.
    pub(super) fn judge_sum(&self, date: Date, media: Media, sum_ms: u64) {
        let now = self.said.len();
        let of_date = self.buckets(now);
        let of_date = of_date.filter(|key| key.date() == date);
        let sum: u64 = of_date.map(|key| self.word(media, key, now)).sum();
        assert_eq!(sum_ms, sum, "{media} on {date}");
    }

    /// What the last answer brought: buckets never heard of before, unless all of it lies before the first sight.
    pub(super) fn judge_arrivals(&self, arrivals: &[TimeKey]) {
        let Some(last) = self.said.last() else { return };
        let before = self.said.len() - 1;
        let known: BTreeSet<TimeKey> = self.buckets(before).collect();
        let fresh: BTreeSet<TimeKey> = last.rows.iter().map(|&(key, _)| key).collect();
        let expected = fresh.into_iter().filter(|key| {
            let counts = |&media: &Media| self.counts(media, key.date(), before);
            !known.contains(key) && last.columns.iter().any(counts)
        });
        assert!(arrivals.iter().copied().eq(expected), "{arrivals:?}");
    }
}

/// Definitions. `until` is how many answers had been given.
impl Oracle {
    /// The media spoken about.
    fn media(&self, until: usize) -> BTreeSet<Media> {
        self.said[..until]
            .iter()
            .flat_map(|said| said.columns.iter().copied())
            .collect()
    }

    /// The last words: of the last answer that has one. An answer for another date has none once one for the bucket's own
    /// date has had the bucket. Of two words in one answer the larger holds.
    fn what_holds(&self, until: usize) -> BTreeMap<TimeKey, Bucket> {
        let mut buckets: BTreeMap<TimeKey, Bucket> = BTreeMap::new();
        for said in &self.said[..until] {
            for (key, _) in &said.rows {
                let bucket = buckets.entry(*key).or_default();
                let is_own = said.date == key.date();
                if bucket.is_own && !is_own {
                    continue;
                }
                bucket.is_own |= is_own;
                let rows = said.rows.iter().filter(|(other, _)| other == key);
                for (column, &media) in said.columns.iter().enumerate() {
                    let words = rows.clone().map(|(_, values)| values[column]);
                    bucket.words.extend(words.max().map(|word| (media, word)));
                }
            }
        }
        buckets
    }

    /// The buckets heard of.
    fn buckets(&self, until: usize) -> impl Iterator<Item = TimeKey> {
        let held = until.checked_sub(1).map(|last| &self.held[last]);
        held.into_iter().flat_map(|held| held.keys().copied())
    }

    fn word(&self, media: Media, key: TimeKey, until: usize) -> u64 {
        let held = until.checked_sub(1).map(|last| &self.held[last]);
        let bucket = held.and_then(|held| held.get(&key));
        bucket
            .and_then(|bucket| bucket.words.get(&media).copied())
            .unwrap_or(0)
    }

    /// After which answer a media was first heard of.
    fn first_sight(&self, media: Media) -> usize {
        let first = self
            .said
            .iter()
            .position(|said| said.columns.contains(&media));
        1 + first.expect("spoken about")
    }

    fn since(&self, media: Media) -> Date {
        let said = &self.said[self.first_sight(media) - 1];
        said.date.max(Date::of(said.asked_at))
    }

    /// After which answer what is said of a date is no longer entered, but credited; `None` while that has not come.
    fn entered(&self, media: Media, date: Date) -> Option<usize> {
        if self.floor.is_some_and(|floor| date > floor) && date > self.since(media) {
            return Some(self.first_sight(media));
        }
        self.opened.get(&(date, media)).copied()
    }

    /// Whether what an answer changes is worth something, when `before` answers had been given.
    fn counts(&self, media: Media, date: Date, before: usize) -> bool {
        self.entered(media, date)
            .is_some_and(|entered| entered <= before)
    }

    fn worth(&self, media: Media, key: TimeKey) -> i128 {
        let Some(entered) = self.entered(media, key.date()) else {
            return 0;
        };
        let [last, first] = [self.said.len(), entered].map(|until| self.word(media, key, until));
        i128::from(last) - i128::from(first)
    }

    fn credited(&self, media: Media) -> i128 {
        let forgotten = self.forgotten.get(&media).copied().unwrap_or(0);
        let heard_of = self.buckets(self.said.len());
        forgotten
            + heard_of
                .into_iter()
                .map(|key| self.worth(media, key))
                .sum::<i128>()
    }
}

/// Which bucket is settled.
impl Oracle {
    /// An answer settles the newest bucket of its date that is old enough, if it has one there, or if there can be none any
    /// more: a later one was shown, or the date is final.
    fn settle(&mut self, said: &Said) {
        let now = self.said.len();
        let limit = said.asked_at.timestamp() - said.settle_after.num_seconds();
        let old_enough = |key: &TimeKey| key.unix() <= limit;
        let shown = self.buckets(now).filter(|key| key.date() == said.date);
        let is_final = said.asked_at >= final_at(said.date);
        let passed = |slot: &TimeKey| {
            let later_was_shown = said
                .watermark
                .is_some_and(|watermark| slot.plus_seconds(BUCKET_SECONDS) <= watermark);
            is_final || later_was_shown
        };
        let slots = (0..288).map(|slot| said.date.midnight().plus_seconds(slot * BUCKET_SECONDS));
        let newest = shown.chain(slots.filter(passed)).filter(old_enough).max();
        self.settled = self.settled.max(newest);
        let Some(settled) = self.settled else { return };
        let is_about = said.date == settled.date()
            || said
                .rows
                .iter()
                .any(|(key, _)| key.date() == settled.date());
        if is_about {
            for media in self.media(now) {
                self.in_settled
                    .insert(media, self.word(media, settled, now));
            }
        }
    }
}
