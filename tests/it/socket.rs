//! Started by systemd: its sockets, by the real `systemd-socket-activate`, and what it is told of the program's life.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;

use tempfile::TempDir;

use crate::exporter::{Exporter, Running, SOON, command, logged, run};
use crate::ports::free_address;
use crate::wait::eventually;

/// The program, to be started by systemd-socket-activate when somebody connects.
fn activated<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Running {
    let mut activate = Command::new("systemd-socket-activate");
    let arguments = activate
        .env_clear()
        .args(arguments)
        .arg(env!("CARGO_BIN_EXE_trtc-exporter"))
        .args(["demo", "--web.systemd-socket"]);
    Running::start(arguments)
}

fn listens(log: &[String], address: SocketAddr) -> bool {
    let field = format!("address={address}");
    let listening = log.iter().filter(|line| line.contains("msg=Listening"));
    listening.into_iter().any(|line| line.ends_with(&field))
}

#[tokio::test]
async fn passed_sockets_are_served_on_and_no_others() {
    let (one, other) = (free_address(), free_address());
    let addresses = [one.to_string(), other.to_string()];
    let exporter = activated(["-l", &addresses[0], "-l", &addresses[1]]);
    for address in [one, other] {
        let mut answer = None;
        for _ in 0..1_000 {
            answer = crate::http::get(format!("http://{address}/-/healthy"))
                .await
                .ok();
            if answer.is_some() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(answer.expect("it answers").status(), 200);
    }
    let log = exporter.log().lines();
    let listening = log.iter().filter(|line| line.contains("msg=Listening"));
    assert_eq!(listening.count(), 2, "{log:?}");
    assert!(listens(&log, one) && listens(&log, other), "{log:?}");
}

#[tokio::test]
async fn without_a_passed_socket_it_says_what_to_do() {
    for pid in [None, Some("1")] {
        let mut command = command();
        command.args(["demo", "--web.systemd-socket"]);
        if let Some(pid) = pid {
            // For another process.
            command.env("LISTEN_FDS", "1").env("LISTEN_PID", pid);
        }
        let (code, _, said) = run(&mut command).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("no socket was passed"), "{said}");
        assert!(said.contains(".socket unit"), "{said}");
    }
}

#[tokio::test]
async fn sockets_of_another_kind_are_refused() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("socket");
    let unix = activated([OsStr::new("-l"), path.as_os_str()]);
    let _client = eventually("it listens", || UnixStream::connect(&path).ok()).await;
    logged(unix.log(), "descriptor 3 is no TCP socket").await;

    let address = free_address();
    let per_connection = activated(["--accept", "-l", &address.to_string()]);
    let connect = || std::net::TcpStream::connect(address).ok();
    let _client = eventually("it listens", connect).await;
    logged(per_connection.log(), "Accept=no").await;
}

/// A socket that plays the supervisor.
struct Supervisor {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Supervisor {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a fresh path");
        socket.set_read_timeout(Some(SOON)).expect("it can");
        Self { socket, folder }
    }

    fn next(&self) -> String {
        let mut message = [0; 256];
        let length = self
            .socket
            .recv(&mut message)
            .expect("it is told something soon");
        String::from_utf8_lossy(&message[..length]).into_owned()
    }

    /// Skips everything else.
    fn until(&self, wanted: &str) {
        for _ in 0..100 {
            if self.next().trim_end() == wanted {
                return;
            }
        }
        panic!("never told: {wanted}");
    }
}

/// The demo under a supervisor, with its watchdog's settings.
async fn supervised(watchdog: &[(&str, &str)]) -> (Supervisor, Exporter) {
    let supervisor = Supervisor::start();
    let adjust = |command: &mut Command| {
        command
            .env("NOTIFY_SOCKET", supervisor.folder.path().join("notify"))
            .envs(watchdog.iter().copied());
    };
    let exporter = Exporter::start_with(["demo"], adjust).await;
    (supervisor, exporter)
}

#[tokio::test]
async fn the_supervisor_is_told_of_begin_life_and_end() {
    let (supervisor, mut exporter) = supervised(&[("WATCHDOG_USEC", "200000")]).await;
    supervisor.until("READY=1");
    assert_eq!(exporter.get("/-/healthy").await.0, 200);
    for _ in 0..3 {
        supervisor.until("WATCHDOG=1");
    }
    exporter.signal("TERM");
    supervisor.until("STOPPING=1");
    assert_eq!(exporter.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_watchdog_of_another_process_is_not_fed() {
    let watchdog = [("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let (supervisor, mut exporter) = supervised(&watchdog).await;
    assert_eq!(supervisor.next(), "READY=1\n");
    exporter.ready().await;
    exporter.signal("TERM");
    assert_eq!(supervisor.next(), "STOPPING=1\n");
    assert_eq!(exporter.ended().await.code(), Some(0));
}
