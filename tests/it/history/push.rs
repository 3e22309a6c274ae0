//! Settled buckets pushed into a real Prometheus, each at its own time, also by an exporter that is killed on the way.

use std::time::Duration;

use trtc_exporter::simulator::Publication;
use trtc_exporter::usage::{App, Media, TimeKey};

use super::past::{APP, Past, VictoriaMetrics};
use crate::exporter::Scrape;
use crate::ports::free_address;
use crate::prometheus_server::Prometheus;
use crate::upstream::Home;

const HOURS: u32 = 5;

/// It starts while the receiver is down, and goes on when that is there; it is killed in the middle again and again. In the
/// end every bucket since the begin is there once, with the upstream's figure at its TimeKey.
#[tokio::test]
async fn every_settled_bucket_arrives_once_at_its_own_time() {
    let folder = Home::new();
    let window = "storage: { tsdb: { out_of_order_time_window: 12h } }\nscrape_configs: []\n";
    folder.write("prometheus.yml", window);
    let address = free_address();
    let url = format!("--remote-write.url=http://{address}/api/v1/write");
    let flags = [url.as_str(), "--remote-write.label=job=trtc"];
    let mut past = Past::begin_hours_ago(HOURS, Publication::CALM, &flags).await;
    past.first_answers().await;
    let failing = past.exporter().scrape_until("pushing fails", |scrape| {
        scrape.sum("trtc_exporter_remote_write_failures_total", "") > 0.0
    });
    assert_eq!(
        failing
            .await
            .sum("trtc_exporter_remote_write_dropped_samples_total", ""),
        0.0
    );
    let prometheus = Prometheus::listening(folder.path(), address);
    prometheus.ready().await;
    for _ in 0..9 {
        past.kill_and_go_on(30).await;
        past.first_answers().await;
    }
    let recent = past.now() - 30 * 60;
    let keys = |scrape: &Scrape| -> Vec<i64> {
        let keys = scrape.samples("trtc_usage_bucket_timestamp_seconds");
        keys.map(|(_, key)| key as i64).collect()
    };
    let settled = past
        .exporter()
        .scrape_until("the present is settled", |scrape| {
            keys(scrape).iter().filter(|key| **key > recent).count() == 2
        });
    let newest = keys(&settled.await)
        .into_iter()
        .min()
        .expect("there are two");
    let all = loop {
        let window = i64::from(HOURS + 1) * 3600;
        let all = prometheus
            .samples("trtc_usage_settled_seconds{job=\"trtc\"}", window)
            .await;
        if all
            .iter()
            .all(|(_, samples)| samples.last().is_some_and(|(at, _)| *at >= newest))
        {
            break all;
        }
        assert!(past.now() - recent < 35 * 60, "the newest never arrives");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(all.len(), 10, "five media of an app and of the total");
    for (labels, samples) in all {
        let app = labels["sdk_app_id"].as_str().expect("a label");
        let (target, media) = match app {
            "total" => (App::Total, &labels["media"]),
            _ => (App::Id(APP), &labels["media"]),
        };
        let media: Media = media.as_str().expect("a label").parse().expect("a media");
        assert!(samples.len() >= 9 * 30 / 5, "{labels}: {}", samples.len());
        for pair in samples.windows(2) {
            assert_eq!(pair[1].0 - pair[0].0, 300, "{labels}");
        }
        for (at, value) in samples {
            let bucket = TimeKey::from_unix(at);
            let truth = past
                .upstream()
                .truth(target, media, bucket..bucket.plus_seconds(300));
            assert_eq!(value, truth as f64, "{labels} {bucket}");
        }
    }
    assert_eq!(
        past.shown("trtc_exporter_remote_write_dropped_samples_total")
            .await,
        0.0
    );
}

/// VictoriaMetrics takes them likewise.
#[tokio::test]
async fn victoria_metrics_takes_them_too() {
    let folder = Home::new();
    let database = VictoriaMetrics::start(folder.path()).await;
    let url = format!("--remote-write.url={}/api/v1/write", database.base());
    let mut past = Past::begin_hours_ago(HOURS, Publication::CALM, &[&url]).await;
    past.first_answers().await;
    let pushed = |more: f64| {
        move |scrape: &Scrape| scrape.sum("trtc_exporter_remote_write_samples_total", "") >= more
    };
    // One bucket of five media of two targets to begin with, then twelve more of each.
    past.exporter()
        .scrape_until("it begins", pushed(10.0))
        .await;
    past.pass_minutes(60);
    let scrape = past
        .exporter()
        .scrape_until("an hour is pushed", pushed(120.0))
        .await;
    let labels = format!("sdk_app_id=\"{APP}\"");
    let newest = scrape.sum("trtc_usage_bucket_timestamp_seconds", &labels) as i64;
    database.shows().await;
    for bucket in (1..10).map(|back| TimeKey::from_unix(newest - back * 300)) {
        let query = format!("trtc_usage_settled_seconds{{{labels},media=\"audio\"}}");
        let truth =
            past.upstream()
                .truth(App::Id(APP), Media::Audio, bucket..bucket.plus_seconds(300));
        database.shows().await;
        assert_eq!(
            database.value_at(&query, bucket.unix()).await,
            Some(truth as f64),
            "{bucket}"
        );
    }
}
