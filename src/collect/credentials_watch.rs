//! Tells what becomes of an account's keys: where they come from, when they expire, and that they are others now.

use std::sync::Arc;

use tracing::info;

use crate::metrics::AccountTelemetry;
use crate::tencent::credentials::{Provider, Standing};

/// Watches over the keys of one account.
pub(super) struct CredentialsWatch {
    account: Arc<str>,
    telemetry: Arc<AccountTelemetry>,
    /// Which of them have been tried; see [`Provider::generation`].
    generation: u64,
    told: Option<Standing>,
}

impl CredentialsWatch {
    pub(super) fn new(
        account: Arc<str>,
        telemetry: Arc<AccountTelemetry>,
        provider: &Provider,
    ) -> Self {
        Self {
            account,
            telemetry,
            generation: provider.generation(),
            told: None,
        }
    }

    /// Sees to it that they are fresh, and tells how they stand. Whether they have become others since the last look, so
    /// that what failed for good may succeed.
    pub(super) fn look(&mut self, provider: &Provider) -> bool {
        self.tell(provider.refresh());
        let generation = provider.generation();
        let before = std::mem::replace(&mut self.generation, generation);
        // The first ones are news to nobody.
        if before != 0 && before != generation {
            info!(account = %self.account, "Credentials have changed");
        }
        before != generation
    }

    fn tell(&mut self, standing: Standing) {
        if self.told.as_ref() == Some(&standing) {
            return;
        }
        if let Some(place) = standing.place {
            self.telemetry
                .credentials_are(place.as_str(), &standing.role);
        }
        let expires = standing.expires.map(|at| at.timestamp() as f64);
        self.telemetry.credentials_expire(expires);
        let before = self.told.as_ref().map_or(0, |told| told.failures);
        self.telemetry
            .credentials_not_refreshed(standing.failures.saturating_sub(before));
        self.told = Some(standing);
    }
}
