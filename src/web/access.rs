//! On what terms requests are answered: over TLS or not, how many, whose, and what every answer carries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use super::rate::RateLimit;
use super::users::Users;

/// The terms.
pub struct Access {
    /// How connections are encrypted; `None` for plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// Over all connections.
    pub rate_limit: Option<RateLimit>,
    /// Who may ask.
    pub users: Users,
    /// What every answer carries; wins over what the page has to say.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Access {
    /// Plain HTTP for everybody.
    pub fn open() -> Self {
        Self {
            tls: None,
            rate_limit: None,
            users: Users::nobody(),
            headers: Vec::new(),
        }
    }

    /// Whether the rate limit has room for one request more, which is taken.
    pub(super) fn has_room(&self, now: Duration) -> bool {
        let limit = self.rate_limit.as_ref();
        limit.is_none_or(|limit| limit.allows(now))
    }

    /// Whether a request comes from somebody who may ask.
    pub(super) async fn admits(&self, headers: &HeaderMap) -> bool {
        self.users.is_empty() || self.users.admit(headers.get(AUTHORIZATION)).await
    }

    /// Puts on an answer what every answer carries.
    pub(super) fn adorn(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("tls", &self.tls.is_some())
            .field("rate_limit", &self.rate_limit)
            .field("users", &self.users)
            .field("headers", &self.headers)
            .finish()
    }
}

/// The terms in force.
#[derive(Debug)]
pub struct Guard(ArcSwap<Term>);

/// Terms, and the time in which they are in force.
#[derive(Debug)]
pub(super) struct Term {
    pub(super) access: Access,
    /// Cancelled when other terms take their place.
    pub(super) over: CancellationToken,
}

impl Guard {
    /// Puts the first terms in force.
    pub fn new(access: Access) -> Self {
        Self(ArcSwap::new(Term::begin(access)))
    }

    /// Puts other terms in force. Connections made under the ones before end with the request that they are at, for who
    /// they were made with may no longer be welcome.
    pub fn replace(&self, access: Access) {
        self.0.swap(Term::begin(access)).over.cancel();
    }

    pub(super) fn term(&self) -> Arc<Term> {
        self.0.load_full()
    }
}

impl Term {
    fn begin(access: Access) -> Arc<Self> {
        Arc::new(Self {
            access,
            over: CancellationToken::new(),
        })
    }
}
