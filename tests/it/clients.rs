//! Bad clients of the real program: slow, endless, rude, and many. Good scrapes go on, and memory and sockets stay bounded.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use trtc_exporter::clock::{Clock, SystemClock};
use trtc_exporter::descriptors;
use trtc_exporter::simulator::{Handle, Model};
use trtc_exporter::store::{Poll, Store};
use trtc_exporter::usage::{Answer, App, Date, Media, Target, TimeKey};

use crate::exporter::{Exporter, flag};
use crate::upstream::{Home, simulator};
use crate::wait::eventually;

/// Their info and their polls' series are about five megabytes.
const APPS: u64 = 1_500;

/// What attacks may add to memory: the buffers of a thousand connections, and none of them a copy of the page.
const ROOM: u64 = 24 << 20;

/// A process with a large page.
struct Stage {
    exporter: Exporter,
    _upstream: Handle,
    _home: Home,
}

/// Longer than any answer takes, so that a lost one fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(30);

impl Stage {
    async fn set() -> Self {
        let upstream = simulator(Model::default()).await;
        let home = Home::new();
        let apps: Vec<u64> = (0..APPS).map(|index| 1_400_000_001 + index).collect();
        home.configure(&upstream, &apps, "");
        // Slowly, so that the attacks and not the polls are what it is busy with.
        let config = fs::read_to_string(home.config()).expect("written");
        home.write(
            "trtc-exporter.yml",
            &config.replace("poll_interval: 1s", "poll_interval: 1h"),
        );
        make_state(&home, &apps);
        let arguments = [
            flag("--config.file", &home.config()),
            flag("--storage.path", &home.state()),
        ];
        let exporter = Exporter::start(arguments).await;
        Self {
            exporter,
            _upstream: upstream,
            _home: home,
        }
    }

    fn address(&self) -> SocketAddr {
        self.exporter.address()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream
    }

    /// Sends a request and reads nothing yet.
    fn ask(&self, request: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("taken");
        stream
    }

    /// A scrape like any other, while something else goes on.
    async fn scrape_is_good(&self) {
        let scrape = self.exporter.scrape().await;
        assert_eq!(scrape.samples("trtc_app_info").count() as u64, APPS + 1);
    }

    fn descriptors(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.exporter.id()));
        open.expect("it runs").count()
    }

    fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.exporter.id()));
        let status = status.expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kilobytes.expect("a number") * 1024
    }
}

/// State with a counter for every app, so that there is a large page at once.
fn make_state(home: &Home, apps: &[u64]) {
    let now = SystemClock::start().now().utc;
    let mut store = Store::open(&home.state()).expect("opens");
    let media = Media::KNOWN[..5].to_vec();
    let poll = |&app: &u64| {
        let mut answer = Answer::new(media.clone());
        let key = TimeKey::from_unix(now.timestamp())
            .slot()
            .plus_seconds(-3600);
        answer.push(key, &[1_000; 5]).expect("a sane row");
        Poll {
            since: None,
            target: Target {
                account: "main".into(),
                app: App::Id(app),
                item: "interactive".into(),
            },
            date: Date::of(now),
            asked_at: now,
            answer,
        }
    };
    let polls: Vec<Poll> = apps.iter().map(poll).collect();
    let saved = store.save(&polls, chrono::TimeDelta::minutes(15));
    assert!(saved.expect("saved").iter().all(Result::is_ok));
}

const SCRAPE: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/// All of them in one test: they share a process whose memory is measured.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_scrapes_go_on_whatever_bad_clients_do() {
    let stage = Stage::set().await;
    stage.scrape_is_good().await;
    let page = stage.exporter.get("/metrics").await.1.len();
    assert!(page > 4_000_000, "{page}");
    let (memory, descriptors) = (stage.resident_bytes(), stage.descriptors());

    slow_heads(&stage).await;
    endless_heads(&stage).await;
    garbage_and_pipelines(&stage).await;
    half_closed(&stage).await;
    aborted_scrapes(&stage).await;
    slow_readers(&stage).await;
    many_idle(&stage).await;

    let grown = stage.resident_bytes().saturating_sub(memory);
    assert!(grown < ROOM, "memory has grown by {grown} bytes");
    // Sockets that were left are given back.
    eventually("sockets are closed", || {
        (stage.descriptors() < descriptors + 50).then_some(())
    })
    .await;
    stage.scrape_is_good().await;
}

async fn slow_heads(stage: &Stage) {
    let mut slow: Vec<TcpStream> = (0..50).map(|_| stage.connect()).collect();
    for byte in SCRAPE.as_bytes()[..20].chunks(1) {
        for stream in &mut slow {
            stream.write_all(byte).expect("taken");
        }
    }
    stage.scrape_is_good().await;
}

async fn endless_heads(stage: &Stage) {
    for begin in ["GET /metrics HTTP/1.1\r\nHost: x\r\n", "GET /", ""] {
        let mut stream = stage.ask(begin);
        let line = match begin {
            "GET /" => "x".repeat(1000),
            _ => format!("X-Endless: {}\r\n", "y".repeat(1000)),
        };
        // Sooner or later it is told off or cut off; 64 MB would be neither.
        let refused = (0..64_000).any(|_| stream.write_all(line.as_bytes()).is_err());
        assert!(refused, "{begin:?}");
    }
    stage.scrape_is_good().await;
}

async fn garbage_and_pipelines(stage: &Stage) {
    let mut tls = stage.ask("\x16\x03\x01\x02\x00\x01\x00\x01\x7f\x03\x03");
    let mut answer = Vec::new();
    tls.shutdown(Shutdown::Write).ok();
    tls.read_to_end(&mut answer).ok();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"));

    let mut requests = String::new();
    for _ in 0..100 {
        requests.push_str("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    write!(requests, "{}", "\0garbage\r\n".repeat(100)).expect("memory");
    let mut stream = stage.ask(&requests);
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).ok();
    let good = answers
        .windows(12)
        .filter(|part| part == b"HTTP/1.1 200")
        .count();
    assert_eq!(good, 100, "what was asked well is answered");
    stage.scrape_is_good().await;
}

async fn half_closed(stage: &Stage) {
    let mut stream = stage.ask(SCRAPE);
    stream.shutdown(Shutdown::Write).expect("a socket");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    assert!(answer.len() > 4_000_000, "{}", answer.len());
}

async fn aborted_scrapes(stage: &Stage) {
    for _ in 0..200 {
        let mut stream = stage.ask(SCRAPE);
        stream.read_exact(&mut [0; 1000]).expect("it has begun");
        // Closing with unread bytes resets the connection.
        drop(stream);
    }
    stage.scrape_is_good().await;
}

/// Fewer than scrapes are allowed at once, so that there is room for a good one. Each that waits holds no copy of the page.
async fn slow_readers(stage: &Stage) {
    let before = stage.resident_bytes();
    let mut readers: Vec<TcpStream> = (0..30).map(|_| stage.ask(SCRAPE)).collect();
    for reader in &mut readers {
        reader.read_exact(&mut [0; 100]).expect("it has begun");
    }
    stage.scrape_is_good().await;
    let grown = stage.resident_bytes().saturating_sub(before);
    assert!(
        grown < 30 * 1_000_000,
        "30 readers of 4 MB take {grown} bytes"
    );
}

/// More than it will hold: the longest idle give way, and a scraper is always let in.
async fn many_idle(stage: &Stage) {
    assert!(
        descriptors::allow_all() > 6_000,
        "this test needs as many sockets"
    );
    let idle: Vec<TcpStream> = (0..5_000).map(|_| stage.connect()).collect();
    stage.scrape_is_good().await;
    let held = stage.descriptors();
    assert!(held < 1_200, "{held} of {} are held", idle.len());
}
