//! State that has been damaged: days whose bytes are any bytes, databases of which any bytes are others. Each is refused
//! or usable, and a usable one is counted on by the rules.
//!
//! An input is one byte for which of both it is, then a day's bytes, or changes of three bytes each: where, and to what.

#![no_main]

mod database;
mod day;

use chrono::{DateTime, TimeDelta, Utc};
use libfuzzer_sys::fuzz_target;
use trtc_exporter::usage::{Answer, Date, Ledger, Media, TimeKey};

const MEDIA: [Media; 2] = [Media::Audio, Media::VideoHd];
const SETTLE_AFTER: TimeDelta = TimeDelta::minutes(15);

fuzz_target!(|input: &[u8]| match input.split_first() {
    Some((0, bytes)) => day::judge(bytes),
    Some((_, changes)) => database::judge(changes),
    None => {}
});

fn today() -> Date {
    "2024-02-29".parse().expect("a date")
}

/// An hour of a date, which may be over by then.
fn at(date: Date, hour: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(date.midnight().unix() + hour * 3600, 0).expect("in range")
}

/// An answer with these buckets, each with its words.
fn answer(rows: &[(TimeKey, [u64; 2])]) -> Answer {
    let mut answer = Answer::new(MEDIA.to_vec());
    for (key, words) in rows {
        answer.push(*key, words).expect("a believable row");
    }
    answer
}

/// What a merge may have made of a ledger: nothing fell, and no more was credited than the answer says.
fn obeys_the_rules(before: &Ledger, after: &Ledger, rows: &[(TimeKey, [u64; 2])]) {
    contradicts_nothing(after);
    for series in &after.series {
        let published = before
            .series(series.media)
            .map_or(0, |series| series.published_ms);
        assert!(series.published_ms >= published, "{} fell", series.media);
        let column = MEDIA.iter().position(|&media| media == series.media);
        let said: u64 = column.map_or(0, |column| {
            rows.iter().map(|(_, words)| words[column]).sum()
        });
        assert!(
            series.published_ms - published <= said,
            "{} leapt",
            series.media
        );
    }
    assert!(
        before
            .series
            .iter()
            .all(|series| after.series(series.media).is_some())
    );
}

fn contradicts_nothing(ledger: &Ledger) {
    for series in &ledger.series {
        assert!(
            i128::from(series.published_ms) >= i128::from(series.credited_ms),
            "{series:?}"
        );
        let ahead = i128::from(series.published_ms) - i128::from(series.credited_ms);
        assert_eq!(
            u128::from(series.overcounted_ms()),
            ahead.cast_unsigned(),
            "{series:?}"
        );
    }
}
