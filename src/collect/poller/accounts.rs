//! Figures of whole accounts, made anew while the loop runs.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tracing::warn;

use super::Poller;
use crate::collect::figures::figures;
use crate::error::with_causes;

/// They are made anew once in a poll interval, or so often if that is longer.
const FIGURES: Duration = Duration::from_secs(60);

impl Poller {
    /// Makes the figures of whole accounts anew when it is time; at once when everything was polled for the first time.
    pub(super) fn make_figures(&mut self) {
        let now = self.tools.clock.now().mono;
        if now < self.figures_at || self.unpolled > 0 {
            return;
        }
        self.figures_at = now + self.config.poll_interval.min(FIGURES);
        let store = Arc::clone(&self.tools.store);
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        for work in self.accounts.iter().filter(|work| work.knows_its_apps()) {
            let name = &work.account.name;
            match figures(work, self.today, &mut store) {
                Ok(figures) => {
                    self.no_figures.remove(name);
                    self.tools.telemetry.account_figures(figures);
                }
                Err(error) if self.no_figures.insert(Arc::clone(name)) => warn!(
                    account = %name,
                    error = with_causes(&error),
                    "Costs and packages cannot be told anew; they stay as they are"
                ),
                Err(_) => {}
            }
        }
    }
}
