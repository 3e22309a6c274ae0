//! Another configuration while it runs.

use trtc_exporter::simulator::{Model, SECRET_KEY};

use crate::exporter::{Exporter, flag, logged};
use crate::http::post;
use crate::upstream::{Home, simulator};

const A: &str = "1400000001";
const B: &str = "1400000002";

#[tokio::test]
async fn sighup_adds_and_removes_apps_and_a_bad_file_changes_nothing() {
    let upstream = simulator(Model::default()).await;
    let home = Home::at(&upstream, &[1_400_000_001]);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    exporter.ready().await;
    let polls = |scrape: &crate::exporter::Scrape| scrape.sum("trtc_polls_total", "");
    let before = polls(&exporter.scrape().await);

    home.configure(&upstream, &[1_400_000_002], "");
    exporter.signal("HUP");
    let scrape = exporter
        .scrape_until("the other app shows", |scrape| {
            scrape.sum("trtc_up", B) == 1.0
        })
        .await;
    assert!(!scrape.0.contains(A), "the removed app is gone");
    assert!(polls(&scrape) >= before, "own counters go on");
    assert!(scrape.sum("trtc_up", "total") == 1.0);

    home.write("trtc-exporter.yml", "accounts: nonsense\n");
    exporter.signal("HUP");
    logged(exporter.log(), "could not be reloaded").await;
    let scrape = exporter.scrape().await;
    assert_eq!(
        scrape.value("trtc_exporter_config_last_reload_successful", &[]),
        Some(0.0)
    );
    assert_eq!(
        scrape.sum("trtc_up", B),
        1.0,
        "the old configuration stays in force"
    );
    assert!(exporter.get("/config").await.1.contains(B));

    home.configure(&upstream, &[1_400_000_001, 1_400_000_002], "");
    exporter.signal("HUP");
    exporter
        .scrape_until("both apps show", |scrape| {
            scrape.sum("trtc_up", A) == 1.0 && scrape.sum("trtc_up", B) == 1.0
        })
        .await;
    assert_eq!(
        exporter
            .scrape()
            .await
            .value("trtc_exporter_config_last_reload_successful", &[]),
        Some(1.0)
    );
}

#[tokio::test]
async fn reload_by_http_needs_the_flag_and_a_post() {
    let upstream = simulator(Model::default()).await;
    let home = Home::at(&upstream, &[1_400_000_001]);
    let closed = Exporter::configured(&home.config(), &home.state()).await;
    let refused = post(closed.url("/-/reload"))
        .send()
        .await
        .expect("it answers");
    assert_eq!(refused.status(), 403);
    closed.kill();

    let files = [
        flag("--config.file", &home.config()),
        flag("--storage.path", &home.state()),
    ];
    let exporter = Exporter::start(
        files
            .into_iter()
            .chain(["--web.enable-lifecycle".to_owned()]),
    )
    .await;
    assert_eq!(exporter.get("/-/reload").await.0, 405);
    let done = post(exporter.url("/-/reload"))
        .send()
        .await
        .expect("it answers");
    assert_eq!(done.status(), 200);
    home.write("trtc-exporter.yml", "accounts:\n  - nam: x\n");
    let failed = post(exporter.url("/-/reload"))
        .send()
        .await
        .expect("it answers");
    assert_eq!(failed.status(), 500);
    let reason = failed.text().await.expect("text");
    assert!(reason.contains("trtc-exporter.yml:2"), "{reason}");
}

#[tokio::test]
async fn a_rotated_key_file_is_read_again_without_a_reload() {
    let upstream = simulator(Model::default()).await;
    let home = Home::at(&upstream, &[1_400_000_001]);
    home.write("key", "FAKEwrongKeyOfTheTest");
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    let failing = |scrape: &crate::exporter::Scrape| {
        scrape.sum("trtc_poll_failures_total", "code=\"auth_failure\"") >= 2.0
    };
    let scrape = exporter
        .scrape_until("the wrong key is refused", failing)
        .await;
    assert_eq!(scrape.sum("trtc_up", ""), 0.0);
    home.write("key", SECRET_KEY);
    exporter
        .scrape_until("the right key works", |scrape| {
            scrape.sum("trtc_up", "") == 2.0
        })
        .await;
    assert!(!exporter.log().contains("FAKE"), "a key in the log");
}
