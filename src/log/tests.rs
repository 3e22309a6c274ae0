//! Lines as a reader of the log gets them.

use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::{Value, json};
use tracing::subscriber::with_default;

use super::*;
use crate::clock::Moment;

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Moment {
        let utc = DateTime::from_timestamp_millis(1_795_404_118_123).expect("a time");
        Moment {
            utc,
            mono: Duration::ZERO,
        }
    }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("the only thread").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written while `log` runs.
fn logged(level: Level, format: Format, log: impl FnOnce()) -> String {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = subscriber(level, format, Arc::new(Stopped), move || writer.clone());
    with_default(subscriber, log);
    let bytes = captured.0.lock().expect("the only thread").clone();
    String::from_utf8(bytes).expect("text")
}

#[test]
fn a_line_is_logfmt_as_prometheus_writes_it() {
    let line = logged(Level::Info, Format::Logfmt, || {
        tracing::info!(address = %"127.0.0.1:10088", tls = false, apps = 3, share = 0.5, "Listening on it");
    });
    let (head, tail) = line.split_once(" level=").expect("a level");
    assert!(
        head.starts_with("ts=2026-11-23T03:21:58.123Z caller=log/tests.rs:"),
        "{line}"
    );
    assert_eq!(
        tail,
        "info msg=\"Listening on it\" address=127.0.0.1:10088 tls=false apps=3 share=0.5\n"
    );
}

#[test]
fn json_has_the_same_fields() {
    let line = logged(Level::Info, Format::Json, || {
        tracing::warn!(
            account = "main",
            apps = 3,
            ratio = f64::NAN,
            r#type = "x",
            "Slow"
        );
    });
    let mut object: Value = serde_json::from_str(&line).expect("an object");
    let caller = object["caller"].take();
    assert!(
        caller
            .as_str()
            .is_some_and(|caller| caller.starts_with("log/tests.rs:")),
        "{line}"
    );
    let expected = json!({
        "ts": "2026-11-23T03:21:58.123Z", "caller": null, "level": "warn", "msg": "Slow",
        "account": "main", "apps": 3, "ratio": "NaN", "type": "x",
    });
    assert_eq!(object, expected);
}

#[test]
fn an_error_is_shown_with_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot save")]
    struct Outer(#[source] io::Error);
    let error = Outer(io::Error::other("disk full"));
    let line = logged(Level::Info, Format::Logfmt, || {
        tracing::error!(error = &error as &dyn std::error::Error, "Failed");
    });
    assert!(
        line.ends_with("level=error msg=Failed error=\"cannot save: disk full\"\n"),
        "{line}"
    );
}

#[test]
fn the_level_is_ours_and_dependencies_are_heard_from_warn_on() {
    let everything = || {
        tracing::debug!("own-debug");
        tracing::info!("own-info");
        tracing::warn!("own-warn");
        tracing::error!("own-error");
        tracing::info!(target: "hyper::proto", "other-info");
        tracing::warn!(target: "hyper::proto", "other-warn");
        tracing::error!(target: "rustls", "other-error");
    };
    for (level, expected) in [
        (
            Level::Debug,
            &[
                "own-debug",
                "own-info",
                "own-warn",
                "own-error",
                "other-warn",
                "other-error",
            ][..],
        ),
        (
            Level::Info,
            &[
                "own-info",
                "own-warn",
                "own-error",
                "other-warn",
                "other-error",
            ],
        ),
        (
            Level::Warn,
            &["own-warn", "own-error", "other-warn", "other-error"],
        ),
        (Level::Error, &["own-error", "other-error"]),
    ] {
        let text = logged(level, Format::Logfmt, everything);
        let messages: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once("msg="))
            .map(|(_, m)| m)
            .collect();
        assert_eq!(messages, expected, "{level:?}");
    }
}

#[test]
fn dependencies_do_not_tell_where_they_were_built() {
    let line = logged(
        Level::Info,
        Format::Logfmt,
        || tracing::warn!(target: "hyper::proto", "x"),
    );
    assert!(line.contains(" caller=hyper::proto level=warn"), "{line}");
}

#[test]
fn nothing_can_forge_a_line() {
    let evil = "x\nts=0 level=error msg=\"forged\" \u{1b}[2J\u{9b}31m\u{2028}\u{202e}";
    for format in [Format::Logfmt, Format::Json] {
        let text = logged(
            Level::Info,
            format,
            || tracing::info!(evil, other = %evil, debug = ?evil, "{evil}"),
        );
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.trim_end().chars().all(crate::quote::is_printable),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn every_text_comes_back_from_json(text in any::<String>()) {
        let line = logged(Level::Info, Format::Json, || tracing::info!(text, "{text}"));
        prop_assert_eq!(line.matches('\n').count(), 1);
        let object: Value = serde_json::from_str(&line).expect("an object");
        prop_assert_eq!(object["text"].as_str(), Some(text.as_str()));
        prop_assert_eq!(object["msg"].as_str(), Some(text.as_str()));
    }

    #[test]
    fn every_text_comes_back_from_logfmt(text in r#"([a-z="\\ \n]|\PC){0,12}"#) {
        let line = logged(Level::Info, Format::Logfmt, || tracing::info!(text, end = 1, "m"));
        let value = line.split_once(" msg=m text=").and_then(|(_, rest)| rest.strip_suffix(" end=1\n"));
        let value = value.expect("the fields in their order");
        if value.starts_with('"') {
            prop_assert_eq!(serde_json::from_str::<String>(value).ok(), Some(text));
        } else {
            prop_assert!(!value.contains([' ', '=', '"', '\n']));
            prop_assert_eq!(value, text);
        }
    }
}
