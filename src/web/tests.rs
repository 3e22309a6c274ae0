//! The server over real sockets, by clients that know no HTTP library's manners.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::DateTime;
use flate2::bufread::GzDecoder;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::{Clock, Moment};
use crate::health::Health;
use crate::metrics::{Board, BuildInfo, Exposition, TargetInfo, Telemetry};
use crate::status::{Snapshot, Status};
use crate::usage::{App, Target};

/// Long enough for any machine; only a failing test waits for it.
const FOREVER: Duration = Duration::from_secs(60);

/// A clock that stands still.
struct Standing(Duration);

impl Clock for Standing {
    fn now(&self) -> Moment {
        Moment {
            utc: DateTime::UNIX_EPOCH,
            mono: self.0,
        }
    }
}

fn build() -> BuildInfo {
    BuildInfo {
        version: "0.0.0",
        revision: "unknown",
        rustc: "1.95.0",
    }
}

/// A site of an exporter that has just begun.
pub(super) fn site() -> Site {
    let telemetry = Arc::new(Telemetry::new(build(), &[]));
    Site {
        telemetry_path: "/metrics".to_owned(),
        inquiries: desk(),
        exposition: Arc::new(Exposition::new(telemetry)),
        health: Arc::new(Health::new(Duration::ZERO)),
        config: Arc::new(ArcSwap::from_pointee("poll_interval: 1m\n".into())),
        reload: None,
        scrapes: Arc::new(Semaphore::new(40)),
        access: Arc::new(Guard::new(Access::open())),
        limits: Limits {
            drain: FOREVER,
            ..Limits::default()
        },
        clock: Arc::new(Standing(Duration::ZERO)),
    }
}

/// Says that there is nothing.
fn desk() -> mpsc::Sender<Inquiry> {
    let (inquiries, mut asked) = mpsc::channel(1);
    std::thread::spawn(move || {
        while let Some(Inquiry { question, reply }) = asked.blocking_recv() {
            let status = Status::answer(&question, Snapshot::default(), "0.0.0", 0);
            drop(reply.send(status));
        }
    });
    inquiries
}

/// A site whose metrics are larger than all socket buffers on the way.
pub(super) fn large_site() -> Site {
    let site = site();
    let target = |id| TargetInfo {
        target: Target {
            account: "main".into(),
            app: App::Id(id),
            item: "interactive".into(),
        },
        app_name: Some("x".repeat(200_000)),
    };
    let mut board = Board::new(site.exposition.clone());
    board.list((0..64).map(target).collect());
    board.publish();
    site
}

struct Server {
    runtime: Runtime,
    address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
}

impl Server {
    fn start(site: Site) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let address = "127.0.0.1:0".parse().expect("an address");
        let listener = runtime.block_on(bind(&address)).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let served = runtime.spawn(serve(vec![listener], Arc::new(site), shutdown.clone()));
        Self {
            runtime,
            address,
            shutdown,
            served,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(FOREVER)).expect("a timeout");
        stream
    }

    /// Sends a request on a connection of its own and reads to the end.
    fn ask(&self, request: &str, headers: &str) -> Answer {
        let mut stream = self.connect();
        send(
            &mut stream,
            request,
            &format!("{headers}connection: close\r\n"),
        );
        Answer::parse(&read_to_end(&mut stream))
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "")
    }

    fn stop(self) {
        self.shutdown.cancel();
        self.runtime.block_on(self.served).expect("no panic");
    }
}

fn send(stream: &mut TcpStream, request: &str, headers: &str) {
    let head = format!("{request} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
}

fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the end");
    bytes
}

/// Reads one answer and leaves the connection open.
fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        bytes.push(byte[0]);
    }
    let mut answer = Answer::parse(&bytes);
    let length = answer.header("content-length").expect("a length");
    answer.body = vec![0; length.parse().expect("a number")];
    stream.read_exact(&mut answer.body).expect("a body");
    answer
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.expect("a whole head") + 4);
        let head = String::from_utf8(head.to_vec()).expect("text");
        let status = head.split(' ').nth(1).expect("a status");
        Self {
            status: status.parse().expect("a number"),
            head,
            body: body.to_vec(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

#[test]
fn every_path_has_its_answer() {
    let server = Server::start(site());
    for (request, status, body) in [
        ("GET /", 200, "version 0.0.0"),
        ("GET /?search=nothing", 200, "“nothing”"),
        ("GET /api/v1/status", 200, "\"targets\":[]"),
        ("GET /metrics", 200, "trtc_exporter_build_info"),
        ("GET /metrics?name=x", 200, "trtc_exporter_build_info"),
        ("GET /-/healthy", 200, "healthy\n"),
        ("GET /-/ready", 503, "the first poll round has not ended\n"),
        ("GET /config", 200, "poll_interval: 1m\n"),
        ("POST /-/reload", 403, "--web.enable-lifecycle"),
        ("GET /-/reload", 403, "--web.enable-lifecycle"),
        ("POST /metrics", 405, "method not allowed\n"),
        ("DELETE /", 405, "method not allowed\n"),
        ("GET /nothing", 404, "not found\n"),
        ("POST /metrics/", 404, "not found\n"),
    ] {
        let answer = server.ask(request, "");
        assert_eq!(answer.status, status, "{request}");
        assert!(answer.text().contains(body), "{request}: {}", answer.text());
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(
        server.ask("PUT /config", "").header("allow"),
        Some("GET, HEAD")
    );
    server.stop();
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::start(site());
    for path in [
        "/",
        "/api/v1/status",
        "/config",
        "/-/healthy",
        "/-/ready",
        "/nothing",
    ] {
        let (get, head) = (server.get(path), server.ask(&format!("HEAD {path}"), ""));
        assert_eq!(head.status, get.status);
        assert!(head.body.is_empty());
        for name in ["content-type", "content-length"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
    let head = server.ask("HEAD /metrics", "");
    assert!(head.body.is_empty() && head.header("content-length").is_some());
    server.stop();
}

#[test]
fn metrics_come_as_the_scraper_likes_them() {
    let server = Server::start(large_site());
    let plain = server.get("/metrics");
    assert_eq!(
        plain.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(plain.header("vary"), Some("Accept, Accept-Encoding"));
    assert_eq!(plain.header("content-encoding"), None);
    let length = plain.header("content-length").expect("a length");
    assert_eq!(length.parse(), Ok(plain.body.len()));

    let headers = "accept-encoding: br, gzip\r\naccept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n";
    let packed = server.ask("GET /metrics", headers);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(
        packed.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let length = packed.header("content-length").expect("a length");
    assert_eq!(length.parse(), Ok(packed.body.len()));
    let mut text = String::new();
    let mut decoder = GzDecoder::new(&packed.body[..]);
    decoder.read_to_string(&mut text).expect("gzip");
    assert!(text.ends_with("# EOF\n"));
    let samples = |text: &str| text.matches("\ntrtc_app_info{").count();
    assert_eq!((samples(&text), samples(plain.text())), (64, 64));

    let refused = server.ask("GET /metrics", "accept-encoding: gzip;q=0, *;q=0\r\n");
    assert_eq!(refused.header("content-encoding"), None);
    server.stop();
}

#[test]
fn probes_follow_health() {
    let mut site = site();
    site.clock = Arc::new(Standing(Duration::from_secs(100)));
    let health = site.health.clone();
    let server = Server::start(site);
    let answer = server.get("/-/healthy");
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.text(),
        "the poll loop has not moved for 100 seconds\n"
    );
    health.beat(Duration::from_secs(90));
    health.set_ready();
    assert_eq!(server.get("/-/healthy").status, 200);
    assert_eq!(server.get("/-/ready").status, 200);
    health.died("a bug".to_owned());
    let answer = server.get("/-/healthy");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.text(), "the poll loop has died: a bug\n");
    server.stop();
}

#[test]
fn reload_answers_with_its_result() {
    let mut site = site();
    let (reload, mut asked) = mpsc::channel::<Reload>(1);
    site.reload = Some(reload);
    let server = Server::start(site);
    server.runtime.spawn(async move {
        for result in [Ok(()), Err("line 3: no such key".to_owned())] {
            let reply = asked.recv().await.expect("asked");
            reply.send(result).expect("heard");
        }
    });
    assert_eq!(server.ask("POST /-/reload", "").status, 200);
    let failed = server.ask("POST /-/reload", "");
    assert_eq!(
        (failed.status, failed.text()),
        (500, "line 3: no such key\n")
    );
    let foreign = server.ask("POST /-/reload", "origin: https://evil.example\r\n");
    assert_eq!(foreign.status, 403, "{}", foreign.text());
    let own = server.ask("POST /-/reload", "sec-fetch-site: same-origin\r\n");
    // Nobody listens any more.
    assert_eq!(own.status, 500);
    assert_eq!(server.ask("POST /-/reload", "").status, 500);
    server.stop();
}

#[test]
fn a_scrape_counts_until_it_is_read() {
    let mut site = large_site();
    site.scrapes = Arc::new(Semaphore::new(1));
    let scrapes = site.scrapes.clone();
    let server = Server::start(site);
    let mut slow = server.connect();
    send(&mut slow, "GET /metrics", "connection: close\r\n");
    slow.read_exact(&mut [0; 15]).expect("the first bytes");
    let refused = server.get("/metrics");
    assert_eq!(
        (refused.status, refused.text()),
        (503, "too many scrapes at once\n")
    );
    assert_eq!(server.get("/-/healthy").status, 200);
    assert!(read_to_end(&mut slow).len() > 12_000_000);
    drop(
        server
            .runtime
            .block_on(scrapes.acquire())
            .expect("a permit"),
    );
    assert_eq!(server.get("/metrics").status, 200);

    let mut leaving = server.connect();
    send(&mut leaving, "GET /metrics", "");
    leaving.read_exact(&mut [0; 15]).expect("the first bytes");
    drop(leaving);
    drop(
        server
            .runtime
            .block_on(scrapes.acquire())
            .expect("a permit"),
    );
    server.stop();
}

#[test]
fn the_longest_idle_connection_gives_way() {
    let mut site = site();
    site.limits.connections = 3;
    let server = Server::start(site);
    let mut first = server.connect();
    let mut scraper = server.connect();
    send(&mut scraper, "GET /metrics", "");
    assert_eq!(read_answer(&mut scraper).status, 200);
    let mut crowd: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    assert_eq!(read_to_end(&mut first), b"");
    assert_eq!(server.get("/metrics").status, 200);
    assert_eq!(read_to_end(&mut crowd[0]), b"");
    server.stop();
}

/// So many answers that nobody takes are no scraper's doing.
#[test]
fn readers_that_are_stuck_do_not_keep_others_out() {
    let mut site = large_site();
    site.limits.connections = 3;
    let server = Server::start(site);
    let mut stuck: Vec<TcpStream> = (0..3).map(|_| server.connect()).collect();
    for stream in &mut stuck {
        send(stream, "GET /metrics", "");
        stream.read_exact(&mut [0; 15]).expect("the first bytes");
    }
    assert_eq!(server.get("/metrics").status, 200);
    drop(stuck);
    server.stop();
}

#[test]
fn a_client_that_has_said_all_it_will_say_is_answered() {
    let server = Server::start(large_site());
    for path in ["/-/healthy", "/metrics"] {
        let mut stream = server.connect();
        send(&mut stream, &format!("GET {path}"), "");
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("shut down");
        let answer = Answer::parse(&read_to_end(&mut stream));
        assert_eq!(answer.status, 200, "{path}");
        let length = answer.header("content-length").expect("a length");
        assert_eq!(length.parse(), Ok(answer.body.len()), "{path}");
    }
    server.stop();
}

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let server = Server::start(site());
    let mut stream = server.connect();
    for request in ["GET /-/healthy", "GET /nothing", "HEAD /", "GET /-/ready"] {
        send(&mut stream, request, "");
    }
    assert_eq!(read_answer(&mut stream).status, 200);
    assert_eq!(read_answer(&mut stream).status, 404);
    let mut head = [0; 12];
    stream.read_exact(&mut head).expect("a head");
    assert_eq!(&head, b"HTTP/1.1 200");
    send(&mut stream, "GET /config", "connection: close\r\n");
    let rest = String::from_utf8(read_to_end(&mut stream)).expect("text");
    assert!(rest.contains("HTTP/1.1 503 ") && rest.ends_with("\r\n\r\npoll_interval: 1m\n"));
    server.stop();
}

#[test]
fn garbage_harms_nobody() {
    let server = Server::start(site());
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\nbody",
        b"\0\0\0\0\r\n\r\n",
    ] {
        let mut stream = server.connect();
        stream.write_all(garbage).expect("sent");
        stream
            .shutdown(std::net::Shutdown::Write)
            .expect("shut down");
        let mut answer = Vec::new();
        // Whether what was not read makes the kernel reset the connection is not our business.
        stream.read_to_end(&mut answer).ok();
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{garbage:?}");
    }
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(100));
    for head in [long, many] {
        let mut stream = server.connect();
        stream.write_all(head.as_bytes()).expect("sent");
        assert_eq!(read_answer(&mut stream).status, 431);
    }
    assert_eq!(server.get("/-/healthy").status, 200);
    server.stop();
}

#[test]
fn shutdown_lets_a_response_finish() {
    let server = Server::start(large_site());
    let mut idle = server.connect();
    send(&mut idle, "GET /-/healthy", "");
    assert_eq!(read_answer(&mut idle).status, 200);
    let mut slow = server.connect();
    send(&mut slow, "GET /metrics", "");
    let mut begin = vec![0; 15];
    slow.read_exact(&mut begin).expect("the first bytes");
    server.shutdown.cancel();
    assert_eq!(read_to_end(&mut idle), b"");
    begin.extend(read_to_end(&mut slow));
    let answer = Answer::parse(&begin);
    let length = answer.header("content-length").expect("a length");
    assert_eq!(length.parse(), Ok(answer.body.len()));
    server.stop();
}

#[test]
fn shutdown_does_not_wait_for_ever() {
    let mut site = large_site();
    site.limits.drain = Duration::from_millis(50);
    let server = Server::start(site);
    let mut stuck = server.connect();
    send(&mut stuck, "GET /metrics", "");
    stuck.read_exact(&mut [0; 15]).expect("the first bytes");
    server.stop();
}

/// Terms of TLS, and a client that knows them.
fn tls() -> (Access, Arc<rustls::ClientConfig>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .expect("they belong together");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("a certificate");
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let access = Access {
        tls: Some(Arc::new(server)),
        ..Access::open()
    };
    (access, Arc::new(client))
}

/// Begins a scrape under TLS and reads no more than its first bytes.
fn begin_encrypted_scrape(server: &Server, client: Arc<rustls::ClientConfig>) -> TcpStream {
    let name = "localhost".try_into().expect("a name");
    let mut connection = rustls::ClientConnection::new(client, name).expect("a client");
    let mut stream = server.connect();
    let mut encrypted = rustls::Stream::new(&mut connection, &mut stream);
    let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    encrypted.write_all(request).expect("sent");
    encrypted.read_exact(&mut [0; 15]).expect("the first bytes");
    stream
}

#[test]
fn a_handshake_has_its_time() {
    let mut site = site();
    site.limits.head = Duration::from_millis(50);
    site.access.replace(tls().0);
    let server = Server::start(site);
    for begin in [
        &b""[..],
        b"\x16\x03\x01",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let mut stream = server.connect();
        stream.write_all(begin).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        assert_eq!(answer, b"", "{begin:?}");
    }
    server.stop();
}

#[test]
fn under_tls_too_a_reader_that_is_stuck_gives_its_scrape_back() {
    let mut site = large_site();
    let (access, client) = tls();
    site.access.replace(access);
    site.limits.write = Duration::from_millis(50);
    site.scrapes = Arc::new(Semaphore::new(1));
    let scrapes = site.scrapes.clone();
    let server = Server::start(site);
    let stuck = begin_encrypted_scrape(&server, client);
    let given_back = server.runtime.block_on(scrapes.acquire());
    drop((given_back.expect("a permit"), stuck));
    server.stop();
}

#[test]
fn who_speaks_plain_http_to_tls_is_told() {
    let site = site();
    site.access.replace(tls().0);
    let server = Server::start(site);
    let answer = server.get("/metrics");
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text(), format!("{NOT_TLS}\n"));
    server.stop();
}

#[test]
fn who_gives_no_password_learns_only_that_it_is_time_to_restart() {
    let site = site();
    let hash = bcrypt::hash("fake", 4).expect("a password");
    let random = rustls::crypto::ring::default_provider().secure_random;
    let users = [("a".to_owned(), crate::secret::Secret::new(hash))];
    site.access.replace(Access {
        users: Users::new(users, random).expect("random numbers"),
        ..Access::open()
    });
    let health = site.health.clone();
    let server = Server::start(site);
    assert_eq!(server.get("/-/healthy").status, 401);
    health.died("a bug that tells too much".to_owned());
    let answer = server.get("/-/healthy");
    assert_eq!((answer.status, answer.text()), (503, "not healthy\n"));
    for path in ["/metrics", "/-/ready", "/nothing"] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    let known = server.ask("GET /-/healthy", "authorization: Basic YTpmYWtl\r\n");
    assert!(known.text().contains("a bug that tells too much"));
    server.stop();
}
