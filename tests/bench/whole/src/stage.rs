//! The exporter under measurement and the simulator that it polls.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::Client;
use crate::process::{Process, free_address};

/// Requests per second while state is to be made quickly.
pub(crate) const FAST: f64 = 1000.0;
/// One poll in 100 seconds: the exporter does nothing but serve.
pub(crate) const QUIET: f64 = 0.01;
/// What the upstream allows.
pub(crate) const USUAL: f64 = 20.0;

pub(crate) struct Stage {
    home: TempDir,
    apps: usize,
    binary: PathBuf,
    simulator: Process,
    pub(crate) exporter: Process,
}

impl Stage {
    /// An exporter that polls at `rate`, beginning without state.
    pub(crate) fn new(binary: PathBuf, apps: usize, rate: f64) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let address = free_address();
        let simulator = Process::start(
            Command::new(&binary)
                .args([
                    "simulate",
                    "--simulator.requests-per-second=1000",
                    "--log.level=error",
                ])
                .arg(format!("--simulator.listen-address={address}")),
            address,
        );
        wait("the simulator listens", || {
            Client::new(address).ask("GET", "/", "").ok()
        });
        write_config(&home, apps, rate, &simulator);
        let (exporter, _) = start(&binary, &home);
        Self {
            home,
            apps,
            binary,
            simulator,
            exporter,
        }
    }

    /// An exporter that has polled every app at least once and does nothing more.
    pub(crate) fn filled(binary: PathBuf, apps: usize) -> Self {
        let mut stage = Self::new(binary, apps, FAST);
        stage.wait_until_ready();
        stage.pace(QUIET);
        stage
    }

    /// Reloads the exporter with another rate limit.
    pub(crate) fn pace(&mut self, rate: f64) {
        write_config(&self.home, self.apps, rate, &self.simulator);
        let (status, why) = self
            .client()
            .ask("POST", "/-/reload", "content-length: 0\r\n")
            .expect("it answers");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&why));
    }

    pub(crate) fn wait_until_ready(&mut self) {
        let mut client = self.client();
        wait("every app is polled", || {
            client
                .ask("GET", "/-/ready", "")
                .ok()
                .filter(|(status, _)| *status == 200)
        });
    }

    /// Stops the exporter and starts it again on its state; the time from exec to the first good `/metrics`.
    pub(crate) fn restart(&mut self) -> Duration {
        self.exporter.stop();
        let (exporter, took) = start(&self.binary, &self.home);
        self.exporter = exporter;
        took
    }

    /// Throws the state away that the next start would find.
    pub(crate) fn forget(&self) {
        std::fs::remove_dir_all(self.home.path().join("data")).expect("ours");
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.exporter.address)
    }

    /// The sum of a metric of the exporter over all its labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.values(name).into_iter().sum()
    }

    /// All values of a metric of the exporter.
    pub(crate) fn values(&self, name: &str) -> Vec<f64> {
        let (_, page) = self
            .client()
            .ask("GET", "/metrics", "")
            .expect("it answers");
        let page = String::from_utf8(page).expect("text");
        let samples = page.lines().filter_map(|line| {
            line.strip_prefix(name)
                .filter(|rest| rest.starts_with(['{', ' ']))
        });
        samples
            .filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<f64>().ok())
            .collect()
    }
}

/// The second account is polled in vain and seldom: it is there so that a TLS client is.
fn write_config(home: &TempDir, apps: usize, rate: f64, simulator: &Process) {
    let account = |name, endpoint, rate| {
        format!(
            "
  - name: {name}
    endpoint: {endpoint}
    credentials: {{ secret_id: AKIDsimulatorFAKEFAKEFAKEFAKEFAKE0001, secret_key: simulatorFAKEFAKEFAKEFAKEFAKEKEY }}
    items:
      - {{ name: interactive, action: DescribeTrtcInteractiveTime, requests_per_second: {rate} }}
    total: {}
    apps:
      - sdk_app_id: 1400000000
",
            name == "main"
        )
    };
    let mut text = "accounts:".to_owned();
    text += &account("other", "https://127.0.0.1:1".to_owned(), USUAL);
    text += &account("main", format!("http://{}", simulator.address), rate);
    for app in 1..apps {
        writeln!(text, "      - sdk_app_id: {}", 1_400_000_000 + app).expect("memory");
    }
    std::fs::write(home.path().join("config.yml"), text).expect("writable");
}

/// The exporter on a free port, and how long it took to answer.
fn start(binary: &Path, home: &TempDir) -> (Process, Duration) {
    let address = free_address();
    let begin = Instant::now();
    let process = Process::start(
        Command::new(binary)
            .current_dir(home.path())
            // Where most machines have nothing in them, and authorities are found in one file.
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR")
            .args([
                "--config.file=config.yml",
                "--storage.path=data",
                "--log.level=error",
                "--web.enable-lifecycle",
            ])
            .arg(format!("--web.listen-address={address}")),
        address,
    );
    wait("the exporter answers", || {
        Client::new(address).scrape(false).ok()
    });
    (process, begin.elapsed())
}

/// Tries often, but not for ever.
pub(crate) fn wait<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(120) {
        if let Some(found) = condition() {
            return found;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    panic!("never came true: {what}");
}
