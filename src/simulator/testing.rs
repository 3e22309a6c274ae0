//! What the simulator's tests share: a clock that is set by hand, and requests signed like a client's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use super::gateway::{SECRET_ID, SECRET_KEY};
use super::protocol::Received;
use crate::clock::{Clock, Moment};
use crate::tencent::sign;
use crate::usage::TimeKey;

/// A time in Beijing.
pub(super) fn beijing(text: &str) -> DateTime<Utc> {
    let key = TimeKey::parse(text).expect("YYYY-MM-DD HH:MM:SS");
    DateTime::from_timestamp(key.unix(), 0).expect("in range")
}

/// A clock that stands still until it is advanced.
pub(super) struct ManualClock(Mutex<Moment>);

impl ManualClock {
    pub(super) fn at(utc: DateTime<Utc>) -> Arc<Self> {
        let mono = Duration::from_secs(1_000);
        Arc::new(Self(Mutex::new(Moment { utc, mono })))
    }

    pub(super) fn advance(&self, by: Duration) {
        let mut now = self.0.lock().expect("no test panics in here");
        now.utc += by;
        now.mono += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.0.lock().expect("no test panics in here")
    }
}

/// A request and all that goes into its signature. Fields are changed before [`Call::sign`], headers after it.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) query: String,
    pub(super) body: Vec<u8>,
    pub(super) headers: HeaderMap,
    pub(super) timestamp: i64,
    pub(super) secret_id: String,
    pub(super) secret_key: String,
    pub(super) scope_date: String,
    pub(super) service: &'static str,
    pub(super) signed: &'static [&'static str],
}

impl Call {
    /// A POST for `action`, not signed yet.
    pub(super) fn new(action: &str, body: &str, now: DateTime<Utc>) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "127.0.0.1:10089"),
            ("content-type", "application/json"),
            ("x-tc-action", action),
            ("x-tc-version", "2019-07-22"),
            ("x-tc-region", "ap-guangzhou"),
            ("x-tc-language", "en-US"),
        ] {
            headers.insert(name, HeaderValue::from_str(value).expect("a value"));
        }
        Self {
            method: "POST",
            query: String::new(),
            body: body.as_bytes().to_vec(),
            headers,
            timestamp: now.timestamp(),
            secret_id: SECRET_ID.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            scope_date: sign::utc_date(now.timestamp()),
            service: "trtc",
            signed: &["content-type", "host"],
        }
    }

    /// The same as a GET.
    pub(super) fn get(mut self, query: &str) -> Self {
        self.method = "GET";
        self.query = query.to_owned();
        self.body.clear();
        self.with("content-type", "application/x-www-form-urlencoded")
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(super) fn sign(self) -> Self {
        let payload = match self.headers.get("x-tc-content-sha256") {
            Some(literal) => sign::hashed_payload(literal.as_bytes()),
            None => sign::hashed_payload(&self.body),
        };
        let values: Vec<(&str, String)> = self
            .signed
            .iter()
            .map(|&name| {
                let value = self.headers[name].to_str().expect("text");
                let lower_case = name == "x-tc-action";
                let value = if lower_case {
                    value.to_lowercase()
                } else {
                    value.to_owned()
                };
                (name, value)
            })
            .collect();
        let headers: Vec<sign::Header<'_>> = values
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let canonical = sign::canonical_request(self.method, &self.query, &headers, &payload);
        let scope = sign::credential_scope(&self.scope_date, self.service);
        let text = sign::string_to_sign(self.timestamp, &scope, &canonical);
        let key = sign::signing_key(&self.secret_key, &self.scope_date, self.service);
        let authorization = sign::authorization(
            &self.secret_id,
            &scope,
            &sign::signed_headers(&headers),
            &sign::signature(&key, &text),
        );
        let timestamp = self.timestamp.to_string();
        self.with("authorization", &authorization)
            .with("x-tc-timestamp", &timestamp)
    }

    pub(super) fn received(&self) -> Received<'_> {
        Received {
            method: self.method,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }
}
