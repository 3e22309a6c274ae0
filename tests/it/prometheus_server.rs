//! A real Prometheus as a child process, for tests to ask.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use trtc_exporter::clock::{Clock, SystemClock};

use crate::exporter::{Exporter, flag};
use crate::ports::free_address;

/// A real Prometheus. Killed when dropped.
pub(crate) struct Prometheus {
    /// `None` when somebody else has started it.
    child: Option<Child>,
    base: String,
    _home: Option<TempDir>,
}

impl Prometheus {
    /// One that scrapes an exporter every second, and forgets all in the end. It may not answer yet.
    pub(crate) fn start(exporter: &Exporter) -> Self {
        Self::start_with(exporter, &[], None)
    }

    /// Starts it with rules, which it evaluates every second unless they say otherwise, and with samples of the past as
    /// OpenMetrics text.
    pub(crate) fn start_with(exporter: &Exporter, rules: &[String], past: Option<&str>) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let file = home.path().join(name);
            std::fs::write(&file, text).expect("writable");
            file
        };
        for (index, text) in rules.iter().enumerate() {
            write(&format!("{index}.rules.yml"), text);
        }
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: ['*.rules.yml']\nscrape_configs:\n  \
             - job_name: trtc\n    static_configs:\n      - targets: ['{}']\n",
            exporter.address()
        );
        write("prometheus.yml", &config);
        if let Some(past) = past {
            let import = Command::new("promtool")
                .args(["tsdb", "create-blocks-from", "openmetrics"])
                .arg(write("past.txt", past))
                .arg(home.path().join("tsdb"))
                .output()
                .expect("promtool is installed: tests/run sees to that");
            let said = String::from_utf8_lossy(&import.stderr);
            assert!(import.status.success(), "{said}");
        }
        let mut prometheus = Self::in_folder(home.path());
        prometheus._home = Some(home);
        prometheus
    }

    /// One that works by the `prometheus.yml` of a folder, and keeps its data in `tsdb` beside it. It may not answer yet.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self::listening(folder, free_address())
    }

    /// The same, at this address.
    pub(crate) fn listening(folder: &Path, address: SocketAddr) -> Self {
        let child = Command::new("prometheus")
            .arg(flag("--config.file", &folder.join("prometheus.yml")))
            .arg(flag("--storage.tsdb.path", &folder.join("tsdb")))
            .arg(format!("--web.listen-address={address}"))
            .arg("--storage.tsdb.retention.time=1y")
            .arg("--web.enable-remote-write-receiver")
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus is installed: tests/run sees to that");
        Self {
            child: Some(child),
            base: format!("http://{address}"),
            _home: None,
        }
    }

    /// One that a test has started itself.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            child: None,
            base: format!("http://{address}"),
            _home: None,
        }
    }

    /// Where it serves.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Waits until it answers.
    pub(crate) async fn ready(&self) {
        self.result("vector(1)").await;
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
        self.ask("query", &[("query", promql)]).await
    }

    /// Every sample of each series over the last `seconds`, by series: in Unix seconds, and its value.
    pub(crate) async fn samples(
        &self,
        selector: &str,
        seconds: i64,
    ) -> Vec<(Value, Vec<(i64, f64)>)> {
        let result = self.result(&format!("{selector}[{seconds}s]")).await;
        let sample = |pair: &Value| {
            let at = pair[0].as_f64().expect("a time") as i64;
            (
                at,
                pair[1]
                    .as_str()
                    .and_then(|value| value.parse().ok())
                    .expect("a number"),
            )
        };
        let series = |series: &Value| {
            let samples = series["values"].as_array().expect("a list");
            (
                series["metric"].clone(),
                samples.iter().map(sample).collect(),
            )
        };
        result.iter().map(series).collect()
    }

    /// The value of the only element at a Unix time; `None` when there is no element.
    pub(crate) async fn value_at(&self, promql: &str, at: i64) -> Option<f64> {
        let at = at.to_string();
        let result = self.ask("query", &[("query", promql), ("time", &at)]).await;
        result.first()?["value"][1].as_str()?.parse().ok()
    }

    /// The result of a query over the last `seconds`, in steps of `step` seconds.
    pub(crate) async fn range(&self, promql: &str, seconds: i64, step: i64) -> Vec<Value> {
        let now = SystemClock::start().now().utc.timestamp();
        let [start, end, step] = [now - seconds, now, step].map(|number| number.to_string());
        let parameters = [
            ("query", promql),
            ("start", &start),
            ("end", &end),
            ("step", &step),
        ];
        self.ask("query_range", &parameters).await
    }

    async fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> Vec<Value> {
        let url = format!("{}/api/v1/{what}", self.base);
        let url = reqwest::Url::parse_with_params(&url, parameters).expect("a URL");
        for _ in 0..600 {
            if let Some(body) = answer(url.clone()).await {
                assert_eq!(
                    body["status"], "success",
                    "{parameters:?}\n{}",
                    body["error"]
                );
                return body["data"]["result"].as_array().expect("a list").clone();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("Prometheus never answers: {parameters:?}");
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
        if let Some(child) = &mut self.child {
            child.kill().expect("it can be killed");
            child.wait().expect("it is gone");
        }
    }
}
