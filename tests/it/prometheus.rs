//! Real Prometheus and promtool.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::exporter::Exporter;
use crate::prometheus_server::Prometheus;

#[tokio::test]
async fn promtool_has_nothing_to_say_against_the_metrics() {
    let exporter = Exporter::start(["demo"]).await;
    exporter.ready().await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed: tests/run sees to that");
    let scrape = exporter.scrape().await;
    promtool
        .stdin
        .take()
        .expect("piped")
        .write_all(scrape.0.as_bytes())
        .expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    // Bills count minutes.
    let is_of_bills = |line: &&str| {
        line.contains("_billable_minutes use base unit \"seconds\" instead of \"minutes\"")
    };
    let said: Vec<_> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(is_of_bills), "{said:?}");
}

#[tokio::test]
async fn a_real_prometheus_scrapes_the_demo_and_answers() {
    let exporter = Exporter::start(["demo"]).await;
    exporter.ready().await;
    let prometheus = Prometheus::start(&exporter);
    assert_eq!(prometheus.value("up{job=\"trtc\"} == 1").await, 1.0);
    let apps = prometheus
        .query("count by (sdk_app_id) (trtc_usage_seconds_total)")
        .await;
    assert_eq!(apps.len(), 4, "three apps and the total: {apps:?}");
    let named = "sum by (app_name) (trtc_usage_day_seconds{day=\"today\"} * on (account, sdk_app_id) group_left (app_name) trtc_app_info{app_name!=\"\"})";
    assert_eq!(prometheus.query(named).await.len(), 3);
    // What Prometheus stored, asked for as OpenMetrics and compressed, is what a plain scrape shows.
    let stored = prometheus
        .value("count({job=\"trtc\", __name__=~\"trtc_.+\"})")
        .await;
    let shown = exporter
        .scrape()
        .await
        .0
        .lines()
        .filter(|line| line.starts_with("trtc_"))
        .count();
    assert_eq!(stored, shown as f64);
}
