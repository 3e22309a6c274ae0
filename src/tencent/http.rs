//! The HTTP library: how it is set up, and how bodies and errors are taken out of it.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, Url, redirect};

use super::upstream::Authorities;
use crate::trust::SystemRoots;

/// Sent and signed without a charset, as the SDKs do.
pub(super) const JSON: &str = "application/json";

/// Of the characters that the upstream allows in `X-TC-RequestClient`.
const REQUEST_CLIENT: &str = concat!("trtc-exporter_", env!("CARGO_PKG_VERSION"));
const USER_AGENT: &str = concat!("trtc-exporter/", env!("CARGO_PKG_VERSION"));

/// Why HTTP cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The endpoint has no host.
    #[error("the endpoint {0} names no host")]
    NoHost(Url),
    /// A configured value cannot be sent.
    #[error("{value:?} cannot be sent as {header}")]
    Header {
        /// The header.
        header: &'static str,
        /// What was to be its value.
        value: String,
    },
    /// HTTP could not be set up; for want of the system's CA certificates, most often.
    #[error("cannot set up HTTPS (are CA certificates installed, or is SSL_CERT_FILE set?): {0}")]
    Http(String),
}

/// The HTTP library, set up so that one request is one exchange with the endpoint and nobody else.
pub(super) fn client(
    endpoint: &Url,
    authorities: Option<&Authorities>,
    roots: &SystemRoots,
    headers: HeaderMap,
    connect_timeout: Duration,
) -> Result<reqwest::Client, BuildError> {
    let mut builder = one_exchange(connect_timeout).default_headers(headers);
    if is_loopback(endpoint) {
        builder = builder.no_proxy();
    }
    if endpoint.scheme() == "http" {
        // Or an image without CA certificates could not even run the demo.
        builder = builder.tls_certs_only([]);
    } else {
        let more = authorities.map_or(&[][..], |named| &named.certificates);
        let config = roots.client_config(more).map_err(BuildError::Http)?;
        builder = builder.tls_backend_preconfigured(config);
    }
    build(builder)
}

/// The same for a server that belongs to this machine: no proxy, no encryption.
pub(super) fn nearby(connect_timeout: Duration) -> Result<reqwest::Client, BuildError> {
    build(one_exchange(connect_timeout).no_proxy().tls_certs_only([]))
}

fn one_exchange(connect_timeout: Duration) -> reqwest::ClientBuilder {
    // Fails when there is one already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(connect_timeout)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, BuildError> {
    builder
        .build()
        .map_err(|error| BuildError::Http(in_full(&error)))
}

/// What all requests to one version of an API have in common.
pub(super) fn constant_headers(
    version: &str,
    region: &str,
    language: &str,
) -> Result<HeaderMap, BuildError> {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(JSON))]);
    for (header, value) in [
        ("x-tc-version", version),
        ("x-tc-region", region),
        ("x-tc-language", language),
        ("x-tc-requestclient", REQUEST_CLIENT),
    ] {
        let sent = HeaderValue::from_str(value).map_err(|_| BuildError::Header {
            header,
            value: value.to_owned(),
        })?;
        headers.insert(HeaderName::from_static(header), sent);
    }
    Ok(headers)
}

/// The `Host` header of requests to `endpoint`: with its port unless that goes without saying.
pub(super) fn host(endpoint: &Url) -> Option<String> {
    let name = endpoint.host_str()?;
    Some(match endpoint.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    })
}

pub(super) fn is_loopback(endpoint: &Url) -> bool {
    let name = endpoint.host_str().unwrap_or_default();
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// When the answer was made, by the clock of whoever made it; `None` when it does not say so once and clearly.
pub(super) fn date(response: &Response) -> Option<DateTime<Utc>> {
    let mut dates = response.headers().get_all(DATE).iter();
    let date = dates.next().filter(|_| dates.next().is_none())?;
    let date = DateTime::parse_from_rfc2822(date.to_str().ok()?).ok()?;
    Some(date.to_utc())
}

/// Appends what comes, decompressed, while it is no more than `limit` bytes; whether it was no more.
pub(super) async fn read(
    response: &mut Response,
    body: &mut Vec<u8>,
    limit: usize,
) -> Result<bool, reqwest::Error> {
    while let Some(chunk) = response.chunk().await? {
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok(false);
        }
    }
    Ok(true)
}

/// An error and all that lies behind it: the first of them alone says only that sending failed.
pub(super) fn in_full(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (**error).source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
