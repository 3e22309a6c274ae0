//! What holds for every answer, and for everything that is none.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::usage::TimeKey;

/// A day's bucket, and its values in seconds.
fn any_row() -> impl Strategy<Value = (i64, [u32; 5])> {
    (0..288i64, any::<[u32; 5]>())
}

fn written((bucket, [audio, sd, hd, hdp, both]): &(i64, [u32; 5])) -> String {
    let date: Date = "2020-09-08".parse().expect("a date");
    let key: TimeKey = date.midnight().plus_seconds(bucket * 300);
    format!(
        r#"{{"AudioTime":{audio},"VideoTimeSd":{sd},"VideoTimeHd":{hd},"TimeKey":"{key}","VideoTimeHdp":{hdp},"AudioVideoTime":{both}}}"#
    )
}

/// JSON that may stand anywhere: good, odd in form, odd in value, or beyond what a parser takes.
fn any_value() -> impl Strategy<Value = String> {
    let texts = [
        "0",
        "7",
        "300",
        "1.5",
        "1e2",
        "-0",
        "-1",
        "1e400",
        "99999999999999999999999",
        "null",
        "true",
        "[]",
        "[1,2]",
        "{}",
        r#"{"TimeKey":1}"#,
        r#""""#,
        r#""300""#,
        r#""NaN""#,
        r#""\ud800""#,
        r#""1400243510""#,
        r#""total""#,
        r#""2020-09-08""#,
        r#""2020-09-08 00:05:00""#,
        r#""2020-09-07 23:55:00""#,
        r#""2020-09-06 23:55:00""#,
        r#""2020-09-0\u0038 00:05:00""#,
    ];
    prop::sample::select(texts.to_vec()).prop_map(str::to_owned)
}

/// Nearly always `usual`.
fn mostly(usual: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop_oneof![19 => usual, 1 => any_value()].boxed()
}

/// An object with most of these fields in any order, now and then one of them twice.
fn any_object(fields: Vec<(&'static str, BoxedStrategy<String>)>) -> BoxedStrategy<String> {
    let field = |(name, value): (&'static str, BoxedStrategy<String>)| {
        let times = prop_oneof![1 => Just(0), 17 => Just(1), 1 => Just(2)];
        let value = mostly(value).prop_map(move |value| format!(r#""{name}":{value}"#));
        times.prop_flat_map(move |times| vec(value.clone(), times))
    };
    let fields: Vec<_> = fields.into_iter().map(field).collect();
    fields
        .prop_map(|fields| fields.concat())
        .prop_shuffle()
        .prop_map(|fields| format!("{{{}}}", fields.join(",")))
        .boxed()
}

fn any_list(element: BoxedStrategy<String>) -> BoxedStrategy<String> {
    vec(mostly(element), 0..4)
        .prop_map(|elements| format!("[{}]", elements.join(",")))
        .boxed()
}

fn one_of(texts: &[&str]) -> BoxedStrategy<String> {
    let texts = texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    prop::sample::select(texts).boxed()
}

/// An answer of either shape, or of both, or of none.
fn any_answer() -> BoxedStrategy<String> {
    let number = one_of(&["0", "7", "300", "1.5", "null"]);
    let key = one_of(&[
        r#""2020-09-08 00:05:00""#,
        r#""2020-09-08 00:10:00""#,
        r#""2020-09-07 23:55:00""#,
        r#""2020-09-08""#,
    ]);
    let id = one_of(&[r#""1400243510""#, "1400243510", r#""total""#, "null"]);
    let column = one_of(&[r#""Audio""#, r#""SD""#, r#""4K""#, r#""8K""#]);
    let named_row = any_object(vec![
        ("TimeKey", key.clone()),
        ("AudioTime", number.clone()),
        ("VideoTimeHdp", number.clone()),
        ("Future", number.clone()),
    ]);
    let of_an_app = any_object(vec![
        ("SdkAppId", id),
        ("SdkAppIdTrtcTimeUsages", any_list(named_row)),
        ("TotalNum", number.clone()),
    ]);
    let keyed_row = any_object(vec![
        ("TimeKey", key),
        ("TimeStampKey", number.clone()),
        ("UsageValue", any_list(number)),
    ]);
    let response = any_object(vec![
        ("Usages", any_list(of_an_app)),
        ("UsageKey", any_list(column)),
        ("UsageList", any_list(keyed_row)),
        ("RequestId", one_of(&[r#""r""#])),
        ("Error", one_of(&["null", "null", r#"{"Code":"A.B"}"#])),
    ]);
    response
        .prop_map(|response| format!(r#"{{"Response":{response}}}"#))
        .boxed()
}

proptest! {
    #[test]
    fn whatever_is_read_at_once_is_read_one_by_one(body in any_answer()) {
        for action in Action::ALL {
            for app in [APP, App::Total] {
                let query = query(action, app);
                if let Ok(reply) = read::<AtOnce>(&query, &body) {
                    prop_assert_eq!(Ok(reply), read::<OneByOne>(&query, &body));
                }
            }
        }
    }

    #[test]
    fn a_good_answer_is_read_at_once(rows in vec(any_row(), 0..40)) {
        let body = with_rows(&rows.iter().map(written).collect::<Vec<_>>().join(","));
        let at_once = read::<AtOnce>(&query(&INTERACTIVE_TIME, APP), &body);
        prop_assert_eq!(at_once.expect("an answer").answer.rows().count(), rows.len());
    }

    #[test]
    fn order_does_not_matter(
        (rows_there, shuffled) in vec(any_row(), 0..40)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
    ) {
        let body = |rows: &[_]| with_rows(&rows.iter().map(written).collect::<Vec<_>>().join(","));
        let one = interactive(&body(&rows_there)).expect("an answer");
        let other = interactive(&body(&shuffled)).expect("an answer");
        prop_assert_eq!(rows(&one).len(), rows_there.len());
        prop_assert_eq!(rows(&one), rows(&other));
    }

    #[test]
    fn no_bytes_make_it_panic(body in vec(any::<u8>(), 0..200)) {
        for action in Action::ALL {
            prop_assert!(parse(&query(action, App::Total), &body).is_err());
        }
    }

    #[test]
    fn no_mutation_makes_it_panic(
        changes in vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..8)
    ) {
        let mut body = ONE_DAY.as_bytes().to_vec();
        for (at, byte, cut) in changes {
            let at = at.index(body.len());
            if cut { body.remove(at); } else { body[at] = byte; }
        }
        for action in Action::ALL {
            drop(parse(&query(action, APP), &body));
        }
    }
}
