use std::error::Error as _;

use reqwest::{Client, ClientBuilder, RequestBuilder};
use serde_json::Value;

use super::*;
use crate::simulator::testing::{Call, ManualClock, beijing};

const ACTION: &str = "DescribeTrtcInteractiveTime";
const NOW: &str = "2020-09-08 12:00:00";
const BODY: &str = r#"{"StartTime":"2020-09-08","EndTime":"2020-09-08"}"#;

/// A day that has no rows yet, for a short answer.
const TOMORROW: &str = r#"{"StartTime":"2020-09-09","EndTime":"2020-09-09"}"#;

async fn start() -> (Handle, Arc<ManualClock>) {
    let clock = ManualClock::at(beijing(NOW));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let shared = Arc::clone(&clock) as Arc<dyn Clock>;
    let handle = Simulator::start(listener, Options::default(), shared).expect("started");
    (handle, clock)
}

fn builder() -> ClientBuilder {
    // Another test may have installed it already.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    Client::builder().no_proxy()
}

fn client() -> Client {
    builder().build().expect("a client")
}

fn post(client: &Client, handle: &Handle, body: &str) -> RequestBuilder {
    let host = handle.address().to_string();
    let call = Call::new(ACTION, body, beijing(NOW)).with("host", &host);
    let call = call.sign();
    client
        .post(handle.endpoint())
        .headers(call.headers)
        .body(call.body)
}

async fn text(request: RequestBuilder) -> String {
    let response = request.send().await.expect("an answer");
    response.text().await.expect("a whole body")
}

fn response(text: &str) -> Value {
    let mut json: Value = serde_json::from_str(text).expect("JSON");
    json["Response"].take()
}

/// Whether an error was caused by this kind of I/O error.
fn has_kind(err: &reqwest::Error, kind: io::ErrorKind) -> bool {
    std::iter::successors(err.source(), |err| (*err).source())
        .filter_map(|err| err.downcast_ref::<io::Error>())
        .any(|err| err.kind() == kind)
}

#[tokio::test]
async fn answers_signed_requests_over_http() {
    let (handle, _) = start().await;
    let request = post(&client(), &handle, BODY);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let media_type = &answer.headers()[header::CONTENT_TYPE];
    assert_eq!(media_type, "application/json", "and nothing after it");
    let usages = &response(&answer.text().await.expect("text"))["Usages"][0];
    assert_eq!(usages["SdkAppId"], "total");
    assert!(usages["TotalNum"].as_u64() > Some(100));
}

#[tokio::test]
async fn every_answer_is_dated_by_the_simulators_clock() {
    let (handle, clock) = start().await;
    let date_of = async |request: RequestBuilder| {
        let answer = request.send().await.expect("an answer");
        let dates: Vec<_> = answer.headers().get_all(header::DATE).iter().collect();
        assert_eq!(dates.len(), 1, "{dates:?}");
        dates[0].to_str().expect("text").to_owned()
    };
    let client = client();
    let call = || post(&client, &handle, BODY);
    assert_eq!(date_of(call()).await, "Tue, 08 Sep 2020 04:00:00 GMT");
    clock.advance(Duration::from_secs(86_399));
    for request in [call(), client.get(handle.endpoint())] {
        assert_eq!(date_of(request).await, "Wed, 09 Sep 2020 03:59:59 GMT");
    }
}

#[tokio::test]
async fn answers_a_signed_get_with_a_query() {
    let (handle, _) = start().await;
    let query = "SdkAppId=1400000001&StartTime=2020-09-08&EndTime=2020-09-08";
    let host = handle.address().to_string();
    let call = Call::new(ACTION, "", beijing(NOW)).with("host", &host);
    let call = call.get(query).sign();
    let request = client().get(format!("{}/?{query}", handle.endpoint()));
    let text = text(request.headers(call.headers)).await;
    assert_eq!(response(&text)["Usages"][0]["SdkAppId"], "1400000001");
}

#[tokio::test]
async fn errors_are_envelopes_with_status_200() {
    let (handle, _) = start().await;
    let request = post(&client(), &handle, BODY).body("{}");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    let refused = response(&answer.text().await.expect("text"));
    assert_eq!(refused["Error"]["Code"], "AuthFailure.SignatureFailure");
}

#[tokio::test]
async fn compresses_for_those_who_ask() {
    let (handle, _) = start().await;
    let raw = builder().gzip(false).build().expect("a client");
    for (accepted, expected) in [
        ("gzip, deflate", true),
        ("br, gzip;q=0.5", true),
        ("gzip;q=0", false),
        ("identity", false),
    ] {
        let request = post(&raw, &handle, BODY).header("accept-encoding", accepted);
        let answer = request.send().await.expect("an answer");
        let gzip = answer.headers().get(header::CONTENT_ENCODING).is_some();
        assert_eq!(gzip, expected, "{accepted}");
    }
}

#[tokio::test]
async fn serves_many_connections_at_once() {
    let (handle, _) = start().await;
    let hanging = client();
    handle.order(Fault::Hang.next(5));
    let stuck: Vec<_> = (0..5)
        .map(|_| tokio::spawn(post(&hanging, &handle, BODY).send()))
        .collect();
    handle
        .wait_for(|counts| counts.faulted_with("hang") == 5)
        .await;
    let client = client();
    for _ in 0..10 {
        assert!(!text(post(&client, &handle, TOMORROW)).await.is_empty());
    }
    assert!(stuck.iter().all(|task| !task.is_finished()));
    assert_eq!(handle.counts().answered, 10);
}

#[tokio::test]
async fn faults_reach_the_client() {
    let (handle, _) = start().await;
    let client = client();
    let whole = text(post(&client, &handle, TOMORROW)).await;
    let ask = || post(&client, &handle, TOMORROW);

    handle.order(Fault::Status(502).next(1));
    let answer = ask().send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html");

    handle.order(Fault::Html.next(1));
    assert!(text(ask()).await.starts_with("<html>"));

    handle.order(Fault::Empty.next(1));
    assert_eq!(text(ask()).await, "");

    handle.order(Fault::Truncated.next(1));
    assert_eq!(text(ask()).await.len(), whole.len() / 2);

    handle.order(Fault::WrongJson.next(1));
    assert!(response(&text(ask()).await).is_null());

    handle.order(Fault::Drip(Duration::from_millis(1)).next(1));
    assert_eq!(text(ask()).await.len(), whole.len());

    handle.order(Fault::CutOff.next(1));
    let answer = ask().send().await.expect("a head");
    assert_eq!(answer.content_length(), Some(whole.len() as u64));
    answer.bytes().await.expect_err("half a body");

    handle.order(Fault::Reset.next(1));
    let err = ask().send().await.expect_err("no answer");
    assert!(has_kind(&err, io::ErrorKind::ConnectionReset), "{err:?}");

    handle.order(Fault::Hang.next(1));
    let hurried = ask().timeout(Duration::from_millis(100));
    assert!(hurried.send().await.expect_err("no answer").is_timeout());

    assert!(response(&text(ask()).await)["Usages"].is_array());
}

#[tokio::test]
async fn answers_can_be_too_large() {
    let (handle, _) = start().await;
    handle.order(Fault::Huge.next(1));
    let huge = text(post(&client(), &handle, TOMORROW)).await;
    assert!(huge.len() > 8 << 20);
    assert!(response(&huge)["Usages"].is_array(), "valid all the same");

    handle.order(Fault::GzipBomb.next(1));
    let raw = builder().gzip(false).build().expect("a client");
    let answer = post(&raw, &handle, TOMORROW).send().await;
    let packed = answer.expect("an answer").bytes().await.expect("a body");
    assert!(packed.len() < 1 << 20, "{}", packed.len());
    // The last four bytes of gzip are the length of what is in it.
    let length = packed.last_chunk().copied().map(u32::from_le_bytes);
    assert!(length > Some(64 << 20), "{length:?}");
}

#[tokio::test]
async fn people_get_a_page() {
    let (handle, _) = start().await;
    let page = text(client().get(handle.endpoint())).await;
    let hint = format!("endpoint    {}\n", handle.endpoint());
    assert!(page.contains(&hint), "{page}");
    for line in [
        "  DescribeTrtcInteractiveTime   20\n",
        "  DescribeRecordingUsage         5  with MixType=single or MixType=multi\n",
    ] {
        assert!(page.contains(line), "{page}");
    }
    let nowhere = client().get(format!("{}/nowhere", handle.endpoint()));
    let answer = nowhere.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(handle.counts().requests, 0, "none of this is a call");
}

#[tokio::test]
async fn can_be_steered_by_post() {
    let (handle, _) = start().await;
    let steer = |what: &str| client().post(format!("{}/-/{what}", handle.endpoint()));
    let done = text(steer("refuse?code=InternalError")).await;
    assert!(done.contains("InternalError"));
    let refused = response(&text(post(&client(), &handle, BODY)).await);
    assert_eq!(refused["Error"]["Code"], "InternalError");
    let page = || text(client().get(handle.endpoint()));
    for (what, code) in [("retire", Some("ActionOffline")), ("revive", None)] {
        let what = format!("{what}?action=DescribeTrtcInteractiveTime");
        text(steer(&what)).await;
        let answer = response(&text(post(&client(), &handle, BODY)).await);
        assert_eq!(answer["Error"]["Code"].as_str(), code);
        let is_told = page().await.contains("refused with ActionOffline");
        assert_eq!(is_told, code.is_some());
    }
    let bad = steer("refuse").send().await.expect("an answer");
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    let by_get = client().get(format!("{}/-/refuse?code=X", handle.endpoint()));
    let by_get = by_get.send().await.expect("an answer");
    assert_eq!(by_get.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn shuts_down_while_clients_hang() {
    let (handle, _) = start().await;
    let client = client();
    handle.order(Fault::Hang.next(1));
    let stuck = tokio::spawn(post(&client, &handle, BODY).send());
    handle
        .wait_for(|counts| counts.faulted_with("hang") == 1)
        .await;
    let endpoint = handle.endpoint();
    handle.shutdown().await;
    stuck.await.expect("no panic").expect_err("no answer");
    let err = client.get(endpoint).send().await.expect_err("closed");
    assert!(err.is_connect());
}
