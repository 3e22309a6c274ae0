//! Settled buckets pushed into a real Prometheus, each at its own time, also by an exporter that is killed on the way.

use trtc_exporter::simulator::Publication;
use trtc_exporter::usage::{App, Media, TimeKey};

use super::past::{APP, Past};
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
        scrape.sum("trtc_remote_write_failures_total", "") > 0.0
    });
    assert_eq!(
        failing
            .await
            .sum("trtc_remote_write_dropped_samples_total", ""),
        0.0
    );
    let prometheus = Prometheus::listening(folder.path(), address);
    prometheus.ready().await;
    for _ in 0..9 {
        past.kill_and_go_on(30).await;
        past.first_answers().await;
    }
    let settled = past.exporter().scrape_until("all is pushed", |scrape| {
        let pushed = scrape.sum("trtc_remote_write_samples_total", "") > 0.0;
        pushed && scrape.sum("trtc_remote_write_lag_seconds", "") == 0.0
    });
    let scrape = settled.await;
    let newest = |app: &str| scrape.sum("trtc_usage_bucket_timestamp_seconds", app) as i64;

    let all = prometheus
        .samples(
            "trtc_usage_settled_seconds{job=\"trtc\"}",
            i64::from(HOURS + 1) * 3600,
        )
        .await;
    assert_eq!(all.len(), 10, "five media of an app and of the total");
    for (labels, samples) in all {
        let app = labels["sdk_app_id"].as_str().expect("a label");
        let (target, media) = match app {
            "total" => (App::Total, &labels["media"]),
            _ => (App::Id(APP), &labels["media"]),
        };
        let media: Media = media.as_str().expect("a label").parse().expect("a media");
        assert!(samples.len() > 50, "{labels}: {}", samples.len());
        for pair in samples.windows(2) {
            assert_eq!(pair[1].0 - pair[0].0, 300, "{labels}");
        }
        assert_eq!(
            samples.last().expect("some").0,
            newest(&format!("sdk_app_id=\"{app}\""))
        );
        for (at, value) in samples {
            let bucket = TimeKey::from_unix(at);
            let truth = past
                .upstream()
                .truth(target, media, bucket..bucket.plus_seconds(300));
            assert_eq!(value, truth as f64, "{labels} {bucket}");
        }
    }
    assert_eq!(
        past.shown("trtc_remote_write_dropped_samples_total").await,
        0.0
    );
}
