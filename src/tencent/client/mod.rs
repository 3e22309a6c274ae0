//! Puts one question on the wire and brings back its answer. One call is one attempt, signed when it is made: when to ask
//! again is the schedule's business.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Request, StatusCode};

use super::action::{SERVICE, VERSION};
use super::clean::{clean, excerpt};
use super::credentials::{Credentials, Provider};
use super::error::CallError;
use super::gateway::{Call, Gateway, Service};
pub use super::http::BuildError;
use super::http::{date, in_full, read};
use super::skew::{Recent, Skew};
use super::wire::{self, Query, Reply, WireError};
use crate::clock::{Clock, Moment};
use crate::tencent::Upstream;
use crate::trust::SystemRoots;
use crate::usage::Answer;

/// A day of one app is 40 kB.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// As much of a failed answer as is looked at for an error of the upstream.
const MAX_FAILED_BODY_BYTES: usize = 64 * 1024;

/// Connecting either works soon or not at all.
const MAX_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const TRTC: Service = Service {
    name: SERVICE,
    version: VERSION,
};

/// Asks on behalf of one account.
pub struct Client {
    gateway: Gateway,
    connect_timeout: Duration,
    request_timeout: Duration,
    credentials: Provider,
    told_of_retirement: AtomicBool,
    skews: Mutex<Recent>,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// A client for `upstream`, which takes the timestamps of its signatures from `clock` and trusts `roots`.
    ///
    /// # Errors
    /// When it holds values that cannot be sent, or the system lacks what HTTPS needs.
    pub fn new(
        upstream: &Upstream,
        roots: &SystemRoots,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        let connect_timeout = upstream.request_timeout.min(MAX_CONNECT_TIMEOUT);
        Ok(Self {
            gateway: Gateway::new(TRTC, &upstream.endpoint, upstream, roots, connect_timeout)?,
            connect_timeout,
            request_timeout: upstream.request_timeout,
            credentials: Provider::new(upstream, roots, Arc::clone(&clock)),
            told_of_retirement: AtomicBool::new(false),
            skews: Mutex::default(),
            clock,
        })
    }

    /// Where the keys come from, and whether they have become others.
    pub fn credentials(&self) -> &Provider {
        &self.credentials
    }

    /// How far this machine's clock is from the upstream's, by its last few answers; `None` before the first.
    pub fn skew(&self) -> Option<Skew> {
        self.skews().agreed()
    }

    fn skews(&self) -> MutexGuard<'_, Recent> {
        self.skews.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks once. The answer has to be complete within `limit` or the account's request timeout, whichever is shorter;
    /// so do temporary keys have to be there, when they must be waited for.
    ///
    /// # Errors
    /// Says why there is no answer; nothing in it is secret or forged.
    pub async fn ask(&self, query: &Query, limit: Duration) -> Result<Answer, CallError> {
        let limit = limit.min(self.request_timeout);
        let credentials = self.credentials.current(limit).await;
        let started = self.clock.now();
        let outcome = match &credentials {
            Ok(credentials) => {
                tokio::time::timeout(limit, self.attempt(query, started, credentials))
                    .await
                    .unwrap_or(Err(CallError::Timeout(limit)))
            }
            Err(error) => Err(error.clone().into()),
        };
        self.log(query, started, &outcome);
        match (outcome, credentials) {
            (Ok(reply), _) => Ok(reply.answer),
            (Err(error), Ok(credentials))
                if error.doubts_keys() && self.credentials.renew(&credentials, limit).await =>
            {
                Err(CallError::Renewed(Box::new(error)))
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn attempt(
        &self,
        query: &Query,
        sent: Moment,
        credentials: &Credentials,
    ) -> Result<Reply, CallError> {
        let request = self.request(query, credentials, sent.utc.timestamp())?;
        let failed = |error| self.transport(error, credentials);
        let mut response = self.gateway.send(request).await.map_err(failed)?;
        let received = self.clock.now();
        let skew = date(&response).map(|date| Skew::told_by(date, sent, received));
        let refused = |error: WireError, body: &[u8]| {
            let skew = self.believe(skew, error.request_id());
            CallError::from_wire(error, query.action, body, credentials, skew)
        };

        let mut body = Vec::new();
        let status = response.status();
        if status != StatusCode::OK {
            // An error that a gateway sends may end anyhow: what came of it is all there is to say.
            drop(read(&mut response, &mut body, MAX_FAILED_BODY_BYTES).await);
            return Err(match wire::refusal(&body) {
                Some(refusal) => refused(refusal, &body),
                None => CallError::Status {
                    status: status.as_u16(),
                    body: excerpt(&body, Some(credentials)),
                },
            });
        }
        if !read(&mut response, &mut body, MAX_BODY_BYTES)
            .await
            .map_err(failed)?
        {
            return Err(CallError::TooLarge {
                limit: MAX_BODY_BYTES,
            });
        }
        let mut reply = wire::parse(query, &body).map_err(|error| refused(error, &body))?;
        self.believe(skew, reply.request_id.as_deref());
        for text in [&mut reply.request_id, &mut reply.deprecated]
            .into_iter()
            .flatten()
        {
            *text = clean(text, Some(credentials));
        }
        Ok(reply)
    }

    /// Takes in what an answer tells of the clocks, if it comes from the API itself, which gives each of its answers a
    /// RequestId, refusals too. The clocks of captive portals and gateways on the way are nobody's business.
    fn believe(&self, skew: Option<Skew>, request_id: Option<&str>) -> Option<Skew> {
        let skew = skew.filter(|_| request_id.is_some())?;
        self.skews().add(skew);
        Some(skew)
    }

    /// The signed request.
    ///
    /// The timestamp is this machine's even when its clock is known to be wrong. Signing with the upstream's time would
    /// get answers, but the dates that are asked for, and when a day is settled and final, would still follow the wrong
    /// clock. So a wrong clock is told and not worked around.
    fn request(
        &self,
        query: &Query,
        credentials: &Credentials,
        timestamp: i64,
    ) -> Result<Request, CallError> {
        self.gateway.request(Call {
            action: query.action.name,
            body: wire::request_body(query),
            timestamp,
            signer: Some(credentials),
        })
    }

    fn transport(&self, error: reqwest::Error, credentials: &Credentials) -> CallError {
        if error.is_connect() && error.is_timeout() {
            return CallError::Timeout(self.connect_timeout);
        }
        CallError::Transport(clean(&in_full(&error.without_url()), Some(credentials)))
    }

    fn log(&self, query: &Query, started: Moment, outcome: &Result<Reply, CallError>) {
        let elapsed = self.clock.now().mono.saturating_sub(started.mono);
        let (action, app, date) = (query.action.name, query.app, query.date);
        match outcome {
            Ok(reply) => {
                let request_id = reply.request_id.as_deref();
                let (rows, left_out) = (reply.answer.rows().count(), reply.answer.rejected());
                let why = reply.left_out.map(tracing::field::display);
                tracing::debug!(action, %app, %date, request_id, ?elapsed, rows, left_out, why, "Answered");
                if let Some(warning) = &reply.deprecated
                    && !self.told_of_retirement.swap(true, Ordering::Relaxed)
                {
                    tracing::warn!(
                        action,
                        warning,
                        "the upstream is going to retire this action"
                    );
                }
            }
            Err(error) => {
                tracing::debug!(action, %app, %date, ?elapsed, %error, "Not answered");
            }
        }
    }
}

#[cfg(test)]
mod tests;
