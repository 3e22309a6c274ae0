//! A simulator for a test to steer, and the configuration that points an exporter at it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use trtc_exporter::clock::{Clock, SystemClock};
use trtc_exporter::simulator::{Handle, Model, Options, SECRET_ID, SECRET_KEY, Simulator};

/// A simulator with the machine's own clock.
pub(crate) async fn simulator(model: Model) -> Handle {
    simulator_with(model, Arc::new(SystemClock::start())).await
}

pub(crate) async fn simulator_with(model: Model, clock: Arc<dyn Clock>) -> Handle {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    Simulator::start(
        listener,
        Options {
            model,
            ..Options::default()
        },
        clock,
    )
    .expect("it serves")
}

/// A folder with a configuration file and room for state. Gone when dropped.
pub(crate) struct Home {
    directory: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self {
            directory: tempfile::tempdir().expect("a directory"),
        };
        home.write("key", SECRET_KEY);
        home
    }

    /// A home whose configuration asks this upstream for these apps once a second.
    pub(crate) fn at(upstream: &Handle, apps: &[u64]) -> Self {
        let home = Self::new();
        home.configure(upstream, apps, "");
        home
    }

    /// Writes the configuration; `more` goes into the account.
    pub(crate) fn configure(&self, upstream: &Handle, apps: &[u64], more: &str) {
        let mut text = format!(
            "poll_interval: 1s\naccounts:\n  - name: main\n    endpoint: {}\n    request_timeout: 500ms\n    \
             credentials: {{ secret_id: {SECRET_ID}, secret_key_file: key }}\n    apps:\n",
            upstream.endpoint()
        );
        for app in apps {
            writeln!(text, "      - sdk_app_id: {app}").expect("memory");
        }
        for line in more.lines() {
            writeln!(text, "    {line}").expect("memory");
        }
        self.write("trtc-exporter.yml", &text);
    }

    /// Writes a file that nobody else can read, for it may be a secret.
    pub(crate) fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).expect("writable");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("ours");
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.directory.path().join("trtc-exporter.yml")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What `--clock.script` names, for a program whose clock is to be moved.
    pub(crate) fn clock_script(&self) -> PathBuf {
        self.directory.path().join("clock")
    }

    /// Moves that clock: seconds that have passed, and by how many the wall clock is wrong on top of that.
    pub(crate) fn set_clock(&self, ahead: u32, wrong: i32) {
        self.write("clock.new", &format!("{ahead} {wrong}"));
        std::fs::rename(self.path().join("clock.new"), self.clock_script()).expect("ours");
    }
}
