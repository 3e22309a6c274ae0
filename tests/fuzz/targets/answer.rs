//! The upstream's answers, and whatever else its address may send: read without a panic and without a doubt, nothing is
//! taken that the body does not say, and whatever is taken can be counted.
//!
//! An input is one byte for the app and the action, then the body.

#![no_main]

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use trtc_exporter::tencent::action::{Action, Shape};
use trtc_exporter::tencent::wire::{Query, Reply, WireError, parse, refusal};
use trtc_exporter::usage::{App, Date, Day, Ledger, Settling, TimeKey};

/// The largest value that may be taken, in ms: 10^10 seconds in one bucket.
const LARGEST: u64 = 10_000_000_000_000;

const SETTLING: Settling = Settling {
    after: TimeDelta::minutes(15),
    watermark: None,
};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, body)) = input.split_first() else {
        return;
    };
    let query = Query {
        action: Action::ALL[usize::from(choice & 1)],
        app: if choice & 2 == 0 {
            App::Id(1_400_243_510)
        } else {
            App::Total
        },
        date: "2020-09-08".parse().expect("a date"),
    };
    let result = parse(&query, body);
    assert_eq!(
        result,
        parse(&query, body),
        "the same bytes, the same answer"
    );
    let refused = match &result {
        Err(error @ WireError::Refused { .. }) => Some(error),
        _ => None,
    };
    assert_eq!(refusal(body).as_ref(), refused, "an error decides");
    if let Ok(reply) = result {
        is_believable(&query, &reply);
        if let Ok(json) = serde_json::from_slice(body) {
            says_what_the_body_says(&query, &reply, &json);
        }
        counts_each_bucket_once(&query, &reply);
    }
});

fn is_believable(query: &Query, reply: &Reply) {
    let answer = &reply.answer;
    assert!(answer.columns().iter().copied().eq(query.action.media()));
    assert_eq!(answer.rejected() > 0, reply.left_out.is_some());
    for (key, values) in answer.rows() {
        assert!(key.date().days_since(query.date).abs() <= 1, "{key}");
        assert!(values.iter().all(|&value| value <= LARGEST), "{values:?}");
    }
}

/// Reads the body once more, as naively as can be: each row taken is there, and each row there was taken or counted.
fn says_what_the_body_says(query: &Query, reply: &Reply, json: &Value) {
    let said = match query.action.shape {
        Shape::NamedSeconds => named_rows(query, &json["Response"]),
        Shape::KeyedMinutes => keyed_rows(query, &json["Response"]),
    };
    let taken = reply.answer.rows().count() as u64;
    assert_eq!(taken + reply.answer.rejected(), said.len() as u64);
    for (key, values) in reply.answer.rows() {
        let is_this = |row: &Option<(TimeKey, Vec<u64>)>| {
            row.as_ref()
                .is_some_and(|(said_key, said)| *said_key == key && said == values)
        };
        assert!(said.iter().any(is_this), "nobody said {key} {values:?}");
    }
}

/// All rows there; `None` for one that nothing may be taken from.
fn named_rows(query: &Query, response: &Value) -> Vec<Option<(TimeKey, Vec<u64>)>> {
    let mut rows = Vec::new();
    for element in list(&response["Usages"]) {
        let ours = match &element["SdkAppId"] {
            Value::Null => true,
            Value::String(id) => id.parse() == Ok(query.app),
            id => id.to_string().parse() == Ok(query.app),
        };
        for row in list(&element["SdkAppIdTrtcTimeUsages"]) {
            let numbers = query.action.columns.iter().map(|&(name, _)| &row[name]);
            rows.push(read(&row["TimeKey"], numbers, 1_000.0).filter(|_| ours));
        }
    }
    rows
}

fn keyed_rows(query: &Query, response: &Value) -> Vec<Option<(TimeKey, Vec<u64>)>> {
    let keys: Vec<_> = list(&response["UsageKey"]).collect();
    let read_row = |row: &Value| {
        let given: Vec<_> = list(&row["UsageValue"]).collect();
        if given.len() != keys.len() {
            return None;
        }
        let of_column = |&(name, _): &(&str, _)| {
            let place = keys.iter().rposition(|&key| key == name);
            place.map_or(&Value::Null, |place| given[place])
        };
        let numbers = query.action.columns.iter().map(of_column);
        read(&row["TimeKey"], numbers, 60_000.0)
    };
    list(&response["UsageList"]).map(read_row).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn read<'a>(
    key: &Value,
    numbers: impl Iterator<Item = &'a Value>,
    unit_ms: f64,
) -> Option<(TimeKey, Vec<u64>)> {
    let key = key.as_str()?;
    let at = if key.len() == 10 {
        format!("{key} 00:00:00")
    } else {
        key.to_owned()
    };
    let at = NaiveDateTime::parse_from_str(&at, "%Y-%m-%d %H:%M:%S").ok()?;
    let beijing = TimeDelta::hours(8).num_seconds();
    let values = numbers.map(|number| {
        let number = match number {
            Value::Null => 0.0,
            Value::String(text) => text.parse().ok()?,
            number => number.as_f64()?,
        };
        (number >= 0.0).then_some((number * unit_ms).round() as u64)
    });
    let values = values.collect::<Option<_>>()?;
    Some((
        TimeKey::from_unix(at.and_utc().timestamp() - beijing),
        values,
    ))
}

/// A ledger that was there before credits each bucket once, the larger word where there are two; one that begins with
/// this answer credits nothing.
fn counts_each_bucket_once(query: &Query, reply: &Reply) {
    let at = DateTime::from_timestamp(query.date.midnight().unix() + 86_399, 0).expect("in range");
    let mut empty = reply.clone();
    empty.answer = trtc_exporter::usage::Answer::new(query.action.media().collect());
    let mut book = (Ledger::default(), BTreeMap::new());
    let long_ago = query.date.minus_days(3);
    merge(&mut book, long_ago, &empty, at - TimeDelta::days(3));
    for _ in 0..2 {
        merge(&mut book, query.date, reply, at);
        for (column, &media) in reply.answer.columns().iter().enumerate() {
            let mut words: BTreeMap<TimeKey, u64> = BTreeMap::new();
            for (key, values) in reply.answer.rows() {
                let word = words.entry(key).or_default();
                *word = values[column].max(*word);
            }
            let sum: u128 = words.values().map(|&word| u128::from(word)).sum();
            let series = book.0.series(media).expect("spoken about");
            assert_eq!(u128::from(series.published_ms), sum, "{media}");
            assert_eq!(series.credited_ms as i128, sum as i128, "{media}");
        }
    }
    let mut fresh = (Ledger::default(), BTreeMap::new());
    merge(&mut fresh, query.date, reply, at);
    assert!(fresh.0.series.iter().all(|series| series.published_ms == 0));
}

fn merge(
    (ledger, days): &mut (Ledger, BTreeMap<Date, Day>),
    date: Date,
    reply: &Reply,
    asked_at: DateTime<Utc>,
) {
    ledger.merge(days, date, &reply.answer, asked_at, SETTLING);
}
