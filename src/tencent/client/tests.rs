//! The client against a server on loopback that answers as networks do, well or badly.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use chrono::DateTime;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Body, Frame};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};

use super::exchange::MAX_BODY_BYTES;
use super::*;
use crate::secret::Secret;
use crate::simulator::{Options, SECRET_ID, SECRET_KEY, Simulator};
use crate::tencent::action::{INTERACTIVE_TIME, TRTC_USAGE};
use crate::tencent::http::{host, is_loopback};
use crate::tencent::{Class, CredentialSource, Role, SecretSource, sign};
use crate::usage::App;

const GOOD: &str = include_str!("../../../tests/data/tencent/one_day.json");
const AMPLE: Duration = Duration::from_secs(60);
const NOW: i64 = 1_599_555_600;

type AnyBody = BoxBody<Bytes, Infallible>;

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Moment {
        Moment {
            utc: DateTime::from_timestamp(NOW, 0).expect("a time"),
            mono: Duration::ZERO,
        }
    }
}

/// The same, but time passes when the test says so.
#[derive(Default)]
struct MonotonicClock(AtomicU64);

impl Clock for MonotonicClock {
    fn now(&self) -> Moment {
        Moment {
            mono: Duration::from_secs(self.0.load(Ordering::Relaxed)),
            ..StoppedClock.now()
        }
    }
}

/// The requests that a server got.
type Seen = Arc<Mutex<Vec<hyper::Request<Bytes>>>>;

/// Answers every request with what `answer` makes.
async fn serve(
    answer: impl Fn() -> hyper::Response<AnyBody> + Clone + Send + 'static,
) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let seen = Seen::default();
    let log = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, log) = (answer.clone(), log.clone());
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let (answer, log) = (answer.clone(), log.clone());
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.expect("a body").to_bytes();
                    log.lock()
                        .expect("no panic")
                        .push(hyper::Request::from_parts(parts, body));
                    Ok::<_, Infallible>(answer())
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    (address, seen)
}

fn full(text: impl Into<Bytes>) -> AnyBody {
    Full::new(text.into()).boxed()
}

/// A server that always says this.
async fn say(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: impl Into<Bytes>,
) -> (SocketAddr, Seen) {
    let body = body.into();
    serve(move || {
        let mut response = hyper::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(full(body.clone())).expect("a response")
    })
    .await
}

fn account(address: SocketAddr, token: Option<&str>) -> Upstream {
    let inline = |text: &str| SecretSource::Inline(Secret::new(text.to_owned()));
    Upstream {
        endpoint: format!("http://{address}").parse().expect("a URL"),
        region: "ap-guangzhou".to_owned(),
        language: "en-US".to_owned(),
        request_timeout: AMPLE,
        authorities: None,
        credentials: CredentialSource::Configured {
            secret_id: inline("AKIDFAKE"),
            secret_key: inline("FakeKey"),
            token: token.map(inline),
        },
        role: None,
    }
}

fn client(address: SocketAddr) -> Client {
    Client::new(
        &account(address, None),
        &SystemRoots::default(),
        Arc::new(StoppedClock),
    )
    .expect("a client")
}

fn query() -> Query {
    Query {
        parameter: None,
        since: None,
        action: &INTERACTIVE_TIME,
        app: App::Id(1_400_243_510),
        date: "2020-09-08".parse().expect("a date"),
    }
}

/// Asks from a task, as the poller does.
async fn ask(address: SocketAddr) -> Result<Answer, CallError> {
    let asking = async move { client(address).ask(&query(), AMPLE).await };
    tokio::spawn(asking).await.expect("no panic")
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

#[tokio::test]
async fn a_question_is_signed_over_what_is_sent() {
    let (address, seen) = say(200, &[], GOOD).await;
    let account = account(address, Some("FakeToken"));
    let client =
        Client::new(&account, &SystemRoots::default(), Arc::new(StoppedClock)).expect("a client");
    client.ask(&query(), AMPLE).await.expect("an answer");

    let seen = seen.lock().expect("no panic");
    let request = seen.first().expect("a request");
    let header = |name: &str| request.headers()[name].to_str().expect("ASCII");
    assert_eq!(
        (request.method().as_str(), request.uri().path()),
        ("POST", "/")
    );
    assert_eq!(header("host"), address.to_string());
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("x-tc-action"), "DescribeTrtcInteractiveTime");
    assert_eq!(header("x-tc-version"), "2019-07-22");
    assert_eq!(header("x-tc-timestamp"), NOW.to_string());
    assert_eq!(header("x-tc-region"), "ap-guangzhou");
    assert_eq!(header("x-tc-language"), "en-US");
    assert_eq!(header("x-tc-token"), "FakeToken");
    assert_eq!(header("accept-encoding"), "gzip");
    let charset = |char: char| char.is_ascii_alphanumeric() || "-_,;.".contains(char);
    assert!(header("x-tc-requestclient").chars().all(charset));

    let names = ["content-type", "host", "x-tc-action"];
    let signed = names.map(|name| (name, header(name)));
    let payload = sign::hashed_payload(request.body());
    let canonical = sign::canonical_request("POST", "", &signed, &payload);
    let scope = sign::credential_scope("2020-09-08", "trtc");
    let key = sign::signing_key("FakeKey", "2020-09-08", "trtc");
    let signature = sign::signature(&key, &sign::string_to_sign(NOW, &scope, &canonical));
    assert_eq!(
        header("authorization"),
        sign::authorization("AKIDFAKE", &scope, &names.join(";"), &signature)
    );
}

#[tokio::test]
async fn an_answer_may_be_compressed() {
    let (plain, seen) = say(200, &[], GOOD).await;
    let (packed, _) = say(200, &[("content-encoding", "gzip")], gzip(GOOD.as_bytes())).await;
    let plain = ask(plain).await.expect("an answer");
    assert_eq!(plain.rows().count(), 2);
    assert_eq!(ask(packed).await.expect("an answer"), plain);
    assert!(
        !seen.lock().expect("no panic")[0]
            .headers()
            .contains_key("x-tc-token")
    );
}

#[tokio::test]
async fn a_bomb_is_not_unpacked_to_its_end() {
    let bomb = gzip(&vec![b' '; MAX_BODY_BYTES + 1]);
    assert!(bomb.len() < MAX_BODY_BYTES / 100);
    let (address, _) = say(200, &[("content-encoding", "gzip")], bomb).await;
    let limit = MAX_BODY_BYTES;
    assert_eq!(ask(address).await, Err(CallError::TooLarge { limit }));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (address, seen) = say(302, &[("location", "/elsewhere")], "").await;
    let body = String::new();
    assert_eq!(
        ask(address).await,
        Err(CallError::Status { status: 302, body })
    );
    assert_eq!(seen.lock().expect("no panic").len(), 1);
}

#[tokio::test]
async fn a_gateway_that_fails_is_quoted_in_short() {
    let (address, _) = say(
        502,
        &[],
        "<html>\r\n<h1>Bad Gateway</h1>".to_owned() + &"x".repeat(1 << 20),
    )
    .await;
    let error = ask(address).await.expect_err("an error");
    let CallError::Status { status: 502, body } = &error else {
        panic!("{error:?}");
    };
    assert!(body.starts_with("<html>  <h1>Bad Gateway</h1>xxx") && body.ends_with("x…"));
}

#[tokio::test]
async fn an_upstream_error_is_one_whatever_the_status() {
    let error = r#"{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure",
        "Message":"wrong\nSignature=00ff for AKIDFAKE"},"RequestId":"r-1"}}"#;
    for status in [200, 403, 500] {
        let undated = &[("date", "")];
        let (address, _) = say(status, undated, error).await;
        assert_eq!(
            ask(address).await,
            Err(CallError::Upstream {
                code: "AuthFailure.SignatureFailure".to_owned(),
                message: "wrong Signature=<secret> for <secret>".to_owned(),
                request_id: "r-1".to_owned(),
                skew: None,
                successor: Some(&TRTC_USAGE),
            })
        );
    }
}

/// When [`StoppedClock`] is 421 seconds ahead.
const DATE: &str = "Tue, 08 Sep 2020 08:52:59 GMT";

const EXPIRED: &str = r#"{"Response":{"Error":{"Code":"AuthFailure.SignatureExpire","Message":"m"},"RequestId":"r"}}"#;

#[tokio::test]
async fn answers_of_the_api_tell_how_far_the_clocks_are_apart() {
    for (status, body) in [(200, GOOD), (200, EXPIRED), (403, EXPIRED)] {
        let (address, _) = say(status, &[("date", DATE)], body).await;
        let client = client(address);
        assert_eq!(client.skew(), None);
        let outcome = client.ask(&query(), AMPLE).await;
        let skew = client.skew().expect("it was told");
        // The question and the answer take no time by a clock that stands still.
        assert_eq!(skew.seconds(), 420.5, "{status} {outcome:?}");
        if let Err(error) = outcome {
            let told = "this machine's clock is 421 s ahead of the upstream's";
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}

#[tokio::test]
async fn other_clocks_on_the_way_are_not_believed() {
    let portal = "<html>Welcome to the hotel</html>";
    let gateway = r#"{"code":502,"message":"no route","codeDesc":""}"#;
    for (status, headers, body) in [
        (200, &[("date", DATE)][..], portal),
        (502, &[("date", DATE)], portal),
        (200, &[("date", DATE)], gateway),
        (502, &[("date", DATE)], gateway),
        (200, &[("date", DATE)], &GOOD[..100]),
        (200, &[("date", "")], GOOD),
        (200, &[("date", "yesterday")], GOOD),
        (200, &[("date", DATE), ("date", DATE)], GOOD),
    ] {
        let (address, _) = say(status, headers, body).await;
        let client = client(address);
        drop(client.ask(&query(), AMPLE).await);
        assert_eq!(client.skew(), None, "{status} {headers:?} {body}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_malformed() {
    for body in ["", "<html>Welcome to the hotel</html>", &GOOD[..100]] {
        let (address, _) = say(200, &[], body).await;
        let error = ask(address).await.expect_err("an error");
        assert!(matches!(error, CallError::Malformed { .. }), "{error:?}");
    }
}

/// A body that begins and never goes on.
struct Stuck(Option<Bytes>);

impl Body for Stuck {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(begin) => std::task::Poll::Ready(Some(Ok(Frame::data(begin)))),
            None => std::task::Poll::Pending,
        }
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_given_up() {
    let (address, seen) =
        serve(|| hyper::Response::new(Stuck(Some(Bytes::from_static(b"{"))).boxed())).await;
    let limit = Duration::from_millis(300);
    let outcome = client(address).ask(&query(), limit).await;
    assert_eq!(outcome, Err(CallError::Timeout(limit)));
    assert_eq!(seen.lock().expect("no panic").len(), 1);
}

#[tokio::test]
async fn a_broken_connection_is_a_transport_error() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind((Ipv4Addr::LOCALHOST, 0).into())
        .expect("a port");
    let address = socket.local_addr().expect("an address");
    let refused = ask(address).await.expect_err("an error");
    assert!(
        matches!(&refused, CallError::Transport(why) if why.contains("refused")),
        "{refused:?}"
    );

    let listener = socket.listen(1).expect("a listener");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_zero_linger().expect("a socket");
            stream.readable().await.expect("a request");
        }
    });
    let reset = ask(address).await.expect_err("an error");
    assert!(matches!(reset, CallError::Transport(_)), "{reset:?}");
}

#[tokio::test]
async fn refused_temporary_keys_are_renewed_for_the_next_attempt() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let options = Options::default();
    let upstream = Simulator::start(listener, options, Arc::new(StoppedClock)).expect("it serves");
    let inline = |text: &str| SecretSource::Inline(Secret::new(text.to_owned()));
    let mut account = account(upstream.address(), None);
    account.credentials = CredentialSource::Configured {
        secret_id: inline(SECRET_ID),
        secret_key: inline(SECRET_KEY),
        token: None,
    };
    account.role = Some(Role::new("qcs::cam::uin/1:roleName/r".to_owned()));
    let clock = Arc::new(MonotonicClock::default());
    let on_it = Arc::clone(&clock) as Arc<dyn Clock>;
    let client = Client::new(&account, &SystemRoots::default(), on_it).expect("a client");
    client.ask(&query(), AMPLE).await.expect("an answer");
    upstream.revoke_temporary();
    clock.0.store(30, Ordering::Relaxed);
    let error = client.ask(&query(), AMPLE).await.expect_err("a refusal");
    assert!(
        error.to_string().contains("AuthFailure.TokenFailure"),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .ends_with("the keys have been renewed since"),
        "{error}"
    );
    assert_eq!(
        (error.class(), error.label()),
        (Class::Transient, "auth_failure")
    );
    client.ask(&query(), AMPLE).await.expect("an answer");

    // What does not help is not tried again and again.
    upstream.revoke_temporary();
    clock.0.store(60, Ordering::Relaxed);
    let error = client.ask(&query(), AMPLE).await.expect_err("a refusal");
    assert_eq!(error.class(), Class::Permanent);
}

#[tokio::test]
async fn without_keys_nothing_is_sent() {
    let (address, seen) = say(200, &[], GOOD).await;
    let mut account = account(address, None);
    account.credentials = CredentialSource::Configured {
        secret_id: SecretSource::Inline(Secret::new("AKIDFAKE".to_owned())),
        secret_key: SecretSource::File("/nonexistent/key".into()),
        token: None,
    };
    let client =
        Client::new(&account, &SystemRoots::default(), Arc::new(StoppedClock)).expect("a client");
    let error = client.ask(&query(), AMPLE).await.expect_err("an error");
    assert!(matches!(&error, CallError::Credentials(why) if why.contains("/nonexistent/key")));
    assert!(seen.lock().expect("no panic").is_empty());
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_tells_of_retirement_once_and_nothing_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let body = r#"{"Response":{"Usages":[],"DeprecatedWarning":"soon\ngone","RequestId":"r-1"}}"#;
    let (address, _) = say(200, &[], body).await;
    let account = account(address, Some("FakeToken"));
    let client =
        Client::new(&account, &SystemRoots::default(), Arc::new(StoppedClock)).expect("a client");
    for _ in 0..2 {
        client.ask(&query(), AMPLE).await.expect("an answer");
    }

    let log = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("UTF-8");
    assert_eq!(log.matches("soon gone").count(), 1, "{log}");
    assert_eq!(log.matches("request_id=\"r-1\"").count(), 2, "{log}");
    for secret in ["FakeKey", "FakeToken", "Signature=", "AKIDFAKE"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn a_client_is_refused_what_it_could_not_send() {
    let mut account = account(([127, 0, 0, 1], 1).into(), None);
    account.region = "ap\nguangzhou".to_owned();
    let error = Client::new(&account, &SystemRoots::default(), Arc::new(StoppedClock))
        .err()
        .expect("an error");
    assert_eq!(
        error.to_string(),
        r#""ap\nguangzhou" cannot be sent as x-tc-region"#
    );
}

#[test]
fn loopback_goes_past_proxies() {
    for (endpoint, loopback, host_header) in [
        ("http://127.0.0.1:8080", true, "127.0.0.1:8080"),
        ("http://[::1]:8080/", true, "[::1]:8080"),
        ("http://localhost", true, "localhost"),
        (
            "https://trtc.tencentcloudapi.com:443",
            false,
            "trtc.tencentcloudapi.com",
        ),
        (
            "https://localhost.example:8443",
            false,
            "localhost.example:8443",
        ),
    ] {
        let endpoint: reqwest::Url = endpoint.parse().expect("a URL");
        assert_eq!(is_loopback(&endpoint), loopback, "{endpoint}");
        assert_eq!(host(&endpoint).as_deref(), Some(host_header));
    }
}
