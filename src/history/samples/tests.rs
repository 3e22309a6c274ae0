//! What an exporter and a Prometheus make of a past, against what history says of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;
use crate::history::Wish;
use crate::usage::{Answer, Beginning, Ledger, Settling};

fn key(text: &str) -> TimeKey {
    TimeKey::parse(text).expect("a time")
}

fn instant(key: TimeKey) -> DateTime<Utc> {
    DateTime::from_timestamp(key.unix(), 0).expect("in range")
}

/// A target that an exporter follows.
#[derive(Default)]
struct Followed {
    ledger: Ledger,
    days: BTreeMap<Date, Day>,
}

impl Followed {
    fn ask(&mut self, date: Date, rows: &[(TimeKey, u64)], now: TimeKey) {
        let mut answer = Answer::new(vec![Media::Audio]);
        for &(key, ms) in rows.iter().filter(|(key, _)| key.date() == date) {
            answer.push(key, &[ms]).expect("a sane row");
        }
        let settling = Settling {
            after: TimeDelta::minutes(15),
            watermark: None,
        };
        self.ledger
            .merge(&mut self.days, date, &answer, instant(now), settling);
    }

    fn known(&self) -> Vec<KnownDay> {
        let known = |(&date, day): (&Date, &Day)| KnownDay {
            date,
            day: day.clone(),
            kept: true,
        };
        self.days.iter().map(known).collect()
    }

    fn history(&self, shown_from: TimeKey, now: TimeKey) -> Vec<Series> {
        let beginning = Beginning {
            shown_from: Some(instant(shown_from)),
            since: self.ledger.series.first().map(|series| series.since),
        };
        let span = Span::of(Wish::default(), Some(beginning), instant(now));
        series(&self.known(), &span.expect("there is a past"))
    }
}

/// What `increase()` makes of samples: a fall is a reset.
fn increase(samples: impl IntoIterator<Item = u64>) -> u64 {
    let mut samples = samples.into_iter();
    let mut last = samples.next().unwrap_or(0);
    samples
        .map(|now| {
            let rise = now.checked_sub(last).unwrap_or(now);
            last = now;
            rise
        })
        .sum()
}

#[test]
fn a_day_reads_as_it_was() {
    let date = key("2024-03-01").date();
    let now = key("2024-03-03 12:00:00");
    let mut followed = Followed::default();
    let rows = [
        (key("2024-03-01 00:10:00"), 300_000),
        (key("2024-03-01 00:17:30"), 500),
    ];
    followed.ask(date, &rows, now);
    let all = followed.history(key("2024-03-03 11:00:00"), now);
    assert_eq!(all.len(), 1, "only audio was used");
    let first: Vec<(String, u64)> = all[0]
        .buckets
        .iter()
        .take(5)
        .map(|sample| (sample.at.to_string(), sample.ms))
        .collect();
    let expected = [
        ("2024-03-01 00:00:00", 0),
        ("2024-03-01 00:05:00", 0),
        ("2024-03-01 00:10:00", 300_000),
        ("2024-03-01 00:17:30", 500),
        ("2024-03-01 00:20:00", 0),
    ];
    assert_eq!(first, expected.map(|(at, ms)| (at.to_owned(), ms)));
    assert_eq!(all[0].buckets.len(), BUCKETS_PER_DAY);
    let counter = &all[0].counter;
    let begin = key("2024-02-29 23:55:00");
    assert_eq!(counter[0], Sample { at: begin, ms: 0 });
    let [.., last, end] = counter.as_slice() else {
        panic!("there are more");
    };
    assert_eq!((last.at, last.ms), (key("2024-03-01 23:55:00"), 300_500));
    assert_eq!((end.at, end.ms), (key("2024-03-03 11:00:00"), 0));
}

#[test]
fn a_day_that_is_not_over_has_no_zeros_at_its_end() {
    let date = key("2024-03-01").date();
    let now = key("2024-03-01 12:00:00");
    let mut followed = Followed::default();
    followed.ask(date, &[(key("2024-03-01 00:10:00"), 1000)], now);
    let all = followed.history(now, now);
    assert_eq!(all[0].buckets.len(), 3);
}

#[test]
fn a_day_that_was_asked_for_just_now_was_entered_by_nobody() {
    let date = key("2024-03-01").date();
    let (now, later) = (key("2024-03-02 12:00:00"), key("2024-03-02 13:00:00"));
    let rows = |ms| [(key("2024-03-01 10:00:00"), ms)];
    let mut followed = Followed::default();
    followed.ask(date, &rows(1000), now);
    followed.ask(date, &rows(1500), later);
    let mut known = followed.known();
    let span = Span::of(Wish::default(), None, instant(later)).expect("a past");
    let sum = |known: &[KnownDay]| increase(series(known, &span)[0].counter.iter().map(|s| s.ms));
    assert_eq!(sum(&known), 1000);
    known[0].kept = false;
    assert_eq!(sum(&known), 1500);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// However late the first answer and the first scrape, and whatever is revised in between: increase() over history and
    /// what was scraped is the sum of the upstream's last words, and no sample of history lies among the scraped ones.
    #[test]
    fn increase_is_exact_over_the_seam(
        slots in prop::collection::btree_map(0..1152_i64, 0..100_000_u64, 0..80),
        shown_from in 300..1000_i64,
        unanswered_for in 0..150_i64,
        scraped_after in 0..3_usize,
        raises in prop::collection::vec((any::<prop::sample::Index>(), 0..5_000_u64), 0..6),
    ) {
        let midnight = key("2024-03-01");
        let first = midnight.date();
        let at = |slot: i64| midnight.plus_seconds(slot * BUCKET_SECONDS + 17);
        let first_answer = shown_from + unanswered_for;
        let mut rows: Vec<(TimeKey, u64)> =
            slots.iter().map(|(slot, ms)| (at(*slot).slot(), *ms)).collect();
        let mut followed = Followed::default();
        let mut scraped = Vec::new();
        // Nothing but today is asked for until it is known; then the past; then all again, hours later.
        for (round, hours) in [0, 12, 60, 120].into_iter().enumerate() {
            let now = at(first_answer + hours * 12);
            let visible: Vec<_> = rows.iter().copied().filter(|(key, _)| *key < now.plus_seconds(-300)).collect();
            let today = now.date();
            let dates = (0..8).map(|days| today.minus_days(days)).filter(|date| *date >= first);
            for date in dates {
                followed.ask(date, &visible, now);
                if round >= scraped_after {
                    scraped.push(followed.ledger.series[0].published_ms);
                }
            }
            if !rows.is_empty() {
                for (index, raise) in &raises {
                    let index = index.index(rows.len());
                    rows[index].1 += raise;
                }
            }
        }
        let now = at(first_answer + 120 * 12);
        let last_words: u64 = followed.days.values().map(|day| day.sum_ms(Media::Audio)).sum();
        let seam = at(shown_from);
        let history = followed.history(seam, now);
        let of_history = history.first().map_or(&[][..], |series| &series.counter);
        for pair in of_history.windows(2) {
            prop_assert!(pair[0].at < pair[1].at);
        }
        prop_assert!(of_history.last().is_none_or(|end| end.at == seam && end.ms == 0));
        let all = of_history.iter().map(|sample| sample.ms).chain(scraped.iter().copied());
        let credited = scraped.last().copied().unwrap_or(0);
        let entered: u64 = followed.days.values().flat_map(Day::columns).flat_map(|column| &column.entered_ms).sum();
        prop_assert_eq!(entered + credited, last_words);
        // Without history the counter as it was scraped first is the beginning, and Prometheus cannot know better.
        let begin = if of_history.is_empty() { scraped.first().copied().unwrap_or(0) } else { 0 };
        prop_assert_eq!(increase(all) + begin, last_words);
    }
}
