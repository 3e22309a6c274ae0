//! Why a call failed, as a closed set: for the schedule, which must know how to go on, and for label values, which must
//! stay few.

use std::time::Duration;

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

/// A call that brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The upstream answered with an error of its own.
    #[error("the upstream refused: {code}: {message} (RequestId {request_id})")]
    Upstream {
        /// Exact code, e.g. `AuthFailure.SignatureExpire`.
        code: String,
        /// Its message, cleaned and shortened.
        message: String,
        /// For a support ticket; `-` when there was none.
        request_id: String,
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
}
