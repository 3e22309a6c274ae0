//! What the SDK has read, and what the exporter's own client reads, as figures that can be compared.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use trtc_exporter::tencent::action::Shape;
use trtc_exporter::tencent::client::Client;
use trtc_exporter::tencent::{self, Action};
use trtc_exporter::usage::{Date, Media, TimeKey, Unit};

use super::Question;

/// Words by TimeKey and media: milliseconds or kbit/s.
pub(super) type Figures = BTreeMap<(TimeKey, Media), u64>;

/// What the SDK says. It keeps only what it knows, so whatever is found here goes by the official names.
pub(super) fn read(question: &Question, answer: &Value) -> Figures {
    let action = question.action;
    match action.shape {
        Shape::NamedSeconds { apps, rows } => {
            let of_app = &answer[apps][0];
            assert_eq!(of_app["SdkAppId"], question.app.to_string());
            let rows = list(&of_app[rows]);
            if let Some(count) = of_app.get("TotalNum") {
                assert_eq!(*count, rows.len());
            }
            let named = |row| named_words(action, row);
            rows.iter().flat_map(named).collect()
        }
        Shape::Keyed => {
            let keys = list(&answer["UsageKey"]);
            let keyed = |row| keyed_words(action, keys, row);
            list(&answer["UsageList"]).iter().flat_map(keyed).collect()
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn named_words<'a>(
    action: &'a Action,
    row: &'a Value,
) -> impl Iterator<Item = ((TimeKey, Media), u64)> + 'a {
    action.columns.iter().map(move |&(column, media)| {
        let seconds = row[column].as_u64().expect("a whole number");
        ((time_key(row), media), seconds * 1000)
    })
}

fn keyed_words<'a>(
    action: &'a Action,
    keys: &'a [Value],
    row: &'a Value,
) -> impl Iterator<Item = ((TimeKey, Media), u64)> + 'a {
    let key = time_key(row);
    assert_eq!(row["TimeStampKey"], key.unix());
    action.columns.iter().map(move |&(column, media)| {
        let index = keys.iter().position(|key| key == column);
        let value = &row["UsageValue"][index.expect("a column")];
        let scale = match action.unit {
            Unit::Seconds => 60_000.0,
            Unit::Bandwidth => 1000.0,
        };
        let word = value.as_f64().expect("a number") * scale;
        ((key, media), word.round() as u64)
    })
}

/// Older actions label the row of a whole date with nothing else.
fn time_key(row: &Value) -> TimeKey {
    let text = row["TimeKey"].as_str().expect("text");
    let date = || text.parse::<Date>().expect("a date").midnight();
    TimeKey::parse(text).unwrap_or_else(date)
}

/// What the exporter's client says.
pub(super) async fn ask(client: &Client, question: &Question) -> Figures {
    let is_one_date = question.first == question.last;
    let query = tencent::Query {
        action: question.action,
        parameter: question.item.parameter,
        app: question.app,
        date: question.last,
        since: (!is_one_date).then_some(question.first),
    };
    let answer = client.ask(&query, Duration::from_secs(10)).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.rejected(), 0);
    let mut figures = Figures::new();
    for (key, words) in answer.rows() {
        let of_media = answer.columns().iter().zip(words);
        figures.extend(of_media.map(|(&media, &word)| ((key, media), word)));
    }
    figures
}

/// What its buckets come to on each date: times are added up, of bandwidths the highest counts.
pub(super) async fn ask_date_by_date(client: &Client, question: &Question) -> Figures {
    let mut dates = Figures::new();
    for date in question.first.through(question.last) {
        let of_date = Question {
            first: date,
            last: date,
            ..*question
        };
        for ((_, media), word) in ask(client, &of_date).await {
            let sum = dates.entry((date.midnight(), media)).or_default();
            *sum = match question.action.unit {
                Unit::Seconds => *sum + word,
                Unit::Bandwidth => word.max(*sum),
            };
        }
    }
    dates
}
