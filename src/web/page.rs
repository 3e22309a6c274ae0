//! How everything stands, as a page and as JSON.

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use hyper::{Response, StatusCode};
use tokio::sync::oneshot;

use super::body::Body;
use super::routes::{answer, line};
use super::site::{Inquiry, Site};
use crate::status::{self, Question, SECURITY_POLICY, Status};

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// `/` for people.
pub(super) async fn page(site: &Site, query: &str) -> Response<Body> {
    let question = Question::from_query(query);
    let Some(status) = ask(site, question.clone()).await else {
        return busy();
    };
    let page = status::page(&status, &question, &site.telemetry_path);
    let mut response = answer(StatusCode::OK, HTML, page);
    let headers = response.headers_mut();
    let policy = HeaderValue::from_str(&SECURITY_POLICY);
    headers.insert(CONTENT_SECURITY_POLICY, policy.expect("it is ASCII"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// `/api/v1/status` for programs.
pub(super) async fn json(site: &Site, query: &str) -> Response<Body> {
    match ask(site, Question::from_query(query)).await {
        Some(status) => {
            let json =
                serde_json::to_vec(&status).expect("it has no map with keys that are no text");
            answer(StatusCode::OK, JSON, bytes::Bytes::from(json))
        }
        None => busy(),
    }
}

/// Waits in no long line: answers are made one at a time.
async fn ask(site: &Site, question: Question) -> Option<Status> {
    let (reply, answered) = oneshot::channel();
    site.inquiries.try_send(Inquiry { question, reply }).ok()?;
    answered.await.ok()
}

fn busy() -> Response<Body> {
    line(
        StatusCode::SERVICE_UNAVAILABLE,
        "too many ask how everything stands; try again",
    )
}
