//! The ledger against an upstream that is late, changes its mind, leaves rows out, repeats and strays.

mod sources;

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::usage::TimeKey;

const MEDIA: [Media; 2] = [Media::Audio, Media::VideoHd];
const SETTLING: Settling = Settling {
    after: TimeDelta::minutes(15),
    watermark: None,
};

fn first_date() -> Date {
    "2024-02-27".parse().expect("a date")
}

fn noon(date: Date) -> DateTime<Utc> {
    DateTime::from_timestamp(date.midnight().unix() + 12 * 3600, 0).expect("in range")
}

fn answer(rows: &[(TimeKey, [u64; 2])]) -> Answer {
    let mut answer = Answer::new(MEDIA.to_vec());
    for (key, values) in rows {
        answer.push(*key, values).expect("a sane row");
    }
    answer
}

fn key(text: &str) -> TimeKey {
    TimeKey::parse(text).expect("a TimeKey")
}

/// A ledger with its days, as the store would hold them.
#[derive(Clone, Default)]
struct Book {
    ledger: Ledger,
    days: BTreeMap<Date, Day>,
}

impl Book {
    fn ask(&mut self, date: Date, rows: &[(TimeKey, [u64; 2])]) -> Merged {
        self.ledger
            .merge(&mut self.days, date, &answer(rows), noon(date), SETTLING)
    }

    fn published(&self) -> [u64; 2] {
        MEDIA.map(|media| {
            self.ledger
                .series(media)
                .map_or(0, |series| series.published_ms)
        })
    }

    /// What of all words was not entered.
    fn not_entered(&self) -> [i64; 2] {
        MEDIA.map(|media| {
            let columns = self.days.values().flat_map(Day::columns);
            let columns = columns.filter(|column| column.media == media);
            let sum = |values: &[u64]| values.iter().sum::<u64>() as i64;
            columns
                .map(|column| sum(&column.words_ms) - sum(&column.entered_ms))
                .sum()
        })
    }

    fn credited(&self) -> [i64; 2] {
        MEDIA.map(|media| {
            self.ledger
                .series(media)
                .map_or(0, |series| series.credited_ms)
        })
    }
}

#[test]
fn a_cold_start_begins_at_zero() {
    let mut book = Book::default();
    let merged = book.ask(first_date(), &[(key("2024-02-27 10:00:00"), [500, 7])]);
    assert_eq!(book.published(), [0, 0]);
    assert_eq!(
        merged.arrivals,
        [],
        "what was there before the first sight did not arrive"
    );
    book.ask(
        first_date(),
        &[
            (key("2024-02-27 10:00:00"), [800, 7]),
            (key("2024-02-27 10:05:00"), [1, 1]),
        ],
    );
    assert_eq!(book.published(), [301, 1]);
}

#[test]
fn dates_before_the_first_sight_are_entered_and_then_followed() {
    let mut book = Book::default();
    book.ask(first_date(), &[]);
    let yesterday = first_date().pred();
    book.ask(yesterday, &[(key("2024-02-26 23:00:00"), [900, 0])]);
    assert_eq!(book.published(), [0, 0]);
    book.ask(
        yesterday,
        &[
            (key("2024-02-26 23:00:00"), [950, 0]),
            (key("2024-02-26 23:55:00"), [5, 0]),
        ],
    );
    assert_eq!(book.published(), [55, 0]);
}

#[test]
fn a_day_missed_in_an_outage_is_credited_whole() {
    let mut book = Book::default();
    book.ask(first_date(), &[]);
    let later = "2024-03-05".parse().expect("a date");
    book.ask(later, &[(key("2024-03-05 00:00:00"), [1, 0])]);
    book.ask(
        "2024-02-29".parse().expect("a leap day"),
        &[(key("2024-02-29 12:00:00"), [40, 2])],
    );
    assert_eq!(book.published(), [41, 2]);
}

#[test]
fn a_fall_is_shown_as_overcounted_and_absorbed() {
    let mut book = Book::default();
    book.ask(first_date(), &[]);
    let at = key("2024-02-27 10:00:00");
    book.ask(first_date(), &[(at, [1000, 0])]);
    book.ask(first_date(), &[(at, [400, 0])]);
    assert_eq!(book.published(), [1000, 0]);
    assert_eq!(
        book.ledger
            .series(Media::Audio)
            .expect("entered")
            .overcounted_ms(),
        600
    );
    assert_eq!((book.ledger.raised_ms, book.ledger.lowered_ms), (0, 600));
    book.ask(
        first_date(),
        &[(at, [400, 0]), (key("2024-02-27 10:05:00"), [700, 0])],
    );
    assert_eq!(book.published(), [1100, 0]);
    assert_eq!(
        book.ledger
            .series(Media::Audio)
            .expect("entered")
            .overcounted_ms(),
        0
    );
}

#[test]
fn a_bucket_once_seen_is_not_lost() {
    let mut book = Book::default();
    book.ask(first_date(), &[]);
    book.ask(first_date(), &[(key("2024-02-27 10:00:00"), [10, 0])]);
    book.ask(first_date(), &[]);
    assert_eq!(book.credited(), [10, 0]);
}

#[test]
fn a_stray_row_counts_once_and_its_own_date_overrides_it() {
    let mut book = Book::default();
    book.ask(first_date().pred(), &[]);
    let stray = (key("2024-02-28 00:00:00"), [100, 0]);
    book.ask(first_date(), &[stray]);
    book.ask(first_date(), &[stray]);
    assert_eq!(book.credited(), [100, 0]);
    book.ask(first_date().succ(), &[(stray.0, [130, 0])]);
    assert_eq!(book.credited(), [130, 0]);
    book.ask(first_date(), &[stray]);
    assert_eq!(book.credited(), [130, 0], "its own date has spoken");
}

#[test]
fn the_settled_bucket_follows_a_stray_row_too() {
    let mut book = Book::default();
    let stray = key("2024-02-28 00:00:00");
    book.ask(first_date(), &[(stray, [100, 0])]);
    book.ask(first_date().succ(), &[]);
    assert_eq!(book.ledger.settled, Some(stray));
    for word in [100, 130] {
        book.ask(first_date(), &[(stray, [word, 0])]);
        let series = book.ledger.series(Media::Audio).expect("entered");
        assert_eq!(series.bucket_ms, word);
    }
}

#[test]
fn usage_that_moves_from_one_date_to_another_is_counted_once() {
    let mut book = Book::default();
    book.ask(first_date().pred(), &[]);
    book.ask(first_date(), &[(key("2024-02-27 23:55:00"), [100, 0])]);
    book.ask(
        first_date().succ(),
        &[(key("2024-02-28 00:00:00"), [60, 0])],
    );
    let moved = [
        (key("2024-02-27 23:50:00"), [60, 0]),
        (key("2024-02-28 00:00:00"), [0, 0]),
    ];
    book.ask(first_date().succ(), &moved);
    assert_eq!(book.credited(), [160, 0]);
    assert_eq!(
        book.published(),
        [160, 0],
        "no more than was ever credited at once"
    );
}

#[test]
fn a_forgotten_date_is_never_counted_again() {
    let mut book = Book::default();
    book.ask(first_date(), &[]);
    let date = first_date().succ();
    let rows = [(key("2024-02-28 10:00:00"), [1000, 0])];
    book.ask(date, &rows);
    book.days.remove(&date);
    book.ledger.forget_through(date);
    book.ask(date, &rows);
    assert_eq!(book.credited(), [1000, 0]);
}

#[test]
fn a_media_that_is_new_begins_at_its_own_first_sight() {
    let mut book = Book::default();
    book.ask(first_date(), &[(key("2024-02-27 10:00:00"), [10, 0])]);
    let wider = |value| {
        let mut answer = Answer::new(vec![Media::Audio, Media::Video4k]);
        answer
            .push(key("2024-02-28 10:00:00"), &[10, value])
            .expect("a sane row");
        answer
    };
    let date = first_date().succ();
    book.ledger
        .merge(&mut book.days, date, &wider(77), noon(date), SETTLING);
    assert_eq!(
        book.ledger
            .series(Media::Video4k)
            .expect("entered")
            .published_ms,
        0
    );
    assert_eq!(book.credited(), [10, 0], "the known one goes on");
    book.ledger
        .merge(&mut book.days, date, &wider(80), noon(date), SETTLING);
    assert_eq!(
        book.ledger
            .series(Media::Video4k)
            .expect("entered")
            .published_ms,
        3
    );
}

/// The upstream's truth, and what was known of the dates before the first sight when each was first asked for.
#[derive(Clone, Debug, Default)]
struct Upstream {
    rows: BTreeMap<TimeKey, [u64; 2]>,
    hidden: BTreeSet<TimeKey>,
    strayed: BTreeMap<TimeKey, [u64; 2]>,
    entered: BTreeMap<Date, [u64; 2]>,
}

impl Upstream {
    fn says(&self, date: Date, strays: bool) -> Vec<(TimeKey, [u64; 2])> {
        let near = |key: &TimeKey| {
            key.date() == date || (strays && key.date().days_since(date).abs() == 1)
        };
        let shown = |&(key, _): &(&TimeKey, &[u64; 2])| near(key) && !self.hidden.contains(key);
        self.rows
            .iter()
            .filter(shown)
            .map(|(&key, &values)| (key, values))
            .collect()
    }

    fn growth(&self) -> [i64; 2] {
        let sum = |values: &mut dyn Iterator<Item = [u64; 2]>| {
            values.fold([0, 0], |sum: [i64; 2], value| {
                [sum[0] + value[0] as i64, sum[1] + value[1] as i64]
            })
        };
        let all = sum(&mut self.rows.values().copied());
        let entered = sum(&mut self.entered.values().copied());
        [all[0] - entered[0], all[1] - entered[1]]
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write {
        day: u8,
        slot: u16,
        values: [u16; 2],
    },
    Hide {
        pick: usize,
    },
    ShowAll,
    Ask {
        day: u8,
        strays: bool,
        reversed: bool,
        repeated: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let day = 0..6_u8;
    prop_oneof![
        5 => (day.clone(), 0..12_u16, any::<[u16; 2]>()).prop_map(|(day, slot, values)| Step::Write { day, slot, values }),
        1 => any::<usize>().prop_map(|pick| Step::Hide { pick }),
        1 => Just(Step::ShowAll),
        5 => (day, any::<[bool; 3]>())
            .prop_map(|(day, [strays, reversed, repeated])| Step::Ask { day, strays, reversed, repeated }),
    ]
}

/// Day 2 is the date of the first sight, so days 0 and 1 lie before it.
fn date_of(day: u8) -> Date {
    let mut date = first_date().minus_days(2);
    for _ in 0..day {
        date = date.succ();
    }
    date
}

fn ask(
    book: &mut Book,
    upstream: &mut Upstream,
    date: Date,
    strays: bool,
    reversed: bool,
    repeated: bool,
) {
    let before_first_sight = |date: Date| book.ledger.floor.is_none_or(|floor| date <= floor);
    if before_first_sight(date) && !upstream.entered.contains_key(&date) {
        let mut known = upstream.strayed.clone();
        known.retain(|key, _| key.date() == date);
        known.extend(upstream.says(date, false));
        let sum = known.values().fold([0, 0], |sum, values| {
            [sum[0] + values[0], sum[1] + values[1]]
        });
        upstream.entered.insert(date, sum);
    }
    let mut rows = upstream.says(date, strays);
    upstream.strayed.extend(rows.iter().copied());
    if reversed {
        rows.reverse();
    }
    if repeated {
        rows.extend_from_within(..);
    }
    book.ask(date, &rows);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the upstream does: the counter never falls, and once everything was
    /// asked for again it has grown by what the upstream's own sum has grown.
    #[test]
    fn the_counter_never_falls_and_ends_at_the_upstreams_growth(steps in prop::collection::vec(step(), 1..120)) {
        let mut upstream = Upstream::default();
        let mut book = Book::default();
        let mut peak = [0, 0];
        ask(&mut book, &mut upstream, date_of(2), false, false, false);
        for step in steps {
            match step {
                Step::Write { day, slot, values } => {
                    let key = date_of(day).midnight().plus_seconds(i64::from(slot) * 300);
                    upstream.rows.insert(key, values.map(u64::from));
                }
                Step::Hide { pick } if !upstream.rows.is_empty() => {
                    let key = upstream.rows.keys().nth(pick % upstream.rows.len()).copied();
                    upstream.hidden.extend(key);
                }
                Step::Hide { .. } => {}
                Step::ShowAll => upstream.hidden.clear(),
                Step::Ask { day, strays, reversed, repeated } => {
                    ask(&mut book, &mut upstream, date_of(day), strays, reversed, repeated);
                }
            }
            let published = book.published();
            prop_assert!(published[0] >= peak[0] && published[1] >= peak[1], "fell from {peak:?} to {published:?}");
            prop_assert_eq!(book.credited(), book.not_entered(), "a word is entered or credited, and nothing twice");
            peak = published;
        }
        upstream.hidden.clear();
        for day in 0..6 {
            ask(&mut book, &mut upstream, date_of(day), false, false, false);
        }
        prop_assert_eq!(book.credited(), upstream.growth());
        let published = book.published();
        for (published, credited) in published.into_iter().zip(book.credited()) {
            prop_assert!(i128::from(published) >= i128::from(credited));
        }
    }

    /// Saying the same again changes nothing, in whatever order.
    #[test]
    fn merging_is_idempotent_and_order_does_not_matter(
        rows in prop::collection::vec((0..600_i64, any::<[u16; 2]>()), 0..60),
        strays in any::<bool>(),
    ) {
        let spread = if strays { 600 } else { 288 };
        let rows: Vec<(TimeKey, [u64; 2])> = rows
            .into_iter()
            .map(|(slot, values)| (first_date().midnight().plus_seconds(slot % spread * 300), values.map(u64::from)))
            .collect();
        let mut once = Book::default();
        once.ask(first_date().pred(), &[]);
        once.ask(first_date(), &rows);
        let mut twice = once.clone();
        let again = twice.ask(first_date(), &rows);
        prop_assert_eq!(&once.ledger, &twice.ledger);
        prop_assert_eq!(&once.days, &twice.days);
        prop_assert_eq!(again.arrivals, []);
        let mut turned = Book::default();
        turned.ask(first_date().pred(), &[]);
        turned.ask(first_date(), &rows.iter().rev().copied().collect::<Vec<_>>());
        prop_assert_eq!(once.ledger, turned.ledger);
        prop_assert_eq!(once.days, turned.days);
    }
}

/// A month, minute by minute in the hours that matter: late, partial, raised and lowered buckets, days changing.
#[test]
fn a_month_ends_at_the_upstreams_own_sum() {
    let mut upstream = Upstream::default();
    let mut book = Book::default();
    let mut random = 1_u64;
    let mut below = |bound: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut peak = [0, 0];
    let mut date = first_date();
    for _ in 0..31 {
        for slot in 0..288 {
            let now = date.midnight().plus_seconds(slot * 300);
            let late = now.plus_seconds(-300 * (1 + below(36) as i64));
            upstream
                .rows
                .insert(late, [below(9_000_000), below(400_000)]);
            if below(10) == 0 {
                upstream.hidden.insert(late);
            }
            if below(50) == 0 {
                upstream.hidden.clear();
            }
            if below(7) == 0 {
                continue;
            }
            for asked in [date, date.pred()] {
                ask(
                    &mut book,
                    &mut upstream,
                    asked,
                    below(5) == 0,
                    below(2) == 0,
                    below(9) == 0,
                );
            }
            let published = book.published();
            assert!(
                published[0] >= peak[0] && published[1] >= peak[1],
                "{date}: fell from {peak:?} to {published:?}"
            );
            peak = published;
        }
        date = date.succ();
    }
    upstream.hidden.clear();
    for _ in 0..33 {
        date = date.pred();
        ask(&mut book, &mut upstream, date, false, false, false);
    }
    assert_eq!(book.credited(), upstream.growth());
    assert!(upstream.growth()[0] > 20_000_000_000, "a month's worth");
}
