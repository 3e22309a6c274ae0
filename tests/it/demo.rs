//! A newcomer's first minute.

use crate::exporter::{Exporter, Running, command, run};

#[tokio::test]
async fn demo_shows_usage_of_three_apps_without_anything_given() {
    let exporter = Exporter::start(["demo"]).await;
    let scrape = exporter
        .scrape_until("usage of three apps", |scrape| {
            let apps = ["1400000001", "1400000002", "1400000003"];
            apps.iter()
                .all(|app| scrape.sum("trtc_usage_day_seconds", app) > 0.0)
        })
        .await;
    exporter.ready().await;
    for name in ["classroom", "meetings", "live-shows"] {
        assert!(scrape.0.contains(&format!("app_name=\"{name}\"")), "{name}");
    }
    assert_eq!(exporter.get("/-/healthy").await.0, 200);
    let (status, page) = exporter.get("/").await;
    assert_eq!(status, 200);
    assert!(page.contains("/metrics"), "{page}");
    let (status, config) = exporter.get("/config").await;
    assert_eq!(status, 200);
    assert!(config.contains("secret_key: <secret>"), "{config}");
    assert!(
        !config.contains("FAKE") && !exporter.log().contains("FAKE"),
        "a secret shows"
    );
}

/// The demo's total is more than its apps: somebody's usage that nobody watches.
#[tokio::test]
async fn demo_has_usage_that_nobody_watches() {
    let exporter = Exporter::start(["demo"]).await;
    let scrape_until = exporter.scrape_until("the total is more than its apps", |scrape| {
        let total = scrape.sum("trtc_usage_day_seconds", "sdk_app_id=\"total\"");
        let apps = scrape.sum("trtc_usage_day_seconds", "sdk_app_id=\"14");
        total > apps && apps > 0.0
    });
    scrape_until.await;
}

#[tokio::test]
async fn simulate_says_how_to_use_it() {
    let simulator =
        Running::start(command().args(["simulate", "--simulator.listen-address=127.0.0.1:0"]));
    let endpoint = simulator.logged_value("endpoint").await;
    let page = crate::http::get(&endpoint)
        .await
        .expect("it answers")
        .text()
        .await
        .expect("text");
    assert!(page.contains("AKID"), "{page}");
}

#[tokio::test]
async fn version_names_the_build() {
    let (code, out, _) = run(command().arg("--version")).await;
    assert_eq!(code, Some(0));
    assert!(
        out.starts_with(&format!("trtc-exporter {}", env!("CARGO_PKG_VERSION"))),
        "{out}"
    );
    assert!(out.contains("revision") && out.contains("rustc"), "{out}");
}
