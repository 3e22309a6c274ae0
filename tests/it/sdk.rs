//! The official Python SDK against the simulator: it signs, asks and reads for itself, so that the simulator, which every
//! other test believes, is no invention of ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::Utc;
use serde_json::Value;
use trtc_exporter::clock::{Clock, SystemClock};
use trtc_exporter::simulator::{Model, SECRET_ID, SECRET_KEY};
use trtc_exporter::usage::{App, Date, Media};

use crate::exporter::run;
use crate::upstream::simulator;

const APP: u64 = 1_400_000_001;

/// `tests/run` installs one folder per version.
fn python(sdk: &str) -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/sdk")
        .join(sdk)
        .join("bin/python");
    assert!(
        python.exists(),
        "{} is missing: tests/run installs it",
        python.display()
    );
    python
}

/// What the SDK prints after asking for yesterday.
async fn ask(sdk: &str, action: &str, endpoint: &str, key: &str) -> (Option<i32>, String, String) {
    let date = yesterday().to_string();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sdk.py");
    let endpoint = endpoint.trim_start_matches("http://").to_owned();
    run(Command::new(python(sdk)).arg(script).args([
        action,
        &endpoint,
        SECRET_ID,
        key,
        &date,
        &APP.to_string(),
    ]))
    .await
}

fn yesterday() -> Date {
    let now: chrono::DateTime<Utc> = SystemClock::start().now().utc;
    Date::of(now).pred()
}

fn parsed(output: &str) -> Value {
    serde_json::from_str(output).expect("JSON")
}

#[tokio::test]
async fn the_last_sdk_with_the_old_action_reads_the_same_figures() {
    let upstream = simulator(Model::default()).await;
    let (code, out, err) = ask(
        "last-with-interactive-time",
        "DescribeTrtcInteractiveTime",
        &upstream.endpoint(),
        SECRET_KEY,
    )
    .await;
    assert_eq!(code, Some(0), "{err}");
    let answer = parsed(&out);
    let element = &answer["Usages"][0];
    assert_eq!(element["SdkAppId"], APP.to_string());
    let rows = element["SdkAppIdTrtcTimeUsages"].as_array().expect("rows");
    assert_eq!(element["TotalNum"].as_u64(), Some(rows.len() as u64));
    for (field, media) in [
        ("AudioTime", Media::Audio),
        ("VideoTimeHdp", Media::VideoFullHd),
        ("VideoTimeSd", Media::VideoSd),
    ] {
        let sum: u64 = rows
            .iter()
            .map(|row| row[field].as_u64().expect("a number"))
            .sum();
        let range = yesterday().midnight()..yesterday().succ().midnight();
        assert_eq!(sum, upstream.truth(App::Id(APP), media, range), "{field}");
    }
}

#[tokio::test]
async fn the_newest_sdk_reads_the_successor() {
    let upstream = simulator(Model::default()).await;
    let (code, out, err) = ask(
        "newest",
        "DescribeTrtcUsage",
        &upstream.endpoint(),
        SECRET_KEY,
    )
    .await;
    assert_eq!(code, Some(0), "{err}");
    let answer = parsed(&out);
    let keys = answer["UsageKey"].as_array().expect("keys");
    let audio = keys
        .iter()
        .position(|key| key == "Audio")
        .expect("a column");
    let rows = answer["UsageList"].as_array().expect("rows");
    let minutes: f64 = rows
        .iter()
        .map(|row| row["UsageValue"][audio].as_f64().expect("a number"))
        .sum();
    let range = yesterday().midnight()..yesterday().succ().midnight();
    let seconds = upstream.truth(App::Id(APP), Media::Audio, range) as f64;
    assert!(
        (minutes * 60.0 - seconds).abs() < 1.0,
        "{minutes} min and {seconds} s"
    );
}

#[tokio::test]
async fn a_wrong_key_is_refused_as_the_sdk_expects() {
    let upstream = simulator(Model::default()).await;
    let (code, _, err) = ask(
        "newest",
        "DescribeTrtcUsage",
        &upstream.endpoint(),
        "wrongFAKEkey",
    )
    .await;
    assert_ne!(code, Some(0));
    assert!(err.contains("AuthFailure.SignatureFailure"), "{err}");
}
