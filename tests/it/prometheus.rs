//! Real Prometheus and promtool.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::exporter::Exporter;

/// A real Prometheus that scrapes one exporter. Killed when dropped.
struct Prometheus {
    child: Child,
    base: String,
    _home: tempfile::TempDir,
}

impl Prometheus {
    fn start(exporter: &Exporter) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let config = format!(
            "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: trtc\n    static_configs:\n      - targets: ['{}']\n",
            exporter.address()
        );
        let file = home.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("writable");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .expect("a free port")
            .local_addr()
            .expect("bound")
            .port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                home.path().join("tsdb").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus is installed: tests/run sees to that");
        Self {
            child,
            base: format!("http://127.0.0.1:{port}"),
            _home: home,
        }
    }

    /// The result of an instant query, once it is not empty.
    async fn query(&self, promql: &str) -> Vec<Value> {
        let url = format!("{}/api/v1/query", self.base);
        let mut url: reqwest::Url = url.parse().expect("a URL");
        url.query_pairs_mut().append_pair("query", promql);
        for _ in 0..600 {
            if let Ok(response) = crate::http::get(url.clone()).await {
                let body = response.text().await.expect("text");
                let body: Value = serde_json::from_str(&body).unwrap_or_default();
                match body["data"]["result"].as_array() {
                    Some(result) if !result.is_empty() => return result.clone(),
                    _ => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never a result: {promql}");
    }

    async fn value(&self, promql: &str) -> f64 {
        let result = self.query(promql).await;
        result[0]["value"][1]
            .as_str()
            .and_then(|value| value.parse().ok())
            .expect("a number")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }
}

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
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
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
