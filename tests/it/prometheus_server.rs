//! A real Prometheus as a child process, for tests to ask.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::exporter::Exporter;
use crate::ports::free_address;

/// A real Prometheus that scrapes one exporter. Killed when dropped.
pub(crate) struct Prometheus {
    child: Child,
    base: String,
    _home: tempfile::TempDir,
}

impl Prometheus {
    /// Starts it on a free port; it may not answer yet.
    pub(crate) fn start(exporter: &Exporter) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let config = format!(
            "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: trtc\n    static_configs:\n      - targets: ['{}']\n",
            exporter.address()
        );
        let file = home.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("writable");
        let address = free_address();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                home.path().join("tsdb").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus is installed: tests/run sees to that");
        Self {
            child,
            base: format!("http://{address}"),
            _home: home,
        }
    }

    /// The result of an instant query, once it is not empty.
    pub(crate) async fn query(&self, promql: &str) -> Vec<Value> {
        for _ in 0..600 {
            let result = self.result(promql).await;
            if !result.is_empty() {
                return result;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never a result: {promql}");
    }

    /// The result of an instant query as it is now. Fails when Prometheus says that the query is wrong.
    pub(crate) async fn result(&self, promql: &str) -> Vec<Value> {
        let url = format!("{}/api/v1/query", self.base);
        let mut url: reqwest::Url = url.parse().expect("a URL");
        url.query_pairs_mut().append_pair("query", promql);
        for _ in 0..600 {
            if let Some(body) = answer(url.clone()).await {
                assert_eq!(body["status"], "success", "{promql}\n{}", body["error"]);
                return body["data"]["result"].as_array().expect("a vector").clone();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("Prometheus never answers: {promql}");
    }

    /// The value of the only element.
    pub(crate) async fn value(&self, promql: &str) -> f64 {
        let result = self.query(promql).await;
        result[0]["value"][1]
            .as_str()
            .and_then(|value| value.parse().ok())
            .expect("a number")
    }
}

/// What the query API says; nothing while Prometheus is still starting.
async fn answer(url: reqwest::Url) -> Option<Value> {
    let response = crate::http::get(url).await.ok()?;
    let body = response.text().await.ok()?;
    serde_json::from_str(&body).ok()
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }
}
