//! Why a call failed, as a closed set: for the schedule, which must know how to go on, and for label values, which must
//! stay few.

use std::time::Duration;

use super::action::Action;
use super::clean::{clean, excerpt};
use super::codes::{self, Known};
use super::credentials::{Credentials, CredentialsError};
use super::sign::TOLERANCE_SECONDS;
use super::skew::Skew;
use super::wire::WireError;

/// How the schedule goes on after a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The upstream's rate limit was met: wait, and slow down for a while.
    Throttled,
    /// A later attempt may well succeed.
    Transient,
    /// It fails until somebody changes something: ask rarely.
    Permanent,
}

/// Which other calls would have failed the same way, so that a thousand apps need not find out one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// This call, as far as one can tell.
    Query,
    /// All calls of the same action.
    Action,
    /// All calls of the account.
    Account,
}

/// A call that brought no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The upstream answered with an error of its own.
    #[error(
        "the upstream refused: {code}: {message} (RequestId {request_id}){}",
        hint(code, *skew, *successor)
    )]
    Upstream {
        /// Exact code, e.g. `AuthFailure.SignatureExpire`.
        code: String,
        /// Its message, cleaned and shortened.
        message: String,
        /// For a support ticket; `-` when there was none.
        request_id: String,
        /// How far the clocks were apart by this very answer; `None` when it did not tell.
        skew: Option<Skew>,
        /// Which action reports the same, when this one is retired.
        successor: Option<&'static Action>,
    },
    /// No connection, or it broke.
    #[error("could not reach the upstream: {0}")]
    Transport(String),
    /// No complete answer within the time allowed.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// A status other than 200.
    #[error("the upstream answered with HTTP status {status}: {body:?}")]
    Status {
        /// The status.
        status: u16,
        /// A short cleaned prefix of the body.
        body: String,
    },
    /// A 200 that is not an answer of this API.
    #[error("the answer is malformed: {reason}: {body:?}")]
    Malformed {
        /// What was wrong.
        reason: String,
        /// A short cleaned prefix of the body.
        body: String,
    },
    /// More bytes than any answer has.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit that was passed.
        limit: usize,
    },
    /// There are no credentials to sign with.
    #[error("no usable credentials: {0}")]
    Credentials(String),
    /// The upstream refused temporary keys, which have been renewed since.
    #[error("{0}; the keys have been renewed since")]
    Renewed(Box<Self>),
}

/// Every value of [`CallError::label`]: those of the upstream's codes, then our own.
pub const LABELS: &[&str] = &[
    "action_retired",
    "auth_failure",
    "signature_expire",
    "unauthorized_operation",
    "ip_in_blacklist",
    "ip_not_in_whitelist",
    "invalid_parameter",
    "missing_parameter",
    "unknown_parameter",
    "invalid_request",
    "unsupported_region",
    "unsupported_protocol",
    "request_size_limit_exceeded",
    "response_size_limit_exceeded",
    "resource_not_found",
    "request_limit_exceeded",
    "limit_exceeded",
    "resource_insufficient",
    "resource_unavailable",
    "service_unavailable",
    "internal_error",
    "failed_operation",
    "other",
    "transport",
    "timeout",
    "http_status",
    "malformed",
    "too_large",
    "credentials",
];

impl CallError {
    /// How to go on.
    pub fn class(&self) -> Class {
        match self {
            Self::Upstream { code, .. } => codes::known(code).class,
            Self::Credentials(_) => Class::Permanent,
            Self::Transport(_)
            | Self::Timeout(_)
            | Self::Status { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::Renewed(_) => Class::Transient,
        }
    }

    /// Who else is concerned.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Upstream { code, .. } => codes::known(code).scope,
            Self::Credentials(_) => Scope::Account,
            Self::Transport(_)
            | Self::Timeout(_)
            | Self::Status { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::Renewed(_) => Scope::Query,
        }
    }

    /// Whether the upstream says that there is no such action any more, so that its successor is to be asked. That it does
    /// not know the product at all says something about the endpoint instead.
    pub fn is_retirement(&self) -> bool {
        self.label() == codes::ACTION_RETIRED
            && !matches!(self, Self::Upstream { code, .. } if code == codes::NO_SUCH_PRODUCT)
    }

    /// The value of the label `code`, one of [`LABELS`].
    pub fn label(&self) -> &'static str {
        match self {
            Self::Upstream { code, .. } => codes::known(code).label,
            Self::Transport(_) => "transport",
            Self::Timeout(_) => "timeout",
            Self::Status { .. } => "http_status",
            Self::Malformed { .. } => "malformed",
            Self::TooLarge { .. } => "too_large",
            Self::Credentials(_) => "credentials",
            Self::Renewed(error) => error.label(),
        }
    }

    /// Whether the upstream does not know the keys, or does not know them any more.
    pub(super) fn doubts_keys(&self) -> bool {
        matches!(self, Self::Upstream { code, .. } if codes::DOUBTED_KEYS.contains(&code.as_str()))
    }

    /// The same error, for an action that has this successor.
    pub(super) fn with_successor(mut self, of: Option<&'static Action>) -> Self {
        if let Self::Upstream { successor, .. } = &mut self {
            *successor = of;
        }
        self
    }

    /// What a body that holds no answer means, cleaned for everybody's eyes; `skew` is what it tells of the clocks.
    pub(super) fn from_wire(
        error: WireError,
        body: &[u8],
        credentials: &Credentials,
        skew: Option<Skew>,
    ) -> Self {
        let clean = |text: &str| clean(text, Some(credentials));
        match error {
            WireError::Refused {
                code,
                message,
                request_id,
            } => Self::Upstream {
                code: clean(&code),
                message: clean(&message),
                request_id: request_id.map_or_else(|| "-".to_owned(), |id| clean(&id)),
                skew,
                successor: None,
            },
            WireError::Malformed(reason) => Self::Malformed {
                reason: clean(&reason),
                body: excerpt(body, Some(credentials)),
            },
        }
    }
}

impl From<CredentialsError> for CallError {
    fn from(error: CredentialsError) -> Self {
        Self::Credentials(clean(&error.to_string(), None))
    }
}

/// What the operator can do about a code, as the end of the sentence that reports it.
fn hint(code: &str, skew: Option<Skew>, successor: Option<&Action>) -> String {
    match (codes::known(code), skew) {
        (Known { label, hint, .. }, _) if *label == codes::ACTION_RETIRED => match successor {
            Some(Action { name, .. }) => format!(
                "; {hint}: its successor is {name}, set `action: {name}` or `action: auto` for the item"
            ),
            None => format!("; {hint}"),
        },
        (_, Some(skew)) if code == codes::SIGNATURE_EXPIRE => format!(
            "; this machine's clock is {skew}; signatures are accepted within {TOLERANCE_SECONDS} s"
        ),
        (Known { hint: "", .. }, _) => String::new(),
        (Known { hint, .. }, _) => format!("; {hint}"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::super::action::TRTC_USAGE;
    use super::*;
    use crate::clock::Moment;

    fn upstream(code: &str) -> CallError {
        CallError::Upstream {
            code: code.to_owned(),
            message: "m".to_owned(),
            request_id: "r".to_owned(),
            skew: None,
            successor: None,
        }
    }

    #[test]
    fn codes_are_classed_exactly_first_then_by_group() {
        use Class::{Permanent, Throttled, Transient};
        for (code, class, label) in [
            ("ActionOffline", Permanent, "action_retired"),
            ("UnsupportedOperation", Permanent, "action_retired"),
            ("AuthFailure.SecretIdNotFound", Permanent, "auth_failure"),
            ("AuthFailure.SignatureExpire", Transient, "signature_expire"),
            (
                "AuthFailure.UnauthorizedOperation",
                Permanent,
                "unauthorized_operation",
            ),
            (
                "UnauthorizedOperation.SdkAppId",
                Permanent,
                "unauthorized_operation",
            ),
            ("InvalidParameter.SdkAppId", Permanent, "invalid_parameter"),
            (
                "FailedOperation.SdkAppIdNotExist",
                Permanent,
                "resource_not_found",
            ),
            ("FailedOperation.Anything", Transient, "failed_operation"),
            ("RequestLimitExceeded", Throttled, "request_limit_exceeded"),
            (
                "RequestLimitExceeded.IPLimitExceeded",
                Throttled,
                "request_limit_exceeded",
            ),
            ("LimitExceeded", Permanent, "limit_exceeded"),
            ("ResourceInsufficient", Permanent, "resource_insufficient"),
            ("InternalError.DBError", Transient, "internal_error"),
            ("internalerror", Transient, "other"),
            ("", Transient, "other"),
        ] {
            let error = upstream(code);
            assert_eq!((error.class(), error.label()), (class, label), "{code}");
        }
    }

    #[test]
    fn every_label_is_announced_once() {
        let own = [
            CallError::Transport(String::new()),
            CallError::Timeout(Duration::ZERO),
            CallError::Status {
                status: 502,
                body: String::new(),
            },
            CallError::Malformed {
                reason: String::new(),
                body: String::new(),
            },
            CallError::TooLarge { limit: 1 },
            CallError::Credentials(String::new()),
        ];
        let mut labels: Vec<_> = codes::ALL.iter().map(|known| known.label).collect();
        labels.push(codes::UNKNOWN.label);
        labels.extend(own.iter().map(CallError::label));
        labels.sort_unstable();
        labels.dedup();
        let mut announced = LABELS.to_vec();
        announced.sort_unstable();
        assert_eq!(labels, announced);
    }

    #[test]
    fn a_message_says_what_to_do() {
        let mut retired = upstream("InvalidAction");
        let without_successor = retired.to_string();
        assert!(
            without_successor
                .ends_with("(RequestId r); the upstream offers this action no longer or not here")
        );
        if let CallError::Upstream { successor, .. } = &mut retired {
            *successor = Some(&TRTC_USAGE);
        }
        let with_successor = retired.to_string();
        assert!(with_successor.contains("set `action: DescribeTrtcUsage` or `action: auto`"));
        assert!(retired.is_retirement() && !upstream("InternalError").is_retirement());
        assert!(!upstream("NoSuchProduct").is_retirement());
        assert_eq!(
            upstream("InternalError").to_string(),
            "the upstream refused: InternalError: m (RequestId r)"
        );
    }

    #[test]
    fn a_refused_timestamp_is_told_with_what_was_measured() {
        let date = DateTime::<Utc>::default();
        let now = Moment {
            utc: date + TimeDelta::milliseconds(421_500),
            mono: Duration::ZERO,
        };
        let measured = |code: &str| CallError::Upstream {
            code: code.to_owned(),
            message: "m".to_owned(),
            request_id: "r".to_owned(),
            skew: Some(Skew::told_by(date, now, now)),
            successor: None,
        };
        assert_eq!(
            measured("AuthFailure.SignatureExpire").to_string(),
            "the upstream refused: AuthFailure.SignatureExpire: m (RequestId r); \
             this machine's clock is 421 s ahead of the upstream's; signatures are accepted within 300 s"
        );
        assert_eq!(
            measured("InternalError").to_string(),
            upstream("InternalError").to_string(),
            "no other refusal comes from the clock"
        );
        let not_measured = upstream("AuthFailure.SignatureExpire").to_string();
        assert!(
            not_measured.ends_with("check this machine's time"),
            "{not_measured}"
        );
    }
}
