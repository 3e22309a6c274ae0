//! Why there is no history, each with what to do about it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::ConfigError;
use crate::store::{OpenError, SaveError};
use crate::tencent::CallError;
use crate::tencent::client::BuildError;
use crate::usage::{Date, Target};

/// History that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nobody of this name.
    #[error("--account={0}: there is no such account in the configuration")]
    UnknownAccount(String),
    /// No app of this id.
    #[error("--sdk-app-id={0}: no account in the configuration has this app")]
    UnknownApp(u64),
    /// State or what was asked for cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// State or what was asked for cannot be read or kept.
    #[error("cannot work with what is kept")]
    Kept(#[from] SaveError),
    /// Somebody has removed what was just made.
    #[error("{} is gone", .0.display())]
    Vanished(PathBuf),
    /// An HTTP client cannot be made.
    #[error("account {account}: cannot set up the HTTP client")]
    Client {
        /// The account.
        account: Arc<str>,
        /// Why.
        source: BuildError,
    },
    /// The upstream does not say which apps there are.
    #[error("account {account}: cannot list its apps; try again, or name them under `apps`")]
    Listing {
        /// The account.
        account: Arc<str>,
        /// Why.
        source: Box<CallError>,
    },
    /// The upstream refuses, or answers not at all.
    #[error(
        "cannot ask for {date} of {target}; what was answered is kept, so the same call goes on from here"
    )]
    Asking {
        /// Whom it was about.
        target: Box<Target>,
        /// The date.
        date: Date,
        /// Why.
        source: Box<CallError>,
    },
    /// A bug.
    #[error("a request panicked; this is a bug, please report it")]
    Panicked(#[from] tokio::task::JoinError),
    /// The output cannot be written.
    #[error("cannot write {}", .path.display())]
    Output {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system refuses something that every process needs.
    #[error("cannot watch for signals")]
    Signals(#[source] io::Error),
    /// Somebody has stopped it.
    #[error("stopped by {0} before history was whole; the same call goes on from here")]
    Interrupted(&'static str),
}

impl BackfillError {
    /// Whether the upstream has said that there is no such action any more.
    pub(super) fn is_retirement(&self) -> bool {
        matches!(self, Self::Asking { source, .. } if source.is_retirement())
    }

    /// Whether the call or the configuration is at fault.
    pub fn is_of_usage(&self) -> bool {
        matches!(
            self,
            Self::Config(_) | Self::UnknownAccount(_) | Self::UnknownApp(_)
        )
    }
}
