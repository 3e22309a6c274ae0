//! Apps that the upstream lists: asks for the list when that is due, and polls what is new from then on.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError};
use tracing::error;

use super::{Poller, TURN};
use crate::clock::Moment;
use crate::collect::failure::Failure;
use crate::collect::listing::list;
use crate::collect::work::AccountWork;
use crate::collect::workshop::SetUpError;
use crate::config::Account;
use crate::error::with_causes;
use crate::tencent::CallError;
use crate::tencent::wire::ListedApp;

/// A list that has come back, from the task of this id.
pub(super) type Listed = Result<(Id, Result<Vec<ListedApp>, CallError>), JoinError>;

impl Poller {
    /// Asks for every list that is due and returns when the next one will be.
    pub(super) fn send_listings(&mut self, now: Moment) -> Duration {
        let mut wake = now.mono + TURN;
        for account in &mut self.accounts {
            let Some(discovery) = &mut account.discovery else {
                continue;
            };
            match discovery.due_at() {
                Some(due) if due <= now.mono => {
                    let client = Arc::clone(&account.client);
                    let (requests, clock) = (discovery.requests(), Arc::clone(&self.tools.clock));
                    let task = self.listings.spawn(async move {
                        list(&client, &*clock, |took, result| {
                            requests.request_ended(took, result)
                        })
                        .await
                    });
                    discovery.begun(task.id());
                }
                Some(due) => wake = wake.min(due),
                None => {}
            }
        }
        wake
    }

    /// Takes in a list. One of an account that a reload has set up anew is forgotten.
    pub(super) async fn take_in_listed(&mut self, listed: Listed) {
        let (id, result) = match listed {
            Ok((id, result)) => (id, result.map_err(Failure::Call)),
            Err(error) => (error.id(), Err(Failure::Panicked(error))),
        };
        // Before it is known that there is more to poll than what has come back.
        self.take_in().await;
        let now = self.tools.clock.now();
        let of_task = |account: &&mut AccountWork| {
            let discovery = account.discovery.as_ref();
            discovery.is_some_and(|discovery| discovery.is_asked_by(id))
        };
        let Some(account) = self.accounts.iter_mut().find(of_task) else {
            return;
        };
        let discovery = account.discovery.as_mut();
        let are_others = discovery.is_some_and(|discovery| discovery.ended(result, now));
        if !are_others {
            return self.note_ready();
        }
        let name = Arc::clone(&account.account.name);
        if let Err(error) = self.set_lanes_anew(&name) {
            error!(account = %name, error = with_causes(&error), "The apps that were found cannot be polled");
        }
    }

    /// Polls the apps of an account that are known now by the actions that are known now; what was polled before goes on.
    pub(super) fn set_lanes_anew(&mut self, name: &str) -> Result<(), SetUpError> {
        let is_it = |work: &AccountWork| &*work.account.name == name;
        let Some(index) = self.accounts.iter().position(is_it) else {
            return Ok(());
        };
        let account = self.with_found(&self.accounts[index].account);
        let config = self.config.clone();
        let lanes = self.workshop(&config, &[&account], |workshop| workshop.lanes(&account))?;
        let mut work = self.accounts.remove(index);
        self.abandon_requests(&work);
        work.go_on_with(account, lanes);
        self.accounts.insert(index, work);
        self.figures_at = Duration::ZERO;
        self.draw_board();
        Ok(())
    }

    /// An account as it is configured, with the apps that are known of it already.
    pub(super) fn with_found(&self, account: &Account) -> Account {
        let known = self
            .accounts
            .iter()
            .find(|work| work.account.name == account.name);
        let known = known.and_then(|work| work.discovery.as_ref());
        let mut account = account.clone();
        if let (Some(_), Some(known)) = (account.found, known) {
            account.apps = known.apps().to_vec();
        }
        account
    }

    /// Whether every list was asked for once, well or badly.
    pub(super) fn has_asked_for_lists(&self) -> bool {
        self.accounts.iter().all(AccountWork::knows_its_apps)
    }
}
