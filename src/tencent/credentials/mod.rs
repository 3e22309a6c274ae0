//! Where keys come from: a list of places that are tried in order, and the keys of the first that has any, or those of a
//! role that is taken on with them. What is kept on this machine is read again when it changes, what is given for a time
//! is renewed before that is over.

mod cli_profile;
mod files;
mod issued;
mod issuer;
mod issuing;
mod local;
mod profile;
mod renewal;
mod source;
mod sts;
mod surroundings;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use issuing::{Issuing, Order, Stock};
use local::{Found, Local};
use sts::Sts;
pub use surroundings::{Surroundings, Variables};

use super::{Place, Role, Upstream};
use crate::clock::Clock;
use crate::secret::Secret;
use crate::secret::file::SecretTextError;
use crate::trust::SystemRoots;

/// What a request is signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Names the key; sent in the clear.
    pub secret_id: String,
    /// Signs.
    pub secret_key: Secret,
    /// Goes with temporary keys.
    pub token: Option<Secret>,
}

impl Credentials {
    /// Every text in here, for whoever must keep them out of a log.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let token = self.token.as_ref().map(Secret::expose);
        [self.secret_key.expose(), &self.secret_id]
            .into_iter()
            .chain(token)
    }
}

/// Why there are no credentials. Says where to look, never what was found there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// A file could not be read.
    #[error("cannot read {path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// In the system's words.
        reason: String,
    },
    /// There, but no text that could be a key.
    #[error("{place} {problem}")]
    Value {
        /// Which of them, and where it is kept.
        place: String,
        /// What is wrong with it.
        problem: SecretTextError,
    },
    /// One half of a pair.
    #[error("{there} is set, but {missing} is not")]
    Half {
        /// What is set.
        there: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// A variable without which the place that was asked for cannot be used.
    #[error("{0} is not set")]
    NotSet(&'static str),
    /// No `[default]` section in a profile file.
    #[error("{0} has no section [default]")]
    NoDefault(PathBuf),
    /// No profile of the command line in its file.
    #[error("{path} {problem}")]
    NoProfile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Who gives keys for a time gave none.
    #[error("{issuer}: {reason}")]
    NotIssued {
        /// Who was asked, for what.
        issuer: String,
        /// Why not, cleaned.
        reason: String,
    },
    /// The first answer is still awaited.
    #[error("no answer from {0} yet")]
    Pending(String),
    /// No source has any.
    #[error("found none in {0}")]
    None(String),
}

/// Hands out the credentials of an account.
pub struct Provider {
    local: Local,
    issuing: Arc<Issuing>,
    /// The role that the configuration or the environment names.
    role: Option<Role>,
    has_issuers: bool,
}

/// How an account's credentials stand, for metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Where the keys in use come from; `None` before there are any.
    pub place: Option<Place>,
    /// The name of the role that they are of; empty without one.
    pub role: String,
    /// When they expire, if they do and it is known.
    pub expires: Option<DateTime<Utc>>,
    /// How often temporary keys could not be had.
    pub failures: u64,
}

impl Provider {
    /// For an account that is set up as `upstream` says, asking STS under the authorities of `roots`.
    pub fn new(upstream: &Upstream, roots: &SystemRoots, clock: Arc<dyn Clock>) -> Self {
        Self::within(upstream, roots, clock, &Surroundings::of_this_process())
    }

    /// Like [`Provider::new`], with an environment of one's own.
    pub fn within(
        upstream: &Upstream,
        roots: &SystemRoots,
        clock: Arc<dyn Clock>,
        surroundings: &Surroundings,
    ) -> Self {
        let source = &upstream.credentials;
        let of_environment = || match source {
            super::CredentialSource::Configured { .. } => None,
            _ => surroundings.role(),
        };
        let issuers = issuer::issuers(source, surroundings);
        Self {
            local: Local::new(source::sources(source, surroundings)),
            role: upstream.role.clone().or_else(of_environment),
            has_issuers: !issuers.is_empty(),
            issuing: Arc::new(Issuing::new(issuers, Sts::new(upstream, roots), clock)),
        }
    }

    /// The credentials to sign with now. Keys that are kept here cost a `stat` per file; temporary ones nothing while they
    /// are good, and otherwise a wait for their issuer, of no more than `patience`.
    ///
    /// # Errors
    /// When no place has any, or the first that has some has them wrong, and there never were good ones.
    pub async fn current(&self, patience: Duration) -> Result<Arc<Credentials>, CredentialsError> {
        let mut ended = match self.look() {
            Stock::Keys(keys) => return Ok(keys),
            Stock::Trouble(error) => return Err(error),
            Stock::UnderWay(ended) => ended,
        };
        // Whether it has ended or patience has: what there is now is all there is.
        drop(tokio::time::timeout(patience, ended.changed()).await);
        match self.look() {
            Stock::Keys(keys) => Ok(keys),
            Stock::Trouble(error) => Err(error),
            Stock::UnderWay(_) => Err(CredentialsError::Pending(self.places())),
        }
    }

    /// The upstream has refused `credentials` for what they are. Temporary ones are then renewed, which takes no longer
    /// than `patience`; whether there are others now.
    pub async fn renew(&self, credentials: &Credentials, patience: Duration) -> bool {
        if !self.issuing.refused(credentials) {
            return false;
        }
        if let Stock::Keys(keys) = self.look()
            && *keys != *credentials
        {
            return true;
        }
        self.issuing.attempt_ended(patience).await;
        matches!(self.look(), Stock::Keys(keys) if *keys != *credentials)
    }

    /// Looks at the files, begins a renewal that is due, and tells how they stand.
    pub fn refresh(&self) -> Standing {
        let base = self.local.current();
        drop(self.look_from(base.clone()));
        let issued = self.issuing.standing();
        match base {
            Ok(Some(found)) if self.role_with(&found).is_none() => Standing {
                place: Some(found.place),
                role: String::new(),
                expires: None,
                failures: issued.failures,
            },
            _ => issued,
        }
    }

    /// Counts how often the credentials have become others by the last look at them, but for temporary ones that were
    /// renewed in time: whoever gave up because of them tries again when this rises.
    pub fn generation(&self) -> u64 {
        self.local.generation() + self.issuing.revivals()
    }

    fn look(&self) -> Stock {
        self.look_from(self.local.current())
    }

    /// What there is to sign with, beginning with what is kept on this machine.
    fn look_from(&self, base: Result<Option<Found>, CredentialsError>) -> Stock {
        match base {
            Err(error) => Stock::Trouble(error),
            Ok(None) => self.look_at_issuers(),
            Ok(Some(found)) => match self.role_with(&found) {
                None => Stock::Keys(found.credentials),
                Some(role) => self.issuing.look(Order::Assume(found, role)),
            },
        }
    }

    fn look_at_issuers(&self) -> Stock {
        if !self.has_issuers {
            return Stock::Trouble(CredentialsError::None(self.places()));
        }
        match self.issuing.look(Order::Issue(self.role.clone())) {
            Stock::Trouble(CredentialsError::None(issuers)) => {
                let places: Vec<_> = self.local.places().chain([issuers]).collect();
                Stock::Trouble(CredentialsError::None(places.join(", ")))
            }
            other => other,
        }
    }

    /// The role to take on with keys that were found here.
    fn role_with(&self, found: &Found) -> Option<Role> {
        self.role.clone().or_else(|| found.role.clone())
    }

    fn places(&self) -> String {
        let places: Vec<_> = self.local.places().chain(self.issuing.places()).collect();
        places.join(", ")
    }
}

#[cfg(test)]
mod tests;
