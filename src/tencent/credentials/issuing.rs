//! Keeps temporary keys fresh: asks their issuer in a task of its own while the old ones still serve. Nothing runs
//! between: whoever uses the keys also says what time it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::issued::{self, Issued};
use super::issuer::{Issuer, Refusal};
use super::local::Found;
use super::renewal::Renewal;
use super::sts::Sts;
use super::{Credentials, CredentialsError, Standing};
use crate::clock::{Clock, Moment};
use crate::tencent::{Place, Role};

/// Temporary keys of one account.
pub(super) struct Issuing {
    issuers: Vec<Issuer>,
    sts: Sts,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// How many attempts have ended, for who waits for one.
    ended: watch::Sender<u64>,
}

/// What keys are wanted.
#[derive(Clone, PartialEq)]
pub(super) enum Order {
    /// Those of whichever issuer has any, or of a role that is taken on with them.
    Issue(Option<Role>),
    /// Those of a role that is taken on with keys kept here.
    Assume(Found, Role),
}

#[derive(Default)]
struct State {
    renewal: Renewal,
    held: Option<Held>,
    /// What was ordered last.
    order: Option<Order>,
    /// Why the last attempt failed, if it did.
    trouble: Option<CredentialsError>,
    attempt: Option<AbortHandle>,
    failures: u64,
    revivals: u64,
}

struct Held {
    credentials: Arc<Credentials>,
    place: Place,
    role: String,
    is_refused: bool,
}

/// Keys that an attempt has brought.
struct Obtained {
    issued: Issued,
    place: Place,
    role: String,
}

/// What there is for an order.
pub(super) enum Stock {
    Keys(Arc<Credentials>),
    Trouble(CredentialsError),
    /// An attempt is under way; this tells of its end.
    UnderWay(watch::Receiver<u64>),
}

impl Issuing {
    pub(super) fn new(issuers: Vec<Issuer>, sts: Sts, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuers,
            sts,
            clock,
            state: Mutex::default(),
            ended: watch::Sender::default(),
        }
    }

    /// Whom it can ask, in words.
    pub(super) fn places(&self) -> impl Iterator<Item = String> {
        self.issuers.iter().map(ToString::to_string)
    }

    /// What there is for `order` now. Begins an attempt when one is due.
    pub(super) fn look(self: &Arc<Self>, order: Order) -> Stock {
        let now = self.clock.now();
        // Before looking, so that no end is missed.
        let ended = self.ended.subscribe();
        let mut state = self.state();
        if state.order.as_ref().is_some_and(|before| *before != order) {
            state.renewal.want();
        }
        if state.renewal.is_due(now) && !state.is_under_way() {
            state.order = Some(order.clone());
            let attempt = tokio::spawn(Arc::clone(self).attempt(order));
            state.attempt = Some(attempt.abort_handle());
        }
        match &state.held {
            Some(held) if state.renewal.is_valid(now) => {
                return Stock::Keys(Arc::clone(&held.credentials));
            }
            _ => {}
        }
        if state.is_under_way() {
            return Stock::UnderWay(ended);
        }
        let trouble = state.trouble.clone();
        Stock::Trouble(
            trouble.unwrap_or_else(|| CredentialsError::Pending(self.sts.host().to_owned())),
        )
    }

    /// The upstream has refused `credentials`, as it does with keys that it has taken back. Whether others can be expected
    /// from the next look.
    pub(super) fn refused(&self, credentials: &Credentials) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        let Some(held) = state.held.as_mut() else {
            return false;
        };
        if *held.credentials != *credentials {
            return true;
        }
        held.is_refused = true;
        state.renewal.refused(now)
    }

    /// Waits for the end of the attempt that is under way, if one is, but no longer than `patience`.
    pub(super) async fn attempt_ended(&self, patience: Duration) {
        let mut ended = self.ended.subscribe();
        if self.state().is_under_way() {
            drop(tokio::time::timeout(patience, ended.changed()).await);
        }
    }

    /// Counts how often there were good keys again after there were none.
    pub(super) fn revivals(&self) -> u64 {
        self.state().revivals
    }

    /// How they stand.
    pub(super) fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            place: state.held.as_ref().map(|held| held.place),
            role: state
                .held
                .as_ref()
                .map_or_else(String::new, |held| held.role.clone()),
            expires: state.renewal.expires(),
            failures: state.failures,
        }
    }

    async fn attempt(self: Arc<Self>, order: Order) {
        let obtained = self.obtain(&order).await;
        let now = self.clock.now();
        let mut state = self.state();
        match obtained {
            Ok(obtained) => state.succeeded(obtained, now),
            Err(error) => state.failed(error, now),
        }
        state.attempt = None;
        drop(state);
        self.ended.send_modify(|ended| *ended += 1);
    }

    async fn obtain(&self, order: &Order) -> Result<Obtained, CredentialsError> {
        match order {
            Order::Issue(None) => self.first_issued().await,
            Order::Issue(Some(role)) => {
                let first = self.first_issued().await?;
                let keys = &first.issued.credentials;
                self.assumed(role, keys, first.place).await
            }
            Order::Assume(base, role) => self.assumed(role, &base.credentials, base.place).await,
        }
    }

    async fn assumed(
        &self,
        role: &Role,
        keys: &Credentials,
        place: Place,
    ) -> Result<Obtained, CredentialsError> {
        let issued = self.sts.assume_role(role, keys, self.timestamp()).await;
        let name = issued::short_name(&role.arn).to_owned();
        let issued = issued.map_err(|reason| CredentialsError::NotIssued {
            issuer: format!("STS ({}), asked for the role {name}", self.sts.host()),
            reason,
        })?;
        Ok(Obtained {
            issued,
            place,
            role: name,
        })
    }

    /// Of the first issuer that has any. One that had some before is not passed over when it is away for a while.
    async fn first_issued(&self) -> Result<Obtained, CredentialsError> {
        let before = self.state().held.as_ref().map(|held| held.place);
        let mut absent = Vec::new();
        for issuer in &self.issuers {
            let place = issuer.place();
            match issuer.issue(&self.sts, self.timestamp()).await {
                Ok((issued, role)) => {
                    return Ok(Obtained {
                        issued,
                        place,
                        role,
                    });
                }
                Err(Refusal::Absent(reason)) if before != Some(place) => {
                    absent.push(format!("{issuer} ({reason})"));
                }
                Err(Refusal::Absent(reason) | Refusal::Wrong(reason)) => {
                    return Err(CredentialsError::NotIssued {
                        issuer: issuer.to_string(),
                        reason,
                    });
                }
            }
        }
        Err(CredentialsError::None(absent.join(", ")))
    }

    fn timestamp(&self) -> i64 {
        self.clock.now().utc.timestamp()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_under_way(&self) -> bool {
        // One that has panicked is over too.
        self.attempt
            .as_ref()
            .is_some_and(|attempt| !attempt.is_finished())
    }

    fn succeeded(&mut self, obtained: Obtained, now: Moment) {
        let Obtained {
            issued,
            place,
            role,
        } = obtained;
        let was_good = self.held.as_ref().is_some_and(|held| !held.is_refused);
        if !was_good || !self.renewal.is_valid(now) {
            self.revivals += 1;
        }
        let was_told = self.renewal.succeeded(issued.expires, now);
        let (source, expires) = (place.as_str(), issued.expires);
        let is_same = |held: &Held| held.place == place && held.role == role;
        if was_told {
            tracing::info!(source, role, %expires, "Credentials can be renewed again");
        } else if self.held.as_ref().is_some_and(is_same) {
            tracing::debug!(source, role, %expires, "Credentials renewed");
        } else {
            tracing::info!(source, role, %expires, "Credentials loaded");
        }
        self.trouble = None;
        self.held = Some(Held {
            credentials: Arc::new(issued.credentials),
            place,
            role,
            is_refused: false,
        });
    }

    fn failed(&mut self, error: CredentialsError, now: Moment) {
        self.failures += 1;
        if self.renewal.failed(now) {
            let expires = self.renewal.expires().map(tracing::field::display);
            tracing::warn!(%error, expires, "Credentials cannot be renewed; it is tried again and again");
        } else {
            tracing::debug!(%error, "Credentials not renewed");
        }
        self.trouble = Some(error);
    }
}
