//! A real Alertmanager, and somebody whom it calls.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use trtc_exporter::usage::App;

use crate::exporter::flag;
use crate::ports::free_address;

/// Takes down every alert that it is called about.
pub(super) struct Receiver {
    address: SocketAddr,
    alerts: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let alerts = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&alerts);
        drop(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(tokio::spawn(listen_to(stream, Arc::clone(&notes))));
            }
        }));
        Self { address, alerts }
    }

    /// The first firing alert of this name about an app.
    pub(super) fn firing(&self, name: &str, app: App) -> Option<Value> {
        let alerts = self.alerts.lock().expect("no panic");
        let is_it = |alert: &&Value| {
            let labels = &alert["labels"];
            alert["status"] == "firing"
                && labels["alertname"] == name
                && labels["sdk_app_id"] == app.to_string()
        };
        alerts.iter().find(is_it).cloned()
    }
}

async fn listen_to(stream: TcpStream, notes: Arc<Mutex<Vec<Value>>>) {
    let service = service_fn(async |call: Request<Incoming>| {
        let body = call
            .into_body()
            .collect()
            .await
            .expect("a whole call")
            .to_bytes();
        let call: Value = serde_json::from_slice(&body).expect("JSON");
        let alerts = call["alerts"].as_array().expect("a list");
        notes
            .lock()
            .expect("no panic")
            .extend(alerts.iter().cloned());
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    // That it hangs up in the end is no failure.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

/// A real Alertmanager that calls a receiver at once. Killed when dropped.
pub(super) struct Alertmanager {
    child: Child,
    address: String,
    _home: TempDir,
}

impl Alertmanager {
    /// Starts it and waits until it takes alerts.
    pub(super) async fn start(receiver: &Receiver) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let config = format!(
            "route: {{ receiver: somebody, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }}\n\
             receivers: [{{ name: somebody, webhook_configs: [{{ url: 'http://{}/' }}] }}]\n",
            receiver.address
        );
        let file = home.path().join("alertmanager.yml");
        std::fs::write(&file, config).expect("writable");
        let address = free_address().to_string();
        let child = Command::new("prometheus-alertmanager")
            .arg(flag("--config.file", &file))
            .arg(flag("--storage.path", &home.path().join("data")))
            .arg(format!("--web.listen-address={address}"))
            .args(["--cluster.listen-address=", "--log.level=warn"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus-alertmanager is installed: tests/run sees to that");
        let alertmanager = Self {
            child,
            address,
            _home: home,
        };
        alertmanager.ready().await;
        alertmanager
    }

    async fn ready(&self) {
        for _ in 0..600 {
            let answer = crate::http::get(format!("http://{}/-/ready", self.address)).await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("Alertmanager is never ready");
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }
}
