use serde_json::Value;

use super::*;
use crate::simulator::testing::beijing;
use crate::tencent::action::{INTERACTIVE_TIME, TRTC_USAGE};
use crate::tencent::{Item, wire};
use crate::usage::{Date, Unit};

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
    assert_eq!(list(action, &response).len(), rows);
    response
}

/// The rows; none where there is no list.
fn list<'r>(action: &Action, response: &'r Value) -> &'r [Value] {
    let list = match action.shape {
        Shape::NamedSeconds { apps, rows } => &response[apps][0][rows],
        Shape::Keyed => &response["UsageList"],
    };
    list.as_array().map_or(&[], Vec::as_slice)
}

/// What a row says of a column, in seconds or kbit/s.
fn figure(action: &Action, response: &Value, row: &Value, column: &str) -> u64 {
    let Shape::Keyed = action.shape else {
        return row[column].as_u64().unwrap_or(0);
    };
    let mut keys = response["UsageKey"].as_array().expect("keys").iter();
    let index = keys.position(|key| key == column).expect("a column");
    let value = row["UsageValue"][index].as_f64().expect("a number");
    let scale = match action.unit {
        Unit::Seconds => 60.0,
        Unit::Bandwidth => 1000.0,
    };
    (value * scale).round() as u64
}

/// What all rows together say of a column.
fn figures(action: &Action, response: &Value, column: &str) -> u64 {
    let rows = list(action, response).iter();
    let figures = rows.map(|row| figure(action, response, row, column));
    match action.unit {
        Unit::Seconds => figures.sum(),
        Unit::Bandwidth => figures.max().unwrap_or(0),
    }
}

/// What the model itself says about the query.
fn truth(query: &Query, media: Media) -> u64 {
    let range = query.start.midnight()..query.end.succ().midnight();
    let now = beijing("2020-09-08 12:00:00");
    let model = Model::default();
    model.of(query.item).truth(query.app, media, range, now)
}

/// Every action, and for those that report several items each of them.
fn questions() -> impl Iterator<Item = (&'static Action, &'static Item)> {
    let actions = Action::ALL.into_iter();
    actions.flat_map(|action| Item::reported_by(action).map(move |item| (action, item)))
}

#[test]
fn every_action_tells_what_the_model_says_about_one_date_or_several() {
    let odd = Quirks {
        previous_day_row: false,
        ..Quirks::ALL
    };
    for (action, item) in questions() {
        for (start, app, quirks) in [
            ("2020-09-08", APP, Quirks::default()),
            ("2020-09-06", APP, Quirks::default()),
            ("2020-09-08", App::Total, Quirks::default()),
            ("2020-09-06", App::Total, odd),
            ("2020-09-08", APP, odd),
        ] {
            let query = Query {
                item,
                ..query(start, "2020-09-08", app)
            };
            let response = response(action, &query, quirks, 3);
            for &(column, media) in action.columns {
                let (told, truth) = (figures(action, &response, column), truth(&query, media));
                assert_eq!(told, truth, "{} {column}", action.name);
            }
            assert!(truth(&query, action.columns[0].1) > 0, "{}", action.name);
        }
    }
}

/// In the simulator's own layout there is nothing that the exporter reads differently, or not at all.
#[test]
fn the_exporter_reads_what_is_meant() {
    for (action, item) in questions() {
        let query = Query {
            item,
            ..query("2020-09-08", "2020-09-08", APP)
        };
        let response = response(action, &query, Quirks::ALL, 5);
        let asked = wire::Query {
            action,
            parameter: item.parameter,
            app: query.app,
            date: query.start,
            since: None,
        };
        let body = serde_json::json!({ "Response": response }).to_string();
        let reply = wire::parse(&asked, body.as_bytes()).expect("an answer");
        assert_eq!(reply.left_out, None, "{}", action.name);
        let rows = list(action, &response);
        assert_eq!(reply.answer.rows().count(), rows.len());
        let scale = match action.unit {
            Unit::Seconds => 1000,
            Unit::Bandwidth => 1,
        };
        for (row, (_, words)) in rows.iter().zip(reply.answer.rows()) {
            let columns = action.columns.iter();
            let told = columns.map(|(column, _)| figure(action, &response, row, column) * scale);
            assert_eq!(words, told.collect::<Vec<_>>(), "{}", action.name);
        }
    }
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
}

#[test]
fn a_keyed_row_of_a_date_lies_at_its_midnight_and_has_a_time_stamp_where_there_are_any() {
    for no_time_stamp in [false, true] {
        let query = query("2020-09-06", "2020-09-08", APP);
        let quirks = Quirks {
            no_time_stamp,
            ..Quirks::default()
        };
        let response = response(&TRTC_USAGE, &query, quirks, 3);
        let first = &response["UsageList"][0];
        assert_eq!(first["TimeKey"], "2020-09-06 00:00:00");
        let stamp = first["TimeStampKey"].as_i64();
        let midnight = date("2020-09-06").midnight().unix();
        assert_eq!(stamp, (!no_time_stamp).then_some(midnight));
    }
}

#[test]
fn the_older_actions_have_lists_and_fields_of_their_own() {
    let query = |item: &str| Query {
        item: Item::by_name(item).expect("known"),
        ..query("2020-09-08", "2020-09-08", APP)
    };
    let mixed = response(
        &MCU_TRANSCODE_TIME,
        &query("mix_transcoding"),
        Quirks::default(),
        0,
    );
    let rows = &mixed["Usages"][0]["SdkAppIdTranscodeTimeUsages"];
    assert!(mixed["Usages"][0]["TotalNum"].is_u64());
    let bandwidth = |row: &Value| row["Flux"].as_f64().is_some_and(|flux| flux > 0.0);
    assert!(rows.as_array().expect("rows").iter().any(bandwidth));
    let recorded = response(&RECORD_STATISTIC, &query("recording"), Quirks::default(), 0);
    let of_app = recorded["SdkAppIdUsages"][0].as_object().expect("an app");
    assert_eq!(of_app.keys().collect::<Vec<_>>(), ["SdkAppId", "Usages"]);
}

#[test]
fn a_column_that_nobody_knows_has_usage_in_it() {
    let quirks = Quirks {
        unknown_column: true,
        ..Quirks::default()
    };
    for (action, item) in questions() {
        let query = Query {
            item,
            ..query("2020-09-08", "2020-09-08", APP)
        };
        let column = match action.shape {
            Shape::NamedSeconds { .. } => "VideoTime8k",
            Shape::Keyed => "8K",
        };
        assert!(!format!("{}", response(action, &query, Quirks::ALL, 0)).contains(column));
        let response = response(action, &query, quirks, 0);
        let first = truth(&query, action.columns[0].1);
        assert_eq!(figures(action, &response, column), first, "{}", action.name);
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
