//! The rate limit, as the upstream sees it.

use trtc_exporter::simulator::Model;

use crate::exporter::Exporter;
use crate::upstream::{Home, simulator};

const ACTION: &str = "DescribeTrtcInteractiveTime";

#[tokio::test]
async fn twenty_apps_never_exceed_twenty_requests_in_any_second() {
    let upstream = simulator(Model::default()).await;
    let apps: Vec<u64> = (1_400_000_001..=1_400_000_020).collect();
    let home = Home::at(&upstream, &apps);
    let exporter = Exporter::configured(&home.config(), &home.state()).await;
    let counts = upstream.wait_for(|counts| counts.requests >= 300).await;
    assert_eq!(
        counts.refused.values().sum::<u64>(),
        0,
        "{:?}",
        counts.refused
    );
    assert!(
        upstream.peak(ACTION) <= 20,
        "{} in one second",
        upstream.peak(ACTION)
    );
    let (first, last) = {
        let requests = upstream.requests();
        (requests[0].at.mono, requests[299].at.mono)
    };
    let per_second = 299.0 / (last - first).as_secs_f64();
    assert!(
        per_second > 15.0,
        "work enough for all of the limit, yet only {per_second} per second"
    );
    let scrape = exporter.scrape().await;
    assert_eq!(scrape.sum("trtc_api_throttled_total", ""), 0.0);
    assert!(scrape.sum("trtc_api_rate_limit_wait_seconds_total", "") > 1.0);
}
