//! The formats as they are read elsewhere.

use super::*;
use crate::usage::{App, TimeKey};

fn written(format: Format) -> String {
    let target = Target {
        account: "main, \"old\"".into(),
        app: App::Id(1_400_000_001),
        item: "interactive".into(),
    };
    let sample = |seconds: i64, ms| Sample {
        at: TimeKey::from_unix(1_700_000_000 + seconds),
        ms,
    };
    let series = Series {
        media: Media::VideoHd,
        buckets: vec![sample(0, 1500), sample(300, 0)],
        counter: vec![
            sample(-300, 0),
            sample(0, 1500),
            sample(300, 1500),
            sample(600, 0),
        ],
    };
    let text = Text::new(format, vec![("job".to_owned(), "trtc".to_owned())]);
    let mut out = String::new();
    let mut samples = 0;
    for &family in format.families() {
        text.begin(&mut out, family);
        samples += text.write(&mut out, family, &target, std::slice::from_ref(&series));
    }
    text.end(&mut out);
    let is_sample = |line: &&str| !line.starts_with('#') && !line.starts_with("time,");
    assert_eq!(out.lines().filter(is_sample).count() as u64, samples);
    let lines = out.lines().filter(|line| !line.starts_with("# HELP"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn open_metrics_has_each_family_in_one_piece_and_an_end() {
    let labels = r#"{account="main, \"old\"",sdk_app_id="1400000001",item="interactive",media="video_hd",job="trtc"}"#;
    let expected = format!(
        "# TYPE trtc_usage_bucket_seconds gauge\n\
         trtc_usage_bucket_seconds{labels} 1.5 1700000000\n\
         trtc_usage_bucket_seconds{labels} 0 1700000300\n\
         # TYPE trtc_usage_seconds counter\n\
         trtc_usage_seconds_total{labels} 0 1699999700\n\
         trtc_usage_seconds_total{labels} 1.5 1700000000\n\
         trtc_usage_seconds_total{labels} 1.5 1700000300\n\
         trtc_usage_seconds_total{labels} 0 1700000600\n\
         # EOF\n"
    );
    assert_eq!(written(Format::OpenMetrics), expected);
}

#[test]
fn victoria_metrics_gets_milliseconds() {
    let text = written(Format::VictoriaMetrics);
    assert_eq!(text.lines().count(), 6);
    assert!(text.lines().all(|line| line.ends_with("00000")), "{text}");
}

#[test]
fn figures_are_those_that_are_not_zero() {
    assert_eq!(
        written(Format::Csv),
        "time,timestamp,account,sdk_app_id,item,media,seconds\n\
         2023-11-15 06:13:20,1700000000,\"main, \"\"old\"\"\",1400000001,interactive,video_hd,1.5\n"
    );
    let text = written(Format::JsonLines);
    let object: serde_json::Value = serde_json::from_str(&text).expect("one object");
    assert_eq!(object["account"], "main, \"old\"");
    assert_eq!(object["seconds"], 1.5);
    assert_eq!(object["time"], "2023-11-15 06:13:20");
}

#[test]
fn labels_that_cannot_be_are_refused() {
    assert_eq!(
        parse_label("job=a=b"),
        Ok(("job".to_owned(), "a=b".to_owned()))
    );
    for bad in ["job", "=x", "1a=x", "a-b=x", "__name__=x", "media=x"] {
        assert!(parse_label(bad).is_err(), "{bad}");
    }
}
