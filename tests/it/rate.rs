//! The rate limit, as the upstream sees it.

use trtc_exporter::simulator::{Fault, Model, SECRET_ID};

use crate::exporter::{Exporter, flag};
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

#[tokio::test]
async fn requests_under_way_across_a_reload_count_until_they_are_answered() {
    let upstream = simulator(Model::default()).await;
    upstream.order(Fault::Hang.always());
    let home = Home::new();
    let configure = |timeout: &str| {
        home.write(
            "trtc-exporter.yml",
            &format!(
                "accounts:\n  - name: main\n    endpoint: {}\n    request_timeout: {timeout}\n    \
                 credentials: {{ secret_id: {SECRET_ID}, secret_key_file: key }}\n    \
                 apps: [{{ sdk_app_id: 1400000001 }}]\n",
                upstream.endpoint()
            ),
        );
    };
    configure("30s");
    let script = flag("--clock.script", &home.clock_script());
    let state = flag("--storage.path", &home.state());
    let config = flag("--config.file", &home.config());
    let exporter = Exporter::start([config, state, script]).await;
    upstream.wait_for(|counts| counts.requests == 2).await;

    configure("29s");
    exporter.signal("HUP");
    upstream.wait_for(|counts| counts.requests == 4).await;
    home.set_clock(5, 0);
    let (_, status) = exporter.get("/api/v1/status").await;
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["lanes"][0]["requests"], 4, "{status}");
}
