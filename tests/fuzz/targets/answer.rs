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
use trtc_exporter::usage::{App, Date, Day, Ledger, Media, Settling, TimeKey, Unit};

/// The largest value that may be taken, in ms: 10^10 seconds in one bucket.
const LARGEST: u64 = 10_000_000_000_000;

const FORM: &str = "%Y-%m-%d %H:%M:%S";

const SETTLING: Settling = Settling {
    after: TimeDelta::minutes(15),
    watermark: None,
};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, body)) = input.split_first() else {
        return;
    };
    let query = Query {
        parameter: None,
        since: None,
        action: Action::ALL[usize::from(choice & 1) + usize::from(choice >> 2) % 6],
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
        let text = std::str::from_utf8(body).expect("a reply was read from it");
        if let Ok(json) = serde_json::from_str(text) {
            says_what_the_body_says(&query, &reply, text, &json);
        }
        counts_each_bucket_once(&query, &reply);
    }
});

fn is_believable(query: &Query, reply: &Reply) {
    let answer = &reply.answer;
    let known: Vec<Media> = query.action.media().collect();
    assert!(answer.columns().starts_with(&known) && answer.columns().len() <= 16);
    assert_eq!(answer.rejected() > 0, reply.left_out.is_some());
    for (key, values) in answer.rows() {
        assert!(key.date().days_since(query.date).abs() <= 1, "{key}");
        assert!(values.iter().all(|&value| value <= LARGEST), "{values:?}");
    }
}

/// Reads the body once more, as naively as can be: what is taken is what is there, and what is not taken was counted.
fn says_what_the_body_says(query: &Query, reply: &Reply, body: &str, json: &Value) {
    let response = &json["Response"];
    let said = match query.action.shape {
        Shape::NamedSeconds { apps, rows } => named_rows(query, reply, response, (apps, rows)),
        Shape::Keyed => keyed_rows(query, reply, response),
    };
    let mut taken: Vec<(TimeKey, &[u64])> = reply.answer.rows().collect();
    assert_eq!(
        taken.len() as u64 + reply.answer.rejected(),
        said.len() as u64
    );
    let said: Vec<SaidRow> = said.into_iter().flatten().collect();
    let mut good: Vec<(TimeKey, &[u64])> = said
        .iter()
        .filter(|row| row.is_good(query, &said))
        .map(|row| (row.key, &*row.values))
        .collect();
    taken.sort_unstable();
    good.sort_unstable();
    if is_unambiguous(body, json) {
        assert_eq!(taken, good);
    }
    assert!(taken.iter().all(|row| good.contains(row)), "nobody said it");
}

/// Whether all that the body says is in `json`, where of two fields with one name only the last is left.
fn is_unambiguous(body: &str, json: &Value) -> bool {
    let quotes = |text: &str| text.matches('"').count();
    !body.contains('\\') && quotes(body) == quotes(&json.to_string())
}

/// A row that can be read.
struct SaidRow {
    key: TimeKey,
    is_bare_date: bool,
    values: Vec<u64>,
}

impl SaidRow {
    /// Whether it is to be taken, among all those beside it.
    fn is_good(&self, query: &Query, beside: &[Self]) -> bool {
        let date = self.key.date();
        let has_times = |row: &Self| !row.is_bare_date && row.key.date() == date;
        date.days_since(query.date).abs() <= 1
            && self.values.iter().all(|&value| value <= LARGEST)
            && !(self.is_bare_date && beside.iter().any(has_times))
    }
}

/// All rows there; `None` for one that nothing may be taken from.
fn named_rows(
    query: &Query,
    reply: &Reply,
    response: &Value,
    (apps, rows_of_app): (&str, &str),
) -> Vec<Option<SaidRow>> {
    let all_rows = list(&response[apps]).flat_map(|element| list(&element[rows_of_app]));
    let fields = all_rows
        .filter_map(Value::as_object)
        .flat_map(|row| row.keys());
    let names = names(query, reply, fields.map(String::as_str));
    let mut rows = Vec::new();
    for element in list(&response[apps]) {
        let ours = match &element["SdkAppId"] {
            Value::Null => true,
            Value::String(id) => id.parse() == Ok(query.app),
            id => id.to_string().parse() == Ok(query.app),
        };
        for row in list(&element[rows_of_app]) {
            let numbers = names.iter().map(|name| &row[name]);
            let values = numbers.map(|number| ms(number, 1_000.0)).collect();
            rows.push(read(&row["TimeKey"], values).filter(|_| ours));
        }
    }
    rows
}

/// The upstream's names for the columns of a reply: those known, then the first of each that is not.
fn names(query: &Query, reply: &Reply, said: impl Iterator<Item = impl AsRef<str>>) -> Vec<String> {
    let known = query.action.columns;
    let mut names: Vec<String> = known.iter().map(|(name, _)| (*name).to_owned()).collect();
    let said: Vec<String> = said.map(|name| name.as_ref().to_owned()).collect();
    for media in &reply.answer.columns()[known.len()..] {
        let is_it = |name: &&String| query.action.media_of_unknown(name) == Some(*media);
        names.push(said.iter().find(is_it).expect("somebody said it").clone());
    }
    names
}

fn keyed_rows(query: &Query, reply: &Reply, response: &Value) -> Vec<Option<SaidRow>> {
    let keys: Vec<_> = list(&response["UsageKey"]).collect();
    let names = names(query, reply, keys.iter().filter_map(|key| key.as_str()));
    let unit = match query.action.unit {
        Unit::Seconds => 60_000.0,
        Unit::Bandwidth => 1_000.0,
    };
    let read_row = |row: &Value| {
        let given: Vec<_> = list(&row["UsageValue"]).collect();
        if given.len() != keys.len() || given.is_empty() {
            return None;
        }
        let of_column = |name: &String| {
            let mut of_it = keys
                .iter()
                .zip(&given)
                .filter(|(key, _)| key.as_str() == Some(name));
            of_it.try_fold(0, |_, (_, number)| ms(number, unit))
        };
        given
            .iter()
            .copied()
            .map(number)
            .collect::<Option<Vec<_>>>()?;
        read(&row["TimeKey"], names.iter().map(of_column).collect())
    };
    list(&response["UsageList"]).map(read_row).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(0.0),
        Value::String(text) => text.parse().ok(),
        number => number.as_f64(),
    }
}

fn ms(value: &Value, unit_ms: f64) -> Option<u64> {
    let number = number(value)?;
    let ms = (number * unit_ms).round();
    (number >= 0.0 && ms.is_finite()).then_some(ms as u64)
}

fn read(key: &Value, values: Option<Vec<u64>>) -> Option<SaidRow> {
    let key = key.as_str()?;
    let is_bare_date = key.len() == 10;
    let text = if is_bare_date {
        format!("{key} 00:00:00")
    } else {
        key.to_owned()
    };
    let at = NaiveDateTime::parse_from_str(&text, FORM).ok()?.and_utc();
    // Nothing but the one way of writing it: no leap second, no digit or blank more or less.
    let again = DateTime::from_timestamp(at.timestamp(), 0)?.format(FORM);
    let beijing = TimeDelta::hours(8).num_seconds();
    (again.to_string() == text).then_some(SaidRow {
        key: TimeKey::from_unix(at.timestamp() - beijing),
        is_bare_date,
        values: values?,
    })
}

/// A ledger that was there before credits each bucket once, the larger word where there are two; one that begins with
/// this answer credits nothing.
fn counts_each_bucket_once(query: &Query, reply: &Reply) {
    let at = DateTime::from_timestamp(query.date.midnight().unix() + 86_399, 0).expect("in range");
    let mut empty = reply.clone();
    empty.answer = trtc_exporter::usage::Answer::new(reply.answer.columns().to_vec());
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
