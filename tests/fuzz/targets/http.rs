//! What clients send, in pieces of any size, to the real server over a connection in memory: no panic, every answer is
//! well-formed HTTP and whole unless the client leaves, it ends, and the next client is served.
//!
//! An input is one byte for how it is sent, then the bytes themselves.

#![no_main]

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use trtc_exporter::clock::{Clock, Moment};
use trtc_exporter::health::Health;
use trtc_exporter::metrics::{Board, BuildInfo, Exposition, TargetInfo, Telemetry};
use trtc_exporter::usage::{App, Target};
use trtc_exporter::web::{Access, Guard, Limits, Reload, Site, serve_stream};

const SCRAPES: usize = 4;

/// For all answers. A client that lets answers wait and then sends what is no request is cut with an error at once, and
/// may not be told everything; one that reads is.
const ROOM: usize = 4 << 20;

const PROBE: &[u8] = b"GET /-/healthy HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

thread_local! {
    static SERVER: Server = Server::new();
}

fuzz_target!(|input: &[u8]| {
    let Some((&manner, bytes)) = input.split_first() else {
        return;
    };
    SERVER.with(|server| {
        let manner = Manner(manner);
        let said = server.converse(bytes, manner);
        let requests = bytes.iter().filter(|&&byte| byte == b'\n').count();
        let (answers, cut) = apart(&said);
        assert!(answers.len() <= requests + 1, "answers to nothing");
        if !manner.is(Manner::LEAVES) {
            assert!(is_refusal(cut), "an answer is not whole");
            let lacking = answers.iter().filter(|answer| answer.lacks_body);
            let heads = bytes.windows(5).filter(|word| word == b"HEAD ");
            assert!(lacking.count() <= heads.count(), "a body is missing");
        }
        for answer in &answers {
            let known = [200, 400, 403, 404, 405, 414, 431, 500, 501, 503, 505];
            assert!(known.contains(&answer.status), "{}", answer.status);
        }
        assert_eq!(server.site.scrapes.available_permits(), SCRAPES);
        for (request, length) in [(PROBE, "healthy\n".len()), (SCRAPE, server.scrape_length)] {
            let said = server.converse(request, Manner(0));
            let (answers, cut) = apart(&said);
            assert!(matches!(answers[..], [Answer { status: 200, body, .. }] if body == length));
            assert_eq!(cut, b"");
        }
    });
});

/// How an input is sent.
#[derive(Clone, Copy)]
struct Manner(u8);

impl Manner {
    /// The client leaves when all is sent; otherwise it is silent until it is cut.
    const LEAVES: u8 = 0x80;
    /// It waits a while between the pieces.
    const DAWDLES: u8 = 0x40;

    fn is(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    /// How long a piece is; all in one when 0.
    fn piece(self) -> usize {
        match self.0 & 0x3f {
            0 => usize::MAX,
            piece => usize::from(piece),
        }
    }
}

/// A server whose time passes only while both sides wait.
struct Server {
    runtime: Runtime,
    site: Arc<Site>,
    scrape_length: usize,
}

impl Server {
    fn new() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let (reload, mut asked) = mpsc::channel::<Reload>(1);
        runtime.spawn(async move {
            while let Some(reply) = asked.recv().await {
                drop(reply.send(Err("line 3: no such key".to_owned())));
            }
        });
        let mut server = Self {
            runtime,
            site: Arc::new(site(reload)),
            scrape_length: 0,
        };
        let said = server.converse(SCRAPE, Manner(0));
        server.scrape_length = apart(&said).0[0].body;
        server
    }

    /// Sends the bytes and reads to the end, which must come.
    fn converse(&self, bytes: &[u8], manner: Manner) -> Vec<u8> {
        let limits = self.site.limits;
        let pieces = 1 + bytes.len() / manner.piece();
        let bound =
            (limits.head + limits.idle + limits.write) * 2 + Duration::from_secs(pieces as u64) * 2;
        let conversation = async {
            let (client, server) = duplex(ROOM);
            let (mut reader, mut writer) = tokio::io::split(client);
            let serving = serve_stream(server, Arc::clone(&self.site), CancellationToken::new());
            let sending = async {
                for piece in bytes.chunks(manner.piece().min(bytes.len().max(1))) {
                    if writer.write_all(piece).await.is_err() {
                        break;
                    }
                    if manner.is(Manner::DAWDLES) {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
                if manner.is(Manner::LEAVES) {
                    drop(writer.shutdown().await);
                }
            };
            let mut said = Vec::new();
            let (_, _, read) = tokio::join!(serving, sending, reader.read_to_end(&mut said));
            read.expect("the end");
            said
        };
        let ended = self
            .runtime
            .block_on(async { timeout(bound, conversation).await });
        ended.expect("a conversation that ends")
    }
}

/// An answer, as far as it matters here.
struct Answer {
    status: u16,
    /// Bytes of its body.
    body: usize,
    /// Its length promises a body that it has not.
    lacks_body: bool,
}

/// Takes what the server said apart: whole answers, and what is left when it was cut.
fn apart(mut said: &[u8]) -> (Vec<Answer>, &[u8]) {
    let mut answers = Vec::new();
    while let Some((answer, rest)) = answer(said) {
        answers.push(answer);
        said = rest;
    }
    (answers, said)
}

/// The first answer and what comes behind it; nothing when it is not whole.
fn answer(said: &[u8]) -> Option<(Answer, &[u8])> {
    let end = said.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, rest) = said.split_at(end + 4);
    let head = std::str::from_utf8(head).expect("text");
    let mut lines = head.trim_end().split("\r\n");
    let mut words = lines.next().expect("a status line").splitn(3, ' ');
    let version = words.next().expect("a version");
    assert!(matches!(version, "HTTP/1.0" | "HTTP/1.1"), "{head}");
    let status = words.next().and_then(|word| word.parse().ok());
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header");
        assert!(is_token(name) && is_text(value), "{line}");
        if name.eq_ignore_ascii_case("content-length") {
            assert_eq!(length, None, "two lengths");
            length = Some(value.parse().expect("a number"));
        }
    }
    // No page begins like an answer: where one follows, this one was to HEAD and has no body.
    let has_body = !rest.is_empty() && !rest.starts_with(b"HTTP/1.");
    let length: usize = length.expect("a length");
    let body = if has_body { length } else { 0 };
    let answer = Answer {
        status: status.expect("a status"),
        lacks_body: body < length,
        body,
    };
    Some((answer, rest.get(body..)?))
}

/// Whether this may be what was cut: nothing, or hyper's own refusal. A client that sends what is no HTTP and more behind
/// it, and is slow to read, may miss the end of that.
fn is_refusal(cut: &[u8]) -> bool {
    const STATUS: &[u8] = b"HTTP/1.1 4";
    const HEAD: &[u8] = b"connection: close\r\ncontent-length: 0\r\ndate: ";
    let line = cut.iter().position(|&byte| byte == b'\n');
    let (status, head) = cut.split_at(line.map_or(cut.len(), |end| end + 1));
    let agree = |one: &[u8], other: &[u8]| one.iter().zip(other).all(|(one, other)| one == other);
    agree(status, STATUS) && agree(head, HEAD)
}

fn is_text(value: &str) -> bool {
    let is_visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    value.bytes().all(is_visible)
}

fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A clock that stands still.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Moment {
        Moment {
            utc: DateTime::UNIX_EPOCH,
            mono: Duration::ZERO,
        }
    }
}

/// A site with some targets, and a reload that is always refused.
fn site(reload: mpsc::Sender<Reload>) -> Site {
    let build = BuildInfo {
        version: "0.0.0",
        revision: "unknown",
        rustc: "1.95.0",
    };
    let exposition = Arc::new(Exposition::new(Arc::new(Telemetry::new(build, &[]))));
    let target = |id| TargetInfo {
        target: Target {
            account: "main".into(),
            app: App::Id(id),
            item: "interactive".into(),
        },
        app_name: Some("a name".to_owned()),
    };
    let mut board = Board::new(Arc::clone(&exposition));
    board.list((0..20).map(target).collect());
    board.publish();
    Site {
        telemetry_path: "/metrics".to_owned(),
        inquiries: tokio::sync::mpsc::channel(1).0,
        exposition,
        health: Arc::new(Health::new(Duration::ZERO)),
        config: Arc::new(ArcSwap::from_pointee("poll_interval: 1m\n".into())),
        reload: Some(reload),
        scrapes: Arc::new(Semaphore::new(SCRAPES)),
        access: Arc::new(Guard::new(Access::open())),
        limits: Limits::default(),
        clock: Arc::new(Standing),
    }
}
