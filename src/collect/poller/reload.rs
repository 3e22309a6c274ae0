//! From one configuration to another while the loop runs.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tracing::warn;

use super::{Poller, Ticket};
use crate::collect::discovery::Discovery;
use crate::collect::work::{AccountWork, TargetWork};
use crate::collect::workshop::{SetUpError, Workshop, targets};
use crate::config::{Account, Config};
use crate::error::with_causes;
use crate::usage::Target;

impl Poller {
    /// Works by `config` from now on. Accounts that it does not change go on undisturbed; an error changes nothing.
    pub(super) fn reload(&mut self, config: Config) -> Result<(), SetUpError> {
        let same_pace = config.poll_interval == self.config.poll_interval;
        let changed = |account: &&Account| !same_pace || !self.config.accounts.contains(account);
        let changed: Vec<&Account> = config.accounts.iter().filter(changed).collect();
        let mut fresh = self.set_up(&config, &changed)?;

        let mut before: HashMap<Arc<str>, AccountWork> = self
            .accounts
            .drain(..)
            .map(|work| (Arc::clone(&work.account.name), work))
            .collect();
        for account in &config.accounts {
            let old = before.remove(&account.name);
            match (fresh.remove(&account.name), old) {
                (Some(mut new), Some(old)) => {
                    self.abandon_requests(&old);
                    new.resume(old);
                    self.accounts.push(new);
                }
                (new, old) => self.accounts.extend(new.or(old)),
            }
        }
        let is_there = |name: &str| config.accounts.iter().any(|account| *account.name == *name);
        self.tools.telemetry.only_figures_of(is_there);
        self.no_figures.retain(|name| is_there(name));
        self.config = config;
        self.figures_at = Duration::ZERO;
        let discoveries = self
            .accounts
            .iter_mut()
            .filter_map(|work| work.discovery.as_mut());
        discoveries.for_each(Discovery::begin_anew);
        self.draw_board();
        Ok(())
    }

    fn set_up(
        &mut self,
        config: &Config,
        accounts: &[&Account],
    ) -> Result<HashMap<Arc<str>, AccountWork>, SetUpError> {
        let accounts: Vec<Account> = accounts
            .iter()
            .map(|account| self.with_found(account))
            .collect();
        let accounts: Vec<&Account> = accounts.iter().collect();
        self.workshop(config, &accounts, |workshop| {
            let set_up =
                |account: &&Account| Ok((Arc::clone(&account.name), workshop.set_up(account)?));
            accounts.iter().map(set_up).collect()
        })
    }

    /// Enters the targets of these accounts in the state, and has something of them set to work.
    pub(super) fn workshop<T>(
        &mut self,
        config: &Config,
        accounts: &[&Account],
        set_up: impl FnOnce(&mut Workshop<'_>) -> Result<T, SetUpError>,
    ) -> Result<T, SetUpError> {
        let mut store = self
            .tools
            .store
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let targets: Vec<Target> = accounts
            .iter()
            .flat_map(|account| targets(account))
            .collect();
        if let Err(error) = store.expect(&targets, self.tools.clock.now().utc) {
            // Then they are entered with their first answer.
            warn!(
                error = with_causes(&error),
                "New apps could not be entered in the state yet"
            );
        }
        // Those that were read ahead serve the first time; a reload reads them anew.
        let roots = std::mem::take(&mut self.tools.roots);
        set_up(&mut Workshop {
            config,
            clock: &self.tools.clock,
            store: &store,
            telemetry: &self.tools.telemetry,
            roots: &roots,
            seed: self.tools.seed,
            lane_count: &mut self.lanes,
        })
    }

    /// The answers to these no longer matter, but they keep their permits: the upstream may not have heard them yet.
    pub(super) fn abandon_requests(&mut self, account: &AccountWork) {
        let is_of_it =
            |ticket: &&mut Ticket| account.lanes.iter().any(|lane| lane.id == ticket.lane);
        for ticket in self.in_flight.values_mut().filter(is_of_it) {
            ticket.is_abandoned = true;
        }
    }

    /// Shows every target of the configuration, and none other.
    pub(super) fn draw_board(&mut self) {
        let mut infos = Vec::new();
        for target in self.accounts.iter_mut().flat_map(AccountWork::targets_mut) {
            target.slot = infos.len();
            infos.push(target.info());
        }
        self.unpolled = self.targets().filter(|target| !target.polled).count();
        self.board.list(infos);
        self.show_all();
        self.note_ready();
    }

    /// Shows every target as it stands.
    pub(super) fn show_all(&mut self) {
        for target in self
            .accounts
            .iter()
            .flat_map(|account| &account.lanes)
            .flat_map(|lane| &lane.targets)
        {
            self.board
                .set(target.slot, target.standing.view(self.today));
        }
        self.board.publish();
    }

    fn targets(&self) -> impl Iterator<Item = &TargetWork> {
        self.accounts
            .iter()
            .flat_map(|account| &account.lanes)
            .flat_map(|lane| &lane.targets)
    }
}
