//! What the pages are made of: everything that requests share with the rest of the program.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::clock::Clock;
use crate::health::Health;
use crate::metrics::Exposition;
use crate::status::{Question, Status};

use super::{Guard, Limits};

/// A wish to reload the configuration; the answer goes back with the reason when it failed.
pub type Reload = oneshot::Sender<Result<(), String>>;

/// A question how everything stands.
#[derive(Debug)]
pub struct Inquiry {
    /// Which targets.
    pub question: Question,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Status>,
}

/// Everything that requests read.
pub struct Site {
    /// Where metrics are; begins with a slash.
    pub telemetry_path: String,
    /// Where it is asked how everything stands.
    pub inquiries: mpsc::Sender<Inquiry>,
    /// The metrics.
    pub exposition: Arc<Exposition>,
    /// For probes.
    pub health: Arc<Health>,
    /// The running configuration as YAML, without its secrets.
    pub config: Arc<ArcSwap<Bytes>>,
    /// Where a reload is asked for; `None` without `--web.enable-lifecycle`.
    pub reload: Option<mpsc::Sender<Reload>>,
    /// One permit for each scrape allowed at once.
    pub scrapes: Arc<Semaphore>,
    /// The terms on which requests are answered.
    pub access: Arc<Guard>,
    /// On clients.
    pub limits: Limits,
    /// For the silence of the poll loop.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("telemetry_path", &self.telemetry_path)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
