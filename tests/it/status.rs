//! How everything stands, as a person sees it in a real browser and as a program reads it.

use std::process::{Command, Stdio};

use serde_json::Value;
use trtc_exporter::simulator::{Fault, Model};

use crate::exporter::Exporter;
use crate::upstream::{Home, simulator};

const APPS: [u64; 2] = [1_400_000_001, 1_400_000_002];

async fn status(exporter: &Exporter, query: &str) -> Value {
    let (code, json) = exporter.get(&format!("/api/v1/status{query}")).await;
    assert_eq!(code, 200, "{json}");
    serde_json::from_str(&json).expect("JSON")
}

/// What a browser makes of a page, scripts and all. It talks to nobody but the exporter.
fn browsed(url: &str) -> String {
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args([
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
            "--virtual-time-budget=2000",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--dump-dom", url])
        .stdin(Stdio::null())
        .output()
        .expect("chromium starts; tests/run installs it");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!log.contains("Content Security Policy"), "{log}");
    assert!(!log.contains("Uncaught"), "{log}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn a_browser_shows_every_app_with_its_last_day() {
    let upstream = simulator(Model::default()).await;
    let home = Home::at(&upstream, &APPS);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;

    let page = browsed(&exporter.url("/"));
    for app in APPS {
        assert!(page.contains(&format!("<h2>{app}</h2>")), "{page}");
    }
    assert!(
        page.contains("none fails") && page.contains("● up"),
        "{page}"
    );
    assert!(
        page.matches("<svg").count() == 3 && page.contains("<path class="),
        "{page}"
    );

    // Complete before any script runs.
    let (_, found) = exporter.get("/?search=1400000002").await;
    assert!(found.contains("<h2>1400000002</h2>") && !found.contains("<h2>1400000001</h2>"));
}

#[tokio::test]
async fn the_json_says_what_the_metrics_say() {
    let upstream = simulator(Model::default()).await;
    let home = Home::at(&upstream, &APPS);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;

    let status = status(&exporter, "?search=1400000001").await;
    assert_eq!(status["targets_in_all"], 3);
    assert_eq!(status["targets_found"], 1);
    let target = &status["targets"][0];
    assert_eq!(target["sdk_app_id"], "1400000001");
    let scrape = exporter.scrape().await;
    for media in target["media"].as_array().expect("a list") {
        let labels = format!(
            "sdk_app_id=\"1400000001\",item=\"interactive\",media={}",
            media["media"]
        );
        let yesterday = format!("{labels},day=\"yesterday\"");
        let shown = scrape.sum("trtc_usage_day_seconds", &yesterday);
        assert_eq!(media["yesterday_seconds"], shown, "{labels}");
    }
    let seconds = |stack: &Value| -> u64 {
        let seconds = stack["seconds"].as_array().expect("a list").iter();
        seconds.map(|value| value.as_u64().expect("whole")).sum()
    };
    let plotted: u64 = target["plot"]["media"]
        .as_array()
        .expect("a list")
        .iter()
        .map(seconds)
        .sum();
    assert!(plotted > 0, "a day of a busy app");
}

#[tokio::test]
async fn what_fails_is_first_and_says_what_to_do() {
    let upstream = simulator(Model::default()).await;
    upstream.order(Fault::refuse("AuthFailure.SignatureFailure").always());
    let home = Home::at(&upstream, &APPS);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;

    let status = status(&exporter, "").await;
    assert_eq!(status["targets_failing"], 3);
    assert_eq!(status["targets"][0]["up"], false);
    assert_eq!(status["targets"][0]["error"]["code"], "auth_failure");
    let (_, page) = exporter.get("/").await;
    assert!(
        page.contains("the SecretKey does not belong to the SecretId"),
        "{page}"
    );
    assert!(page.contains("no bucket shown yet"), "{page}");
}
