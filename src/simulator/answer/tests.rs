use serde_json::Value;

use super::*;
use crate::simulator::testing::beijing;
use crate::tencent::Item;
use crate::tencent::action::{INTERACTIVE_TIME, TRTC_USAGE};
use crate::usage::Date;

const APP: App = App::Id(1_400_000_003);

fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

fn query(start: &str, end: &str, app: App) -> Query {
    Query {
        start: date(start),
        end: date(end),
        app,
        item: Item::by_name("interactive").expect("known"),
    }
}

fn response(action: &Action, query: &Query, quirks: Quirks, seed: u64) -> Value {
    let now = beijing("2020-09-08 12:00:00");
    let chance = Chance::seeded(seed);
    let answer = Answer::new(&Model::default(), action, query, quirks, now, chance);
    let rows = answer.rows;
    let text = answer.body("some-id");
    let mut json: Value = serde_json::from_str(&text).expect("JSON");
    let response = json["Response"].take();
    assert_eq!(response["RequestId"], "some-id");
    let list = match action.shape {
        Shape::NamedSeconds { apps, rows } => &response[apps][0][rows],
        Shape::Keyed => &response["UsageList"],
    };
    assert_eq!(list.as_array().map_or(0, Vec::len), rows);
    response
}

/// What the model itself says about the query, in seconds.
fn truth(query: &Query, media: Media) -> u64 {
    let range = query.start.midnight()..query.end.succ().midnight();
    let now = beijing("2020-09-08 12:00:00");
    Model::default().truth(query.app, media, range, now)
}

fn named_sum(response: &Value, column: &str) -> u64 {
    let rows = response["Usages"][0]["SdkAppIdTrtcTimeUsages"]
        .as_array()
        .expect("rows");
    let values = rows.iter().filter_map(|row| row[column].as_u64());
    values.sum()
}

#[test]
fn one_date_has_rows_of_five_minutes() {
    let query = query("2020-09-08", "2020-09-08", APP);
    let response = response(&INTERACTIVE_TIME, &query, Quirks::default(), 0);
    let usages = &response["Usages"][0];
    assert_eq!(usages["SdkAppId"], "1400000003", "a string");
    let rows = usages["SdkAppIdTrtcTimeUsages"].as_array().expect("rows");
    assert_eq!(usages["TotalNum"], rows.len());
    assert_eq!(rows[0]["TimeKey"], "2020-09-08 00:00:00");
    for (column, media) in INTERACTIVE_TIME.columns {
        assert_eq!(named_sum(&response, column), truth(&query, *media));
    }
}

#[test]
fn several_dates_have_a_row_each() {
    let query = query("2020-09-06", "2020-09-08", App::Total);
    let response = response(&INTERACTIVE_TIME, &query, Quirks::default(), 0);
    assert_eq!(response["Usages"][0]["SdkAppId"], "total");
    let rows = &response["Usages"][0]["SdkAppIdTrtcTimeUsages"];
    let keys = rows.as_array().expect("rows").iter();
    let keys: Vec<_> = keys.map(|row| row["TimeKey"].clone()).collect();
    assert_eq!(keys, ["2020-09-06", "2020-09-07", "2020-09-08"]);
    assert_eq!(
        named_sum(&response, "AudioTime"),
        truth(&query, Media::Audio)
    );
}

#[test]
fn the_successor_names_its_columns_and_counts_minutes() {
    for (start, quirks) in [
        ("2020-09-08", Quirks::default()),
        ("2020-09-06", Quirks::default()),
        (
            "2020-09-08",
            Quirks {
                previous_day_row: false,
                off_grid: false,
                ..Quirks::ALL
            },
        ),
    ] {
        let query = query(start, "2020-09-08", APP);
        let response = response(&TRTC_USAGE, &query, quirks, 3);
        let keys = response["UsageKey"].as_array().expect("keys");
        for (index, key) in keys.iter().enumerate() {
            let column = TRTC_USAGE.columns.iter().find(|(name, _)| key == name);
            let rows = response["UsageList"].as_array().expect("rows");
            let minutes: f64 = rows
                .iter()
                .map(|row| row["UsageValue"][index].as_f64().expect("a number"))
                .sum();
            let seconds = (minutes * 60.0).round() as u64;
            assert_eq!(seconds, truth(&query, column.expect("known").1), "{key}");
        }
        let first = &response["UsageList"][0];
        let key = TimeKey::parse(first["TimeKey"].as_str().expect("text")).expect("a key");
        let stamp = first["TimeStampKey"].as_i64();
        assert_eq!(stamp, (!quirks.no_time_stamp).then_some(key.unix()));
    }
}

#[test]
fn quirks_keep_the_sums() {
    let query = query("2020-09-08", "2020-09-08", APP);
    let response = response(&INTERACTIVE_TIME, &query, Quirks::ALL, 1);
    let usages = &response["Usages"][0];
    assert_eq!(usages["SdkAppId"], 1_400_000_003);
    assert!(response["DeprecatedWarning"].is_string());
    let rows = usages["SdkAppIdTrtcTimeUsages"].as_array().expect("rows");
    let keys: Vec<TimeKey> = rows
        .iter()
        .map(|row| TimeKey::parse(row["TimeKey"].as_str().expect("text")).expect("a key"))
        .collect();
    assert!(!keys.is_sorted(), "shuffled");
    assert!(keys.iter().any(|key| key.slot() != *key), "off the grid");
    let of_yesterday = |key: &&TimeKey| key.date() == date("2020-09-07");
    assert_eq!(keys.iter().filter(of_yesterday).count(), 1);
    assert!(rows.iter().any(|row| row.get("AudioVideoTime").is_none()));
    let today = rows.iter().zip(&keys).filter(|(_, key)| !of_yesterday(key));
    let audio: u64 = today.filter_map(|(row, _)| row["AudioTime"].as_u64()).sum();
    assert_eq!(audio, truth(&query, Media::Audio));
}

#[test]
fn a_bucket_keeps_its_odd_key() {
    let query = query("2020-09-07", "2020-09-07", APP);
    let keys = |seed| {
        let response = response(&INTERACTIVE_TIME, &query, Quirks::ALL, seed);
        let rows = &response["Usages"][0]["SdkAppIdTrtcTimeUsages"];
        let rows = rows.as_array().expect("rows").iter();
        let mut keys: Vec<_> = rows.map(|row| row["TimeKey"].to_string()).collect();
        let order = keys.clone();
        keys.sort();
        (keys, order)
    };
    let (one, other) = (keys(1), keys(2));
    assert_eq!(one.0, other.0);
    assert_ne!(one.1, other.1, "another request, another order");
}

#[test]
fn a_day_to_come_is_empty() {
    let query = query("2020-09-09", "2020-09-09", APP);
    let plain = response(&INTERACTIVE_TIME, &query, Quirks::default(), 0);
    assert_eq!(plain["Usages"][0]["TotalNum"], 0);
    let null = Quirks {
        null_when_empty: true,
        ..Quirks::default()
    };
    let odd = response(&INTERACTIVE_TIME, &query, null, 0);
    assert!(odd["Usages"].is_null());
    let odd = response(&TRTC_USAGE, &query, null, 0);
    assert!(odd["UsageList"].is_null());
}
