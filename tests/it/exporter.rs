//! The real binary as a child process, and what a scrape of it says.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::wait::{eventually, eventually_for};

/// The program, running. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    log: Log,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let log = Log::read_from(child.stderr.take().expect("piped"));
        Self { child, log }
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The value of a field of the line that says where it listens.
    pub(crate) async fn logged_value(&self, field: &str) -> String {
        let listening = eventually("it listens", || {
            let lines = self.log.lines();
            let line = lines.iter().find(|line| line.contains("msg=Listening"))?;
            let (_, value) = line.split_once(&format!(" {field}="))?;
            value.split_whitespace().next().map(str::to_owned)
        });
        listening.await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.child.kill().expect("it can be killed");
            self.child.wait().expect("it is gone");
        }
    }
}

/// A running exporter and where it listens.
pub(crate) struct Exporter {
    running: Running,
    address: SocketAddr,
}

/// Everything the child has written to stderr so far.
#[derive(Clone, Default)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    /// Whether no more will come.
    is_whole: Arc<AtomicBool>,
}

impl Log {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no reader panics").clone()
    }

    pub(crate) fn contains(&self, needle: &str) -> bool {
        self.lines().iter().any(|line| line.contains(needle))
    }

    pub(crate) fn read_from(source: impl std::io::Read + Send + 'static) -> Self {
        let log = Self::default();
        let growing = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                growing.lines.lock().expect("no reader panics").push(line);
            }
            growing.is_whole.store(true, Ordering::Release);
        });
        log
    }
}

/// The command line of the program under test, without anything from the environment that could configure it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trtc-exporter"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("TRTC_EXPORTER_")
            || name.starts_with("TENCENTCLOUD_")
            || name.starts_with("TKE_")
            || name.to_lowercase().ends_with("_proxy")
        {
            command.env_remove(name);
        }
    }
    // Nobody there: a machine on which tests run may have a role of its own.
    command.env("TRTC_EXPORTER_METADATA_ENDPOINT", "http://127.0.0.1:1");
    command
}

impl Exporter {
    /// Starts it on a free port and waits until it listens.
    pub(crate) async fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::start_with(arguments, |_| {}).await
    }

    pub(crate) async fn start_with<S: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = S>,
        adjust: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = command();
        command
            .args(arguments)
            .arg("--web.listen-address=127.0.0.1:0");
        adjust(&mut command);
        let running = Running::start(&mut command);
        let address = running
            .logged_value("address")
            .await
            .parse()
            .expect("an address");
        Self { running, address }
    }

    /// Starts it by a configuration file and a state directory.
    pub(crate) async fn configured(config: &Path, state: &Path) -> Self {
        Self::start([flag("--config.file", config), flag("--storage.path", state)]).await
    }

    pub(crate) fn log(&self) -> &Log {
        &self.running.log
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.running.child.id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a signal by its name, e.g. `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{name} {}", self.running.child.id()))
            .status();
        assert!(sent.expect("there is a shell").success());
    }

    /// kill -9, and gone.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Waits for it to end by itself, and for its last words.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let status = eventually("it ends", || {
            self.running.child.try_wait().expect("it is our child")
        })
        .await;
        let log = &self.running.log;
        eventually("its log ends", || {
            log.is_whole.load(Ordering::Acquire).then_some(())
        })
        .await;
        status
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// GETs a path: status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = crate::http::get(self.url(path)).await.expect("it answers");
        (
            response.status().as_u16(),
            response.text().await.expect("a whole body"),
        )
    }

    pub(crate) async fn scrape(&self) -> Scrape {
        let (status, body) = self.get("/metrics").await;
        assert_eq!(status, 200);
        Scrape(body)
    }

    /// Scrapes until the condition holds, and returns that scrape.
    pub(crate) async fn scrape_until(
        &self,
        what: &str,
        condition: impl Fn(&Scrape) -> bool,
    ) -> Scrape {
        for _ in 0..1_200 {
            let scrape = self.scrape().await;
            if condition(&scrape) {
                return scrape;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "never came true: {what}\n{}\n{}",
            self.scrape().await.0,
            self.running.log.lines().join("\n")
        );
    }

    pub(crate) async fn ready(&self) {
        for _ in 0..1_200 {
            if self.get("/-/ready").await.0 == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never ready\n{}", self.running.log.lines().join("\n"));
    }
}

/// `--name=value` for a path.
pub(crate) fn flag(name: &str, value: &Path) -> String {
    format!("{name}={}", value.display())
}

/// Runs the program to its end: exit code, stdout and stderr.
pub(crate) async fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let output = tokio::task::spawn_blocking(move || child.wait_with_output())
        .await
        .expect("no panic")
        .expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The text of one scrape.
#[derive(Clone, Debug)]
pub(crate) struct Scrape(pub(crate) String);

impl Scrape {
    /// The value of the sample with this name and exactly these labels, in any order.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        self.samples(name).find_map(|(labels, value)| {
            let found: Vec<&str> = labels
                .split(',')
                .filter(|label| !label.is_empty())
                .collect();
            (found.len() == wanted.len()
                && wanted.iter().all(|label| found.contains(&label.as_str())))
            .then_some(value)
        })
    }

    /// All samples of a name: the text between the braces, and the value.
    pub(crate) fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(move |line| {
                let rest = line.strip_prefix(name)?;
                let (labels, value) = match rest.strip_prefix('{') {
                    Some(rest) => rest.rsplit_once("} ")?,
                    None => ("", rest.strip_prefix(' ')?),
                };
                Some((labels, value.parse().ok()?))
            })
    }

    /// The sum of all samples of a name whose labels contain this text.
    pub(crate) fn sum(&self, name: &str, containing: &str) -> f64 {
        self.samples(name)
            .filter(|(labels, _)| labels.contains(containing))
            .map(|(_, value)| value)
            .sum()
    }
}

/// Used where something ends soon after it was asked to.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Waits until a log line shows up.
pub(crate) async fn logged(log: &Log, needle: &str) {
    eventually_for(SOON, needle, || log.contains(needle).then_some(())).await;
}
