//! The gateway of one service as its callers see it: what a call looks like on the wire, signed or not, and where it goes.
//! What is asked and what an answer says is not known here.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request, Response, Url};

use super::credentials::Credentials;
use super::error::CallError;
use super::http::{self, BuildError, JSON};
use super::sign::{self, DayKey};
use super::upstream::Upstream;
use crate::trust::SystemRoots;

/// What stands for a signature where the call itself carries what proves who calls.
const UNSIGNED: HeaderValue = HeaderValue::from_static("SKIP");

/// A service that is called by `Action` and `Version`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    /// As in the credential scope, the same for every endpoint of the service.
    pub(super) name: &'static str,
    /// `X-TC-Version`.
    pub(super) version: &'static str,
}

/// The endpoint of a service, ready to be called.
pub(super) struct Gateway {
    http: reqwest::Client,
    endpoint: Url,
    /// What the `Host` header says, for it is signed.
    host: String,
    service: &'static str,
    day_key: Mutex<DayKey>,
}

/// One call.
pub(super) struct Call<'a> {
    /// `X-TC-Action`.
    pub(super) action: &'static str,
    /// JSON.
    pub(super) body: String,
    /// `X-TC-Timestamp`, in Unix seconds.
    pub(super) timestamp: i64,
    /// Who signs it; nobody where the call proves by itself who calls.
    pub(super) signer: Option<&'a Credentials>,
}

impl Gateway {
    /// The gateway of `service` at `endpoint`, for an account that is set up as `upstream` says.
    pub(super) fn new(
        service: Service,
        endpoint: &Url,
        upstream: &Upstream,
        roots: &SystemRoots,
        connect_timeout: Duration,
    ) -> Result<Self, BuildError> {
        let headers =
            http::constant_headers(service.version, &upstream.region, &upstream.language)?;
        let authorities = upstream.authorities.as_ref();
        Ok(Self {
            http: http::client(endpoint, authorities, roots, headers, connect_timeout)?,
            endpoint: endpoint.clone(),
            host: http::host(endpoint).ok_or_else(|| BuildError::NoHost(endpoint.clone()))?,
            service: service.name,
            day_key: Mutex::default(),
        })
    }

    /// Sends a request and returns with the head of its answer.
    pub(super) async fn send(&self, request: Request) -> reqwest::Result<Response> {
        self.http.execute(request).await
    }

    /// A call as a request. The token of temporary keys goes along unsigned, as the upstream wants it.
    pub(super) fn request(&self, call: Call<'_>) -> Result<Request, CallError> {
        let mut request = Request::new(Method::POST, self.endpoint.clone());
        let headers = request.headers_mut();
        headers.insert("x-tc-action", HeaderValue::from_static(call.action));
        headers.insert("x-tc-timestamp", call.timestamp.into());
        let authorization = match call.signer {
            None => UNSIGNED,
            Some(signer) => {
                if let Some(token) = &signer.token {
                    headers.insert("x-tc-token", secret_header(token.expose())?);
                }
                secret_header(&self.authorization(&call, signer))?
            }
        };
        headers.insert(AUTHORIZATION, authorization);
        *request.body_mut() = Some(call.body.into());
        Ok(request)
    }

    fn authorization(&self, call: &Call<'_>, signer: &Credentials) -> String {
        let headers = [
            ("content-type", JSON),
            ("host", &self.host),
            ("x-tc-action", call.action),
        ];
        let payload = sign::hashed_payload(call.body.as_bytes());
        let canonical = sign::canonical_request("POST", "", &headers, &payload);
        let mut day_key = self.day_key.lock().unwrap_or_else(PoisonError::into_inner);
        let (scope, key) = day_key.at(&signer.secret_key, call.timestamp, self.service);
        let to_sign = sign::string_to_sign(call.timestamp, scope, &canonical);
        let signature = sign::signature(key, &to_sign);
        let names = sign::signed_headers(&headers);
        sign::authorization(&signer.secret_id, scope, &names, &signature)
    }
}

fn secret_header(value: &str) -> Result<HeaderValue, CallError> {
    let mut header = HeaderValue::from_str(value)
        .map_err(|_| CallError::Credentials("they cannot be sent in a header".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}
