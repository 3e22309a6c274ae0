//! The same usage told by two actions that label it differently: one is asked, then the other, and nothing counts twice.

use super::*;
use crate::usage::Source;

const RETIRED: Source = Source(1);
const SUCCESSOR: Source = Source(2);

/// How an action cuts the usage of a date, given in five-minute buckets.
fn told(source: Source, date: Date, usage: &[u64]) -> Answer {
    let (offset, shift) = if source == RETIRED { (5, 0) } else { (20, 1) };
    let mut answer = Answer::new(vec![Media::Audio]).said_by(source);
    for (slot, &ms) in (0..).zip(usage) {
        let key = date.midnight().plus_seconds((slot + shift) * 300 + offset);
        answer.push(key, &[ms]).expect("a sane row");
    }
    answer
}

impl Book {
    /// One whose first sight was the date before, without usage.
    fn begun() -> Self {
        let mut book = Self::default();
        let before = first_date().pred();
        book.hear(before, &told(RETIRED, before, &[]));
        book
    }

    fn hear(&mut self, date: Date, answer: &Answer) {
        self.ledger
            .merge(&mut self.days, date, answer, noon(date), SETTLING);
    }

    fn credited_audio(&self) -> i64 {
        self.ledger
            .series(Media::Audio)
            .map_or(0, |series| series.credited_ms)
    }
}

#[test]
fn what_another_action_says_takes_the_place_of_what_was_said() {
    let mut book = Book::begun();
    book.hear(first_date(), &told(RETIRED, first_date(), &[100, 200, 300]));
    book.hear(
        first_date(),
        &told(SUCCESSOR, first_date(), &[100, 200, 300]),
    );
    assert_eq!(book.credited_audio(), 600);
    book.hear(
        first_date(),
        &told(SUCCESSOR, first_date(), &[100, 200, 300, 50]),
    );
    book.hear(first_date(), &told(SUCCESSOR, first_date(), &[100]));
    assert_eq!(
        book.credited_audio(),
        650,
        "a bucket once seen is not lost to the same action"
    );
    book.hear(
        first_date(),
        &told(RETIRED, first_date(), &[100, 200, 300, 50]),
    );
    assert_eq!(book.credited_audio(), 650);
}

#[test]
fn an_action_that_lags_behind_is_waited_for() {
    let mut book = Book::begun();
    book.hear(first_date(), &told(RETIRED, first_date(), &[100, 200, 300]));
    book.hear(first_date(), &told(SUCCESSOR, first_date(), &[100, 200]));
    let series = *book.ledger.series(Media::Audio).expect("entered");
    assert_eq!((series.published_ms, series.overcounted_ms()), (600, 200));
    book.hear(
        first_date(),
        &told(SUCCESSOR, first_date(), &[100, 200, 300, 10]),
    );
    let series = *book.ledger.series(Media::Audio).expect("entered");
    assert_eq!((series.published_ms, series.overcounted_ms()), (610, 0));
}

/// The same labels as the retired action has.
fn told_alike(date: Date, usage: &[(i64, u64)]) -> Answer {
    let mut answer = Answer::new(vec![Media::Audio]).said_by(SUCCESSOR);
    for &(slot, ms) in usage {
        let key = date.midnight().plus_seconds(slot * 300 + 5);
        answer.push(key, &[ms]).expect("a sane row");
    }
    answer
}

#[test]
fn an_answer_that_lacks_rows_takes_none_away() {
    let mut book = Book::begun();
    book.hear(first_date(), &told(RETIRED, first_date(), &[100, 200, 300]));
    book.hear(
        first_date(),
        &told_alike(first_date(), &[(0, 100), (2, 300)]),
    );
    assert_eq!(
        book.credited_audio(),
        600,
        "the date may never be asked for again"
    );
    book.hear(
        first_date(),
        &told_alike(first_date(), &[(0, 100), (1, 200), (2, 300)]),
    );
    assert_eq!(book.credited_audio(), 600);
}

#[test]
fn an_answer_that_says_less_of_each_bucket_is_believed() {
    let mut book = Book::begun();
    book.hear(first_date(), &told(RETIRED, first_date(), &[100, 200, 300]));
    book.hear(
        first_date(),
        &told_alike(first_date(), &[(0, 90), (1, 180), (2, 270)]),
    );
    assert_eq!(
        book.credited_audio(),
        540,
        "the upstream has lowered its figures"
    );
}

#[test]
fn an_action_that_has_nothing_to_say_takes_nothing_away() {
    let mut book = Book::begun();
    book.hear(first_date(), &told(RETIRED, first_date(), &[100]));
    book.hear(first_date(), &told(SUCCESSOR, first_date(), &[]));
    assert_eq!(book.credited_audio(), 100);
}

#[test]
fn a_stray_row_of_another_action_is_left_out() {
    let mut book = Book::begun();
    book.hear(first_date(), &told(RETIRED, first_date(), &[100]));
    // The last bucket of the day before, labelled with its end.
    let astray = told(SUCCESSOR, first_date(), &[100]);
    book.hear(first_date().succ(), &astray);
    assert_eq!(book.credited_audio(), 100);
}

#[test]
fn a_stray_row_after_an_empty_answer_is_no_other_actions() {
    let mut book = Book::begun();
    book.hear(first_date(), &told(RETIRED, first_date(), &[]));
    let stray = first_date().midnight().plus_seconds(5);
    let mut answer = Answer::new(vec![Media::Audio]).said_by(RETIRED);
    answer.push(stray, &[100]).expect("a sane row");
    book.hear(first_date().pred(), &answer);
    assert_eq!(book.credited_audio(), 100);
    let mut answer = Answer::new(vec![Media::Audio]).said_by(RETIRED);
    answer
        .push(stray.plus_seconds(300), &[10])
        .expect("a sane row");
    book.hear(first_date(), &answer);
    assert_eq!(book.credited_audio(), 110, "a bucket once seen is not lost");
}

#[test]
fn the_words_of_an_early_version_may_be_anybodys() {
    let mut book = Book::begun();
    book.hear(first_date(), &told(RETIRED, first_date(), &[100, 200]));
    for day in book.days.values_mut() {
        *day = std::mem::take(day).said_by(None);
    }
    book.hear(first_date(), &told(SUCCESSOR, first_date(), &[100, 200]));
    assert_eq!(book.credited_audio(), 300);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// However often the action changes and the usage grows: in the end the counter has grown by what the usage of each
    /// date has grown since that was first told.
    #[test]
    fn a_change_of_action_counts_nothing_twice(
        steps in prop::collection::vec((0..4_usize, 0..12_usize, 0..1000_u64, any::<bool>()), 1..60)
    ) {
        let dates: Vec<Date> = first_date().through(first_date().succ().succ().succ()).collect();
        let mut usage = vec![[0_u64; 12]; dates.len()];
        let mut entered: Vec<Option<u64>> = vec![None; dates.len()];
        let mut book = Book::default();
        let mut peak = 0;
        // The dates up to the second lie before the first sight.
        book.hear(dates[1], &told(RETIRED, dates[1], &usage[1]));
        entered[1] = Some(0);
        for (day, slot, more, change) in steps {
            usage[day][slot] += more;
            let source = if change { SUCCESSOR } else { RETIRED };
            book.hear(dates[day], &told(source, dates[day], &usage[day]));
            let first = if day == 0 { usage[0].iter().sum() } else { 0 };
            entered[day].get_or_insert(first);
            let published = book.ledger.series(Media::Audio).expect("entered").published_ms;
            prop_assert!(published >= peak);
            peak = published;
        }
        let expected: u64 = usage
            .iter()
            .zip(entered)
            .filter_map(|(usage, entered)| Some(usage.iter().sum::<u64>() - entered?))
            .sum();
        prop_assert_eq!(book.credited_audio(), expected as i64);
    }
}
