//! Why a poll brought nothing to show, and the closed set of codes that metrics name it by.

use std::sync::Arc;

use tokio::task::JoinError;

use super::lane::Outcome;
use crate::store::SaveError;
use crate::tencent::error::LABELS;
use crate::tencent::{CallError, Class, Scope};

const NOT_SAVED: &str = "not_saved";
const PANIC: &str = "panic";

/// Every value of the label `code`: those of a failed call, and what can go wrong on our side.
pub const CODES: &[&str] = &{
    let mut codes = [""; LABELS.len() + 2];
    let mut index = 0;
    while index < LABELS.len() {
        codes[index] = LABELS[index];
        index += 1;
    }
    codes[index] = NOT_SAVED;
    codes[index + 1] = PANIC;
    codes
};

/// Why a poll brought nothing to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The upstream did not answer, or not with data.
    #[error(transparent)]
    Call(#[from] CallError),
    /// This target's kept state cannot be used.
    #[error(transparent)]
    NotKept(#[from] SaveError),
    /// Nothing can be saved, so nothing is credited.
    #[error("{0}")]
    NotSaved(Arc<str>),
    /// A bug; it costs this poll only.
    #[error("the poll panicked; this is a bug, please report it")]
    Panicked(#[source] JoinError),
    /// A bug; it costs this poll only.
    #[error("saving the answer panicked; this is a bug, please report it")]
    SavePanicked(#[source] JoinError),
}

impl Failure {
    /// The value of the label `code`.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Call(error) => error.label(),
            Self::NotKept(_) | Self::NotSaved(_) => NOT_SAVED,
            Self::Panicked(_) | Self::SavePanicked(_) => PANIC,
        }
    }

    /// What it means for the lane.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Call(error) => Outcome::Failed(error.class()),
            Self::NotKept(_) | Self::NotSaved(_) | Self::SavePanicked(_) => Outcome::NotKept,
            Self::Panicked(_) => Outcome::Failed(Class::Transient),
        }
    }

    /// Whether the state was at fault, whatever the answer said.
    pub(super) fn is_unsaved(&self) -> bool {
        matches!(self, Self::NotSaved(_) | Self::SavePanicked(_))
    }

    /// Whether the upstream has said that this very question has no answer.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Call(error) if error.class() == Class::Permanent && error.scope() == Scope::Query)
    }

    /// Whether the upstream has said that there is no such action any more.
    pub(super) fn is_retirement(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_retirement())
    }

    /// Whether the upstream refused it for its rate.
    pub(super) fn is_throttled(&self) -> bool {
        matches!(self, Self::Call(error) if error.class() == Class::Throttled)
    }
}
