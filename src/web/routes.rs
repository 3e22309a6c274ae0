//! Which request gets which answer.

use bytes::Bytes;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    HeaderMap, HeaderName, HeaderValue, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{mpsc, oneshot};

use crate::metrics::{Encoding, MediaType};

use super::body::Body;
use super::origin;
use super::page;
use super::site::{Reload, Site};

const TEXT: &str = "text/plain; charset=utf-8";

/// Answers a request on the terms in force. Its body is never read.
pub(super) async fn respond<B>(site: &Site, request: &Request<B>) -> Response<Body> {
    let term = site.access.term();
    let access = &term.access;
    if !access.has_room(site.clock.now().mono) {
        return line(StatusCode::TOO_MANY_REQUESTS, "too many requests");
    }
    let mut response = if access.admits(request.headers()).await {
        answered(site, request).await
    } else {
        unauthorized(site, request.uri().path())
    };
    access.adorn(response.headers_mut());
    response
}

async fn answered<B>(site: &Site, request: &Request<B>) -> Response<Body> {
    const GET: &Method = &Method::GET;
    const HEAD: &Method = &Method::HEAD;
    const POST: &Method = &Method::POST;
    let metrics = site.telemetry_path.as_str();
    let query = request.uri().query().unwrap_or_default();
    match (request.method(), request.uri().path()) {
        (GET | HEAD, path) if path == metrics => scrape(site, request.headers()),
        (GET | HEAD, "/") => page::page(site, query).await,
        (GET | HEAD, "/api/v1/status") => page::json(site, query).await,
        (GET | HEAD, "/-/healthy") => healthy(site),
        (GET | HEAD, "/-/ready") => ready(site),
        (GET | HEAD, "/config") => answer(StatusCode::OK, TEXT, Bytes::clone(&site.config.load())),
        (method, "/-/reload") => match &site.reload {
            None => line(StatusCode::FORBIDDEN, NO_LIFECYCLE),
            Some(_) if method != POST => not_allowed("POST"),
            Some(_) if origin::is_foreign(request) => line(StatusCode::FORBIDDEN, CROSS_SITE),
            Some(orders) => reload(orders).await,
        },
        (_, "/" | "/api/v1/status" | "/-/healthy" | "/-/ready" | "/config") => {
            not_allowed("GET, HEAD")
        }
        (_, path) if path == metrics => not_allowed("GET, HEAD"),
        _ => line(StatusCode::NOT_FOUND, "not found"),
    }
}

const NO_LIFECYCLE: &str = "reloading by HTTP needs --web.enable-lifecycle; SIGHUP works without";

const CROSS_SITE: &str = "a page of another site may not ask for this";

/// Who does not say who he is learns nothing, except of a probe that it is time to restart: it needs no password for
/// that, so none lies about for its sake.
fn unauthorized(site: &Site, path: &str) -> Response<Body> {
    if path == "/-/healthy" && !site.health.is_alive(site.clock.now().mono) {
        return line(StatusCode::SERVICE_UNAVAILABLE, "not healthy");
    }
    let mut response = line(StatusCode::UNAUTHORIZED, "unauthorized");
    let headers = response.headers_mut();
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
    response
}

/// The metrics, at once or not at all: a scraper that is one too many learns it now.
fn scrape(site: &Site, headers: &HeaderMap) -> Response<Body> {
    let Ok(permit) = site.scrapes.clone().try_acquire_owned() else {
        return line(StatusCode::SERVICE_UNAVAILABLE, "too many scrapes at once");
    };
    let media_type = MediaType::accepted(values(headers, ACCEPT));
    let encoding = Encoding::accepted(values(headers, ACCEPT_ENCODING));
    let document = site.exposition.document(media_type.format(), encoding);
    let body = Body::from(document).holding_scrape(permit);
    let mut response = answer(StatusCode::OK, media_type.as_str(), body);
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if encoding == Encoding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok())
}

fn healthy(site: &Site) -> Response<Body> {
    match site.health.trouble(site.clock.now().mono) {
        None => line(StatusCode::OK, "healthy"),
        Some(trouble) => line(StatusCode::SERVICE_UNAVAILABLE, &trouble),
    }
}

fn ready(site: &Site) -> Response<Body> {
    if site.health.is_ready() {
        return line(StatusCode::OK, "ready");
    }
    line(
        StatusCode::SERVICE_UNAVAILABLE,
        "the first poll round has not ended",
    )
}

async fn reload(orders: &mpsc::Sender<Reload>) -> Response<Body> {
    let (reply, replied) = oneshot::channel();
    let result = match orders.send(reply).await {
        Ok(()) => replied.await.ok(),
        Err(_) => None,
    };
    let result = result.unwrap_or_else(|| Err("the exporter is shutting down".to_owned()));
    match result {
        Ok(()) => line(StatusCode::OK, "reloaded"),
        Err(reason) => line(StatusCode::INTERNAL_SERVER_ERROR, &reason),
    }
}

fn not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = line(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

pub(super) fn line(status: StatusCode, text: &str) -> Response<Body> {
    answer(status, TEXT, format!("{text}\n"))
}

/// Every page shows a state that is old the next moment, so nothing is to be stored on the way.
pub(super) fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let body = body.into();
    // hyper would add the length by itself, but not to the answer of a HEAD.
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
