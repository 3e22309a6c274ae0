//! Puts one question on the wire and brings back its answer. One call is one attempt, signed when it is made: when to ask
//! again is the schedule's business.

mod exchange;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::action::{SERVICE, VERSION};
use super::clean::clean;
use super::credentials::{Credentials, Provider};
use super::error::CallError;
use super::gateway::{Call, Gateway, Service};
pub use super::http::BuildError;
use super::skew::{Recent, Skew};
use super::wire::{self, AppsPage, Query, Reply};
use crate::clock::{Clock, Moment};
use crate::tencent::Upstream;
use crate::trust::SystemRoots;
use crate::usage::Answer;

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
        let outcome = outcome.map_err(|error| error.with_successor(query.action.successor));
        self.log(query, started, &outcome);
        match (outcome, credentials) {
            (Ok(reply), _) => Ok(reply.answer),
            (Err(error), Ok(credentials)) => Err(self.or_renewed(error, &credentials, limit).await),
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// Asks once for the account's apps from `offset` on.
    ///
    /// # Errors
    /// Says why there is no answer; nothing in it is secret or forged.
    pub async fn apps(&self, offset: u64) -> Result<AppsPage, CallError> {
        let limit = self.request_timeout;
        let credentials = self.credentials.current(limit).await?;
        let started = self.clock.now();
        let outcome = tokio::time::timeout(limit, self.list_apps(offset, started, &credentials))
            .await
            .unwrap_or(Err(CallError::Timeout(limit)));
        match outcome {
            Ok(page) => Ok(page),
            Err(error) => Err(self.or_renewed(error, &credentials, limit).await),
        }
    }

    async fn list_apps(
        &self,
        offset: u64,
        sent: Moment,
        credentials: &Credentials,
    ) -> Result<AppsPage, CallError> {
        let call = Call {
            action: wire::LIST_APPS,
            body: wire::apps_request_body(offset),
            timestamp: sent.utc.timestamp(),
            signer: Some(credentials),
        };
        let body = self.exchange(call, sent, credentials).await?;
        let page = wire::parse_apps(&body.bytes);
        let page = page.map_err(|error| self.refused(error, &body, credentials))?;
        self.believe(body.skew, page.request_id.as_deref());
        Ok(page)
    }

    /// The timestamp is this machine's even when its clock is known to be wrong. Signing with the upstream's time would
    /// get answers, but the dates that are asked for, and when a day is settled and final, would still follow the wrong
    /// clock. So a wrong clock is told and not worked around.
    async fn attempt(
        &self,
        query: &Query,
        sent: Moment,
        credentials: &Credentials,
    ) -> Result<Reply, CallError> {
        let call = Call {
            action: query.action.name,
            body: wire::request_body(query),
            timestamp: sent.utc.timestamp(),
            signer: Some(credentials),
        };
        let body = self.exchange(call, sent, credentials).await?;
        let reply = wire::parse(query, &body.bytes);
        let mut reply = reply.map_err(|error| self.refused(error, &body, credentials))?;
        self.believe(body.skew, reply.request_id.as_deref());
        for text in [&mut reply.request_id, &mut reply.deprecated]
            .into_iter()
            .flatten()
        {
            *text = clean(text, Some(credentials));
        }
        Ok(reply)
    }

    /// Why there is no answer, after temporary keys that may be to blame were renewed.
    async fn or_renewed(
        &self,
        error: CallError,
        credentials: &Credentials,
        patience: Duration,
    ) -> CallError {
        if error.doubts_keys() && self.credentials.renew(credentials, patience).await {
            CallError::Renewed(Box::new(error))
        } else {
            error
        }
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
