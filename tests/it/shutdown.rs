//! The end, asked for or not.

use std::time::Duration;

use trtc_exporter::simulator::{Fault, Model};

use crate::exporter::{Exporter, SOON};
use crate::upstream::{Home, simulator};
use crate::wait::eventually_for;

#[tokio::test]
async fn sigterm_ends_it_soon_with_0_even_while_the_upstream_hangs() {
    let upstream = simulator(Model::default()).await;
    let home = Home::at(&upstream, &[1_400_000_001]);
    for name in ["TERM", "INT"] {
        let mut exporter = Exporter::configured(&home.config(), &home.state()).await;
        exporter.ready().await;
        upstream.order(Fault::Hang.always());
        exporter.signal(name);
        let status = exporter.ended().await;
        assert_eq!(status.code(), Some(0), "{name}");
        assert!(
            exporter.log().contains("Stopped"),
            "{:?}",
            exporter.log().lines()
        );
        upstream.clear_faults();
    }
}

#[tokio::test]
async fn metrics_are_served_at_once_while_the_upstream_hangs() {
    let upstream = simulator(Model::default()).await;
    upstream.order(Fault::Hang.always());
    let home = Home::at(&upstream, &[1_400_000_001]);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    let scrape = exporter.scrape().await;
    assert!(scrape.0.contains("trtc_exporter_build_info"));
    assert_eq!(exporter.get("/-/healthy").await.0, 200);
    assert_eq!(exporter.get("/-/ready").await.0, 503);
    exporter
        .scrape_until("the first round has failed", |scrape| {
            scrape.sum("trtc_poll_failures_total", "code=\"timeout\"") >= 2.0
        })
        .await;
    exporter.ready().await;
    let scrape = exporter.scrape().await;
    assert_eq!(scrape.sum("trtc_up", ""), 0.0);
    assert!(
        scrape.value(
            "trtc_usage_seconds_total",
            &[
                ("account", "main"),
                ("sdk_app_id", "total"),
                ("item", "interactive"),
                ("media", "audio")
            ]
        ) == Some(0.0)
    );
}

#[tokio::test]
async fn a_second_exporter_on_the_same_state_is_refused() {
    let upstream = simulator(Model::default()).await;
    let home = Home::at(&upstream, &[1_400_000_001]);
    let first = Exporter::configured(&home.config(), &home.state()).await;
    let (code, _, said) = crate::exporter::run(
        crate::exporter::command()
            .arg(crate::exporter::flag("--config.file", &home.config()))
            .arg(crate::exporter::flag("--storage.path", &home.state()))
            .arg("--web.listen-address=127.0.0.1:0"),
    )
    .await;
    assert_eq!(code, Some(1));
    assert!(said.contains("in use by another process"), "{said}");
    first.kill();
    let patience = Duration::from_secs(1).max(SOON);
    let again = Exporter::configured(&home.config(), &home.state()).await;
    eventually_for(patience, "the lock went with its holder", || {
        again.log().contains("Listening").then_some(())
    })
    .await;
}
