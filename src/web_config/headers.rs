//! The section `http_server_config`: HTTP/2, and headers that every answer carries.

use hyper::header::{HeaderName, HeaderValue};

use super::{given, given_text};
use crate::config::yaml::Value;

/// The only headers that this format knows, and what each may say; nothing where it may say anything.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

const NAMES: &[&str] = &[
    HEADERS[0].0,
    HEADERS[1].0,
    HEADERS[2].0,
    HEADERS[3].0,
    HEADERS[4].0,
];

/// What is made of the section.
pub(super) struct Http {
    pub(super) http2: bool,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            http2: true,
            headers: Vec::new(),
        }
    }
}

pub(super) fn http(value: &Value<'_>) -> Option<Http> {
    let fields = value.fields(&["http2", "headers"])?;
    let http2 = given(&fields, "http2").map_or(Some(true), |value| value.truth());
    let headers = given(&fields, "headers").map_or(Some(Vec::new()), |value| headers(&value));
    Some(Http {
        http2: http2?,
        headers: headers?,
    })
}

fn headers(value: &Value<'_>) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let fields = value.fields(NAMES)?;
    let mut headers = Vec::new();
    for (name, possible) in HEADERS {
        let Some((value, text)) = given_text(&fields, name) else {
            continue;
        };
        if !possible.is_empty() && !possible.contains(&text) {
            value.problem(format!("possible is {}", possible.join(" or ")));
            continue;
        }
        match (HeaderName::try_from(name), HeaderValue::try_from(text)) {
            (Ok(name), Ok(text)) => headers.push((name, text)),
            _ => value
                .problem("cannot be sent as a header; leave line ends and control characters out"),
        }
    }
    Some(headers)
}
