//! Sets accounts to work: a client, lanes with their targets as they were left, and where apps are found.

use std::sync::Arc;
use std::time::Duration;

use super::clock_watch::ClockWatch;
use super::credentials_watch::CredentialsWatch;
use super::discovery::Discovery;
use super::lane::Lane;
use super::quota::Quota;
use super::schedule::{Before, Pace};
use super::work::{AccountWork, ItemWork, LaneId, LaneWork, TargetWork};
use crate::clock::{Clock, Moment};
use crate::config::{self, Account, Config};
use crate::metrics::{AccountTelemetry, Telemetry};
use crate::store::{SaveError, Store};
use crate::tencent::Action;
use crate::tencent::client::{BuildError, Client};
use crate::tencent::wire::LIST_APPS;
use crate::trust::SystemRoots;
use crate::usage::{App, Date, Standing, Target, Unit};

/// Why an account cannot be set to work.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// Its HTTP client cannot be made.
    #[error("account {account}: cannot set up the HTTP client")]
    Client {
        /// The account.
        account: Arc<str>,
        /// Why.
        source: BuildError,
    },
    /// What was saved of it cannot be read.
    #[error("account {account}: cannot read its saved state")]
    State {
        /// The account.
        account: Arc<str>,
        /// Why.
        source: SaveError,
    },
}

/// Sets accounts to work.
pub(super) struct Workshop<'a> {
    pub(super) config: &'a Config,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) store: &'a Store,
    pub(super) telemetry: &'a Telemetry,
    pub(super) roots: &'a SystemRoots,
    pub(super) seed: u64,
    /// How many lanes there have been.
    pub(super) lane_count: &'a mut u64,
}

impl Workshop<'_> {
    /// Sets an account to work.
    pub(super) fn set_up(&mut self, account: &Account) -> Result<AccountWork, SetUpError> {
        let client = Client::new(&account.upstream, self.roots, Arc::clone(self.clock));
        let client = client.map_err(|source| SetUpError::Client {
            account: Arc::clone(&account.name),
            source,
        })?;
        let lanes = self.lanes(account)?;
        let (name, telemetry) = (&account.name, self.telemetry.account(&account.name));
        let credentials_watch = CredentialsWatch::new(
            Arc::clone(name),
            Arc::clone(&telemetry),
            client.credentials(),
        );
        Ok(AccountWork {
            account: account.clone(),
            client: Arc::new(client),
            lanes,
            discovery: self.discovery(account, &telemetry),
            clock_watch: ClockWatch::new(Arc::clone(name), telemetry),
            credentials_watch,
        })
    }

    /// One lane for each action: what is billed apart may be reported by the same one, within the same rate limit.
    fn lanes_by_action(&mut self, account: &Account) -> Result<Vec<LaneWork>, SaveError> {
        let mut by_action: Vec<(&'static Action, Vec<&config::Item>)> = Vec::new();
        for item in &account.items {
            let gone_over_to = self.store.gone_over_to(&account.name, item.kind.name)?;
            let action = item.action(gone_over_to.as_deref());
            match by_action.iter_mut().find(|(other, _)| *other == action) {
                Some((_, items)) => items.push(item),
                None => by_action.push((action, vec![item])),
            }
        }
        by_action
            .into_iter()
            .map(|(action, items)| self.lane(account, action, &items))
            .collect()
    }

    /// Sets the lanes of an account to work.
    pub(super) fn lanes(&mut self, account: &Account) -> Result<Vec<LaneWork>, SetUpError> {
        self.lanes_by_action(account)
            .map_err(|source| SetUpError::State {
                account: Arc::clone(&account.name),
                source,
            })
    }

    fn discovery(&self, account: &Account, telemetry: &Arc<AccountTelemetry>) -> Option<Discovery> {
        let Some(shard) = account.found else {
            telemetry.apps_are_configured();
            return None;
        };
        Some(Discovery::new(
            Arc::clone(&account.name),
            shard,
            account.apps.clone(),
            Arc::clone(telemetry),
            self.telemetry.action(&account.name, LIST_APPS),
        ))
    }

    fn lane(
        &mut self,
        account: &Account,
        action: &'static Action,
        items: &[&config::Item],
    ) -> Result<LaneWork, SaveError> {
        let now = self.clock.now();
        let mut targets = Vec::new();
        let mut before = Vec::new();
        for item in items {
            self.enter_targets(account, action, item, now, &mut targets, &mut before)?;
        }
        let limits = items.iter().map(|item| item.share_of_limit(action));
        let requests_per_second = limits.fold(f64::INFINITY, f64::min);
        let pace = Pace {
            interval: self.config.poll_interval,
            request_timeout: account.upstream.request_timeout,
            background_gap: Duration::from_secs_f64(2.0 / requests_per_second),
            seed: self.seed,
        };
        *self.lane_count += 1;
        Ok(LaneWork {
            id: LaneId(*self.lane_count),
            action,
            lane: Lane::new(pace, Quota::new(requests_per_second), before, now),
            targets,
            requests: self.telemetry.action(&account.name, action.name),
        })
    }

    /// Adds the targets of an item as they were left, and what was answered about each.
    fn enter_targets(
        &self,
        account: &Account,
        action: &'static Action,
        item: &config::Item,
        now: Moment,
        targets: &mut Vec<TargetWork>,
        before: &mut Vec<Before>,
    ) -> Result<(), SaveError> {
        let work = Arc::new(ItemWork {
            parameter: item.kind.parameter,
            unit: action.unit,
            successor: item.successor_of(action),
            polls: self.telemetry.item(&account.name, item.kind.name),
            _source: self
                .telemetry
                .source(&account.name, item.kind.name, action.name),
        });
        let name: Arc<str> = item.kind.name.into();
        let apps: Vec<(Target, Option<String>)> = apps(account)
            .map(|(app, app_name)| (target(account, app, &name), app_name))
            .collect();
        let today = Date::of(now.utc);
        let restored = self
            .store
            .restore_all(apps.iter().map(|(target, _)| target), today)?;
        for ((target, app_name), kept) in apps.into_iter().zip(restored) {
            let mut standing = Standing::new(
                action.unit,
                action.media().collect(),
                kept.ledger,
                kept.sums,
                kept.last_success,
            );
            standing.catch_up(&kept.asked, now.utc);
            let summed_at = kept.month.as_ref().map(|&(_, at)| at);
            if let Some((reconciled, _)) = kept.month {
                standing.reconciled(reconciled.month, reconciled.unreconciled_ms);
                standing.turn(today);
            }
            before.push(Before {
                asked: kept.asked,
                summed_at,
                has_no_sums: action.unit == Unit::Bandwidth,
            });
            targets.push(TargetWork {
                target,
                item: Arc::clone(&work),
                app_name,
                standing,
                polled: false,
                failing: None,
                slot: 0,
            });
        }
        Ok(())
    }
}

/// Every target of an account.
pub(crate) fn targets(account: &Account) -> impl Iterator<Item = Target> {
    account
        .items
        .iter()
        .flat_map(|item| targets_of(account, item))
}

/// The targets of an item of an account.
pub(crate) fn targets_of(account: &Account, item: &config::Item) -> impl Iterator<Item = Target> {
    let name: Arc<str> = item.kind.name.into();
    apps(account).map(move |(app, _)| target(account, app, &name))
}

fn target(account: &Account, app: App, item: &Arc<str>) -> Target {
    Target {
        account: Arc::clone(&account.name),
        app,
        item: Arc::clone(item),
    }
}

fn apps(account: &Account) -> impl Iterator<Item = (App, Option<String>)> {
    let total = account.total.then_some((App::Total, None));
    account
        .apps
        .iter()
        .map(|app| (App::Id(app.sdk_app_id), app.name.clone()))
        .chain(total)
}
