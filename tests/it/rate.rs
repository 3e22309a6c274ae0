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
    let scrape = exporter.scrape().await;
    assert_eq!(scrape.sum("trtc_api_throttled_total", ""), 0.0);
    assert!(
        scrape.sum("trtc_api_rate_limit_wait_seconds_total", "") > 0.0,
        "there was work for more"
    );
}
