//! Answers as the upstream's documentation shows them, and every way in which they may be odd.

mod properties;

use super::*;
use crate::tencent::action::{
    INTERACTIVE_TIME, MCU_TRANSCODE_TIME, MIX_TRANSCODING_USAGE, RECORD_STATISTIC, RECORDING_USAGE,
    RELAY_USAGE, TRTC_USAGE,
};
use crate::usage::Media;

const TWO_DAYS: &str = include_str!("../../../tests/data/tencent/two_days.json");
const ONE_DAY: &str = include_str!("../../../tests/data/tencent/one_day.json");
const TOTAL: &str = include_str!("../../../tests/data/tencent/total.json");

const APP: App = App::Id(1_400_243_510);

fn query(action: &'static Action, app: App) -> Query {
    Query {
        action,
        parameter: None,
        since: None,
        app,
        date: "2020-09-08".parse().expect("a date"),
    }
}

fn interactive(body: &str) -> Result<Reply, WireError> {
    parse(&query(&INTERACTIVE_TIME, APP), body.as_bytes())
}

fn usage(body: &str) -> Result<Reply, WireError> {
    parse(&query(&TRTC_USAGE, APP), body.as_bytes())
}

/// An answer of one element with these rows.
fn with_rows(rows: &str) -> String {
    format!(
        r#"{{"Response":{{"RequestId":"r","Usages":[{{"SdkAppId":"1400243510","SdkAppIdTrtcTimeUsages":[{rows}]}}]}}}}"#
    )
}

fn rows(reply: &Reply) -> Vec<(String, Vec<u64>)> {
    let mut rows: Vec<_> = reply
        .answer
        .rows()
        .map(|(key, values)| (key.to_string(), values.to_vec()))
        .collect();
    rows.sort();
    rows
}

fn row(key: &str, values: &[u64]) -> (String, Vec<u64>) {
    (key.to_owned(), values.to_vec())
}

#[test]
fn a_question_is_compact_json_about_one_date() {
    assert_eq!(
        request_body(&query(&INTERACTIVE_TIME, APP)),
        r#"{"StartTime":"2020-09-08","EndTime":"2020-09-08","SdkAppId":1400243510}"#
    );
    assert_eq!(
        request_body(&query(&INTERACTIVE_TIME, App::Total)),
        r#"{"StartTime":"2020-09-08","EndTime":"2020-09-08"}"#
    );
}

#[test]
fn the_documented_day_has_a_row_of_the_previous_day() {
    let reply = interactive(ONE_DAY).expect("an answer");
    assert_eq!(
        reply.answer.columns(),
        [
            Media::Audio,
            Media::VideoSd,
            Media::VideoHd,
            Media::VideoFullHd,
            Media::AudioVideo
        ]
    );
    assert_eq!(
        rows(&reply),
        [
            row("2020-09-07 09:50:00", &[0, 0, 0, 0, 14_706_996_000]),
            row("2020-09-08 09:55:00", &[0, 0, 0, 0, 56_820_000]),
        ]
    );
    assert_eq!((reply.answer.rejected(), reply.left_out), (0, None));
    assert_eq!(
        reply.request_id.as_deref(),
        Some("644956b8-9f7c-44c5-b833-31d91dba1b24")
    );
}

#[test]
fn the_documented_total_is_the_accounts() {
    let total = parse(&query(&INTERACTIVE_TIME, App::Total), TOTAL.as_bytes()).expect("an answer");
    assert_eq!(rows(&total).len(), 3);
    assert_eq!(
        rows(&total)[0],
        row("2020-09-08 00:05:00", &[0, 0, 0, 0, 512_916_000])
    );

    let of_an_app = interactive(TOTAL).expect("an answer");
    assert_eq!(rows(&of_an_app), []);
    assert_eq!(of_an_app.answer.rejected(), 3);
    assert_eq!(of_an_app.left_out, Some(Rejected::OtherApp));
}

#[test]
fn the_documented_two_days_are_bare_dates_at_midnight() {
    let reply = interactive(TWO_DAYS).expect("an answer");
    assert_eq!(
        rows(&reply),
        [
            row(
                "2020-09-07 00:00:00",
                &[
                    8_435_963_000,
                    3_633_229_000,
                    7_266_458_000,
                    10_899_687_000,
                    0
                ]
            ),
            row(
                "2020-09-08 00:00:00",
                &[30_690_000, 8_896_000, 17_792_000, 26_688_000, 0]
            ),
        ]
    );
}

#[test]
fn the_sums_of_several_dates_are_taken_within_them() {
    let month = |action| Query {
        since: Some("2020-09-07".parse().expect("a date")),
        ..query(action, APP)
    };
    assert_eq!(
        request_body(&month(&INTERACTIVE_TIME)),
        r#"{"StartTime":"2020-09-07","EndTime":"2020-09-08","SdkAppId":1400243510}"#
    );
    let reply = parse(&month(&INTERACTIVE_TIME), TWO_DAYS.as_bytes()).expect("an answer");
    assert_eq!(rows(&reply).len(), 2);
    let keyed = |keys: [&str; 2]| {
        let rows = keys.map(|key| format!(r#"{{"TimeKey":"{key}","UsageValue":[1.5]}}"#));
        let body = format!(
            r#"{{"Response":{{"UsageKey":["Audio"],"UsageList":[{}]}}}}"#,
            rows.join(",")
        );
        parse(&month(&TRTC_USAGE), body.as_bytes())
    };
    let reply = keyed(["2020-09-07 00:00:00", "2020-09-09 00:00:00"]).expect("an answer");
    assert_eq!(
        rows(&reply),
        [row("2020-09-07 00:00:00", &[90_000, 0, 0, 0, 0, 0])]
    );
    assert_eq!(reply.left_out, Some(Rejected::OtherDate));
    let buckets = keyed(["2020-09-07 00:00:00", "2020-09-07 00:05:00"]).expect("an answer");
    assert_eq!(
        rows(&buckets).len(),
        2,
        "whoever tells buckets instead has told sums too"
    );
}

#[test]
fn a_bare_date_beside_its_own_buckets_is_left_out() {
    let reply = interactive(&with_rows(
        r#"{"TimeKey":"2020-09-08","AudioTime":600},{"TimeKey":"2020-09-08 00:05:00","AudioTime":300},
           {"TimeKey":"2020-09-07","AudioTime":7}"#,
    ))
    .expect("an answer");
    assert_eq!(
        rows(&reply),
        [
            row("2020-09-07 00:00:00", &[7000, 0, 0, 0, 0]),
            row("2020-09-08 00:05:00", &[300_000, 0, 0, 0, 0]),
        ]
    );
    assert_eq!(reply.left_out, Some(Rejected::DaySum));
}

#[test]
fn a_number_is_read_in_every_form_it_may_have() {
    for (written, ms) in [
        ("300", 300_000),
        ("300.0", 300_000),
        ("3e2", 300_000),
        ("0.0015", 2),
        (r#""300""#, 300_000),
        (r#""0.5""#, 500),
        ("null", 0),
        ("-0", 0),
    ] {
        let body = with_rows(&format!(
            r#"{{"AudioTime":{written},"Future":[{{}}],"TimeKey":"2020-09-08 00:05:05"}}"#
        ));
        let reply = interactive(&body).expect("an answer");
        assert_eq!(
            rows(&reply),
            [row("2020-09-08 00:05:05", &[ms, 0, 0, 0, 0])],
            "{written}"
        );
    }
}

#[test]
fn a_row_that_cannot_be_believed_costs_only_itself() {
    for (bad, reason) in [
        (
            r#"{"TimeKey":"2020-09-08 00:05:00","AudioTime":-1}"#,
            Rejected::Value,
        ),
        (
            r#"{"TimeKey":"2020-09-08 00:05:00","AudioTime":-0.0001}"#,
            Rejected::Value,
        ),
        (
            r#"{"TimeKey":"2020-09-08 00:05:00","AudioTime":1e11}"#,
            Rejected::Value,
        ),
        (
            r#"{"TimeKey":"2020-09-08 00:05:00","AudioTime":1e400}"#,
            Rejected::Value,
        ),
        (
            r#"{"TimeKey":"2020-09-08 00:05:00","AudioTime":99999999999999999999999}"#,
            Rejected::Value,
        ),
        (
            r#"{"TimeKey":"2020-09-08 00:05:00","AudioTime":"NaN"}"#,
            Rejected::Value,
        ),
        (
            r#"{"TimeKey":"2020-09-08 00:05:00","AudioTime":"inf"}"#,
            Rejected::Value,
        ),
        (
            r#"{"TimeKey":"2020-09-08 00:05:00","AudioTime":""}"#,
            Rejected::Value,
        ),
        (
            r#"{"TimeKey":"2020-09-08 00:05:00","AudioTime":true}"#,
            Rejected::Value,
        ),
        (
            r#"{"TimeKey":"2020-09-08 00:05:00","AudioTime":[5]}"#,
            Rejected::Value,
        ),
        (r#"{"TimeKey":17,"AudioTime":5}"#, Rejected::Value),
        (
            r#"{"TimeKey":"2020-09-08 24:05:00","AudioTime":5}"#,
            Rejected::TimeKey,
        ),
        (r#"{"TimeKey":null,"AudioTime":5}"#, Rejected::TimeKey),
        (r#"{"AudioTime":5}"#, Rejected::TimeKey),
        (
            r#"{"TimeKey":"2020-09-06 23:55:00","AudioTime":5}"#,
            Rejected::OtherDate,
        ),
        (
            r#"{"TimeKey":"2020-09-10 00:00:00","AudioTime":5}"#,
            Rejected::OtherDate,
        ),
        (
            r#"{"TimeKey":"9999-12-31","AudioTime":5}"#,
            Rejected::OtherDate,
        ),
        ("null", Rejected::Value),
        ("7", Rejected::Value),
        ("[]", Rejected::Value),
    ] {
        let good = r#"{"TimeKey":"2020-09-09 00:00:00","AudioTime":1}"#;
        let reply = interactive(&with_rows(&format!("{bad},{good}"))).expect(bad);
        assert_eq!(
            rows(&reply),
            [row("2020-09-09 00:00:00", &[1000, 0, 0, 0, 0])],
            "{bad}"
        );
        assert_eq!(reply.answer.rejected(), 1, "{bad}");
        assert_eq!(reply.left_out, Some(reason), "{bad}");
    }
}

#[test]
fn nothing_used_is_an_answer_too() {
    for empty in [
        r#"{"Response":{"Usages":null,"RequestId":"r"}}"#,
        r#"{"Response":{"Usages":[],"RequestId":"r"}}"#,
        r#"{"Response":{"Error":null,"Usages":[{"SdkAppId":"1400243510"}],"RequestId":"r"}}"#,
        r#"{"Response":{"Usages":[{"SdkAppId":"1400243510","SdkAppIdTrtcTimeUsages":null}]}}"#,
    ] {
        let reply = interactive(empty).expect(empty);
        assert_eq!(
            (rows(&reply), reply.answer.rejected()),
            (vec![], 0),
            "{empty}"
        );
    }
}

#[test]
fn elements_of_the_app_are_merged_and_others_left_out() {
    let element = |id: &str, minute: u8| {
        format!(
            r#"{{"SdkAppIdTrtcTimeUsages":[{{"TimeKey":"2020-09-08 00:{minute:02}:00"}}]{id}}}"#
        )
    };
    let body = format!(
        r#"{{"Response":{{"Usages":[{},{},{},{},{},{}]}}}}"#,
        element(r#","SdkAppId":"1400243510""#, 5),
        element(r#","SdkAppId":1400243510"#, 10),
        element("", 15),
        element(r#","SdkAppId":"1400243511""#, 20),
        element(r#","SdkAppId":"total""#, 25),
        element(r#","SdkAppId":{}"#, 30),
    );
    let reply = interactive(&body).expect("an answer");
    let keys: Vec<_> = rows(&reply).into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            "2020-09-08 00:05:00",
            "2020-09-08 00:10:00",
            "2020-09-08 00:15:00"
        ]
    );
    assert_eq!(reply.answer.rejected(), 3);
}

#[test]
fn an_error_decides_whatever_else_is_there() {
    let refused = |code: &str, message: &str, request_id: Option<&str>| {
        Err(WireError::Refused {
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: request_id.map(str::to_owned),
        })
    };
    for (body, expected) in [
        (
            r#"{"Response":{"Error":{"Code":"A.B","Message":"m"},"RequestId":"r"}}"#,
            refused("A.B", "m", Some("r")),
        ),
        (
            r#"{"Response":{"RequestId":"r","Usages":"?","Error":{"Code":"A","Message":"m"}}}"#,
            refused("A", "m", Some("r")),
        ),
        (r#"{"Response":{"Error":{}}}"#, refused("-", "", None)),
        (
            r#"{"code":4000,"message":"m","codeDesc":"InvalidParameter"}"#,
            refused("InvalidParameter", "m", None),
        ),
        (r#"{"code":4000,"codeDesc":""}"#, refused("4000", "", None)),
    ] {
        assert_eq!(interactive(body), expected, "{body}");
        assert_eq!(usage(body), expected, "{body}");
        assert_eq!(refusal(body.as_bytes()), expected.err(), "{body}");
    }
}

#[test]
fn what_is_no_answer_is_malformed() {
    let truncated = &ONE_DAY[..ONE_DAY.len() / 2];
    for body in [
        "",
        "<html>Log in to the hotel's network</html>",
        truncated,
        "null",
        "[]",
        "{}",
        r#"{"code":0,"message":"ok"}"#,
        r#"{"Response":null}"#,
        r#"{"Response":{"RequestId":"r"}}"#,
        r#"{"Response":{"Usages":"none","UsageList":"none"}}"#,
        r#"{"Response":{"Usages":[5],"UsageList":{}}}"#,
        r#"{"Response":{"Error":"no"}}"#,
        r#"{"Response":{"Usages":[],"UsageList":[]}} trailing"#,
    ] {
        for reply in [interactive(body), usage(body)] {
            assert!(
                matches!(reply, Err(WireError::Malformed(_))),
                "{body}: {reply:?}"
            );
        }
        assert_eq!(refusal(body.as_bytes()), None, "{body}");
    }
    let latin1 = parse(&query(&TRTC_USAGE, APP), b"{\"\xe9\":1}");
    assert!(matches!(latin1, Err(WireError::Malformed(_))), "{latin1:?}");
}

#[test]
fn a_retirement_is_announced_beside_the_data() {
    let reply = interactive(r#"{"Response":{"Usages":[],"DeprecatedWarning":"soon gone"}}"#);
    let reply = reply.expect("an answer");
    assert_eq!(reply.deprecated.as_deref(), Some("soon gone"));
}

#[test]
fn minutes_are_mapped_by_the_names_of_their_columns() {
    let reply = usage(
        r#"{"Response":{
            "UsageList":[
                {"TimeKey":"2020-09-08 00:05:00","TimeStampKey":1599494700,"UsageValue":[0.5,9.9,2,1.00001]},
                {"TimeKey":"2020-09-08 00:10:00","UsageValue":[1,1,1]},
                {"TimeKey":"2020-09-08 00:15:00","UsageValue":[1,1,1,1,1]},
                {"TimeKey":"2020-09-08 00:20:00"},
                {"TimeKey":"2020-09-08 00:25:00","UsageValue":[0,0,-1,0]}
            ],
            "UsageKey":["4K","8K","Audio","SD"],"RequestId":"r"}}"#,
    )
    .expect("an answer");
    assert_eq!(
        rows(&reply),
        [row(
            "2020-09-08 00:05:00",
            &[120_000, 60_001, 0, 0, 0, 30_000, 594_000]
        )]
    );
    let unheard_of = reply.answer.columns().last().map(|media| media.as_str());
    assert_eq!(unheard_of, Some("8k"));
    assert_eq!(reply.answer.rejected(), 4);
}

#[test]
fn a_column_that_is_new_among_named_ones_is_a_media_of_its_own() {
    let reply = interactive(&with_rows(
        r#"{"TimeKey":"2020-09-08 00:05:00","AudioTime":1,"VideoTime8k":null,"TimeStamp":7,"Future":7},
           {"TimeKey":"2020-09-08 00:10:00","VideoTime8k":2,"VideoTimeName":"eight"},
           {"TimeKey":"2020-09-08 00:15:00","VideoTime8k":-1}"#,
    ))
    .expect("an answer");
    let columns: Vec<_> = reply
        .answer
        .columns()
        .iter()
        .map(|media| media.as_str())
        .collect();
    assert_eq!(columns[5..], ["video_time_8k"]);
    assert_eq!(
        rows(&reply),
        [
            row("2020-09-08 00:05:00", &[1000, 0, 0, 0, 0, 0]),
            row("2020-09-08 00:10:00", &[0, 0, 0, 0, 0, 2000]),
        ]
    );
    assert_eq!(reply.answer.rejected(), 1);
}

#[test]
fn each_action_is_read_in_its_own_form() {
    let app = r#""SdkAppId":"1400243510""#;
    let key = r#""TimeKey":"2020-09-08 00:05:00""#;
    for (action, body, values) in [
        (
            &MCU_TRANSCODE_TIME,
            format!(
                r#"{{"Usages":[{{{app},"TotalNum":1,"SdkAppIdTranscodeTimeUsages":[
                {{{key},"AudioTime":1,"VideoTimeSd":2,"VideoTimeHd":3,"VideoTimeFhd":4,"Flux":0.5}}]}}]}}"#
            ),
            vec![1000, 2000, 3000, 4000],
        ),
        (
            &RECORD_STATISTIC,
            format!(
                r#"{{"SdkAppIdUsages":[{{{app},"Usages":[
                {{{key},"Class1VideoTime":1,"Class2VideoTime":2,"Class3VideoTime":3,"AudioTime":4}}]}}]}}"#
            ),
            vec![4000, 1000, 2000, 3000],
        ),
        (
            &MIX_TRANSCODING_USAGE,
            format!(
                r#"{{"UsageKey":["Audio","SDH264","4KH265"],"UsageList":[{{{key},"UsageValue":[1,2,0.5]}}]}}"#
            ),
            vec![60_000, 120_000, 0, 0, 0, 0, 0, 0, 0, 0, 30_000],
        ),
        (
            &RELAY_USAGE,
            format!(r#"{{"UsageKey":["Bandwidth"],"UsageList":[{{{key},"UsageValue":[10.11]}}]}}"#),
            vec![10_110],
        ),
    ] {
        let body = format!(r#"{{"Response":{body}}}"#);
        let reply = parse(&query(action, APP), body.as_bytes()).expect(action.name);
        assert_eq!(
            rows(&reply),
            [row("2020-09-08 00:05:00", &values)],
            "{}",
            action.name
        );
        assert_eq!(reply.answer.source(), action.source);
    }
}

#[test]
fn an_item_is_told_by_a_parameter() {
    let of_single_streams = Query {
        parameter: Some(("MixType", "single")),
        ..query(&RECORDING_USAGE, APP)
    };
    assert_eq!(
        request_body(&of_single_streams),
        r#"{"StartTime":"2020-09-08","EndTime":"2020-09-08","SdkAppId":1400243510,"MixType":"single"}"#
    );
}

#[test]
fn an_answer_in_minutes_may_be_empty_but_not_about_other_things() {
    for empty in [
        r#"{"Response":{"UsageKey":null,"UsageList":null}}"#,
        r#"{"Response":{"UsageKey":[],"UsageList":[]}}"#,
        r#"{"Response":{"UsageKey":["Audio"],"UsageList":null}}"#,
    ] {
        let reply = usage(empty).expect(empty);
        assert_eq!(
            (rows(&reply), reply.answer.rejected()),
            (vec![], 0),
            "{empty}"
        );
    }
    let renamed = usage(r#"{"Response":{"UsageKey":["Bandwidth"],"UsageList":[]}}"#);
    assert!(
        matches!(renamed, Err(WireError::Malformed(_))),
        "{renamed:?}"
    );
}
