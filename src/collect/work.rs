//! One account at work: its client, its lanes, and how the targets of each lane stand.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::clock_watch::ClockWatch;
use super::credentials_watch::CredentialsWatch;
use super::discovery::Discovery;
use super::failure::Failure;
use super::lane::{Attempt, Lane};
use super::quota::Quota;
use super::schedule::{Before, Pace};
use crate::clock::{Clock, Moment};
use crate::config::{self, Account, Config};
use crate::metrics::{
    AccountTelemetry, ActionTelemetry, ItemTelemetry, SourceTelemetry, TargetInfo, Telemetry,
};
use crate::status::{self, Failing, MediaStatus, TargetStatus};
use crate::store::{SaveError, Store};
use crate::tencent::client::{BuildError, Client};
use crate::tencent::wire::LIST_APPS;
use crate::tencent::{Action, CallError, Parameter, Query};
use crate::trust::SystemRoots;
use crate::usage::{App, Date, Standing, Target, TimeKey, Unit};

/// Identifies a lane for as long as the process runs, so that an attempt finds back to it or, after a reload, to the one
/// that goes on with its rate limit, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaneId(u64);

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

/// An account at work.
pub(super) struct AccountWork {
    /// As it is configured, and with the apps that were found.
    pub(super) account: Account,
    pub(super) client: Arc<Client>,
    pub(super) lanes: Vec<LaneWork>,
    /// Where its apps are found rather than listed.
    pub(super) discovery: Option<Discovery>,
    clock_watch: ClockWatch,
    credentials_watch: CredentialsWatch,
}

/// A lane, and the targets that its schedule knows by index.
pub(super) struct LaneWork {
    pub(super) id: LaneId,
    pub(super) action: &'static Action,
    pub(super) lane: Lane,
    pub(super) targets: Vec<TargetWork>,
    pub(super) requests: Arc<ActionTelemetry>,
}

/// A billing item at work; its targets are all in one lane.
pub(super) struct ItemWork {
    /// What tells its questions from those of other items of the same action.
    parameter: Option<Parameter>,
    pub(super) unit: Unit,
    /// The action to go over to when that of the lane is retired.
    pub(super) successor: Option<&'static Action>,
    pub(super) polls: Arc<ItemTelemetry>,
    /// Shows by which action the item is asked for.
    _source: Arc<SourceTelemetry>,
}

/// A target at work.
pub(super) struct TargetWork {
    pub(super) target: Target,
    pub(super) item: Arc<ItemWork>,
    pub(super) app_name: Option<String>,
    pub(super) standing: Standing,
    /// Whether a poll of it has ended, well or badly.
    pub(super) polled: bool,
    /// The failure that its last poll of today ended with.
    pub(super) failing: Option<Failing>,
    /// Where it stands on the board.
    pub(super) slot: usize,
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

impl AccountWork {
    /// Whether it is known which apps it has, as far as that can be known: its list was asked for, well or badly.
    pub(super) fn knows_its_apps(&self) -> bool {
        self.discovery.as_ref().is_none_or(Discovery::has_ended)
    }

    pub(super) fn targets_mut(&mut self) -> impl Iterator<Item = &mut TargetWork> {
        self.lanes.iter_mut().flat_map(|lane| &mut lane.targets)
    }

    /// Tells what its answers have told of the clock.
    pub(super) fn watch_clock(&mut self) {
        if let Some(skew) = self.client.skew() {
            self.clock_watch.see(skew);
        }
    }

    /// Keeps its keys fresh. Those that have changed may mend what failed for good: asks at once instead of rarely.
    pub(super) fn watch_credentials(&mut self, now: Moment) {
        if self.credentials_watch.look(self.client.credentials()) {
            self.lanes
                .iter_mut()
                .for_each(|lane| lane.lane.try_again(now));
            if let Some(discovery) = &mut self.discovery {
                discovery.try_again();
            }
        }
    }

    /// Goes on with other apps.
    pub(super) fn go_on_with(&mut self, account: Account, lanes: Vec<LaneWork>) {
        self.account = account;
        let before = std::mem::replace(&mut self.lanes, lanes);
        self.resume_lanes(before);
    }

    /// Goes on where the same account stood before a reload: the upstream does not forget what it was sent, and a
    /// target that stays has not stopped being up.
    pub(super) fn resume(&mut self, before: Self) {
        self.clock_watch.resume(&before.clock_watch);
        self.resume_lanes(before.lanes);
    }

    fn resume_lanes(&mut self, before: Vec<LaneWork>) {
        let mut stood = HashMap::new();
        for old in before {
            stood.extend(
                old.targets
                    .into_iter()
                    .map(|target| (target.target.clone(), target)),
            );
            if let Some(new) = self.lanes.iter_mut().find(|new| new.action == old.action) {
                new.lane.resume(old.lane);
                new.id = old.id;
            }
        }
        for new in self.targets_mut() {
            if let Some(old) = stood.remove(&new.target) {
                new.standing.resume(&old.standing);
                new.polled = old.polled;
                new.failing = old.failing;
            }
        }
    }
}

impl LaneWork {
    /// Counts a request that has ended; without keys to sign with, none was sent.
    pub(super) fn count_request(&self, took: Duration, failure: Option<&Failure>) {
        if matches!(failure, Some(Failure::Call(CallError::Credentials(_)))) {
            return;
        }
        self.requests
            .request_ended(took, failure.map_or(Ok(()), |failure| Err(failure.code())));
        if failure.is_some_and(Failure::is_throttled) {
            self.requests.throttled();
        }
    }
}

impl LaneWork {
    /// The question that an attempt asks.
    pub(super) fn query(&self, attempt: &Attempt) -> Query {
        let of = &self.targets[attempt.job.target];
        Query {
            action: self.action,
            parameter: of.item.parameter,
            app: of.target.app,
            date: attempt.job.date,
            since: attempt.job.since,
        }
    }

    /// How its rate limit stands.
    pub(super) fn limit_status(&mut self, account: &Account, now: Moment) -> status::Lane {
        let (requests, limit) = self.lane.load(now);
        status::Lane {
            account: Arc::clone(&account.name),
            action: self.action.name,
            requests,
            limit,
        }
    }

    /// How its targets stand, but for their buckets.
    pub(super) fn target_statuses(
        &self,
        today: Date,
        now: Moment,
    ) -> impl Iterator<Item = TargetStatus> {
        let targets = self.targets.iter().enumerate();
        targets.map(move |(index, target)| {
            let next = self.lane.next_poll_of_today(index);
            target.status(today, next.map(|at| at.saturating_sub(now.mono)))
        })
    }
}

impl TargetWork {
    /// Notes that polls of today fail, since `at` if they did not fail with this code before; whether that is news.
    pub(super) fn note_failing(&mut self, code: &'static str, error: &str, at: Moment) -> bool {
        let before = self.failing.take().filter(|before| before.code == code);
        let is_news = before.is_none();
        self.failing = Some(Failing {
            code,
            message: error.into(),
            since: before.map_or(at.utc.timestamp(), |before| before.since),
        });
        is_news
    }

    fn status(&self, today: Date, next_poll: Option<Duration>) -> TargetStatus {
        let view = self.standing.view(today);
        let (times, rates) = match self.item.unit {
            Unit::Seconds => (&view.series[..], &[][..]),
            Unit::Bandwidth => (&[][..], &view.series[..]),
        };
        let media = times.iter().map(|series| MediaStatus {
            media: series.media.as_str(),
            total_seconds: seconds(series.total_ms),
            today_seconds: seconds(series.today_ms),
            yesterday_seconds: seconds(series.yesterday_ms),
        });
        TargetStatus {
            target: self.target.clone(),
            app_name: self.app_name.clone(),
            up: view.up,
            last_success: view.last_success,
            bucket: view.bucket.map(TimeKey::unix),
            next_poll_seconds: next_poll.map(|wait| wait.as_secs()),
            catching_up: view.catching_up,
            error: self.failing.clone(),
            media: media.collect(),
            bandwidth: rates
                .first()
                .map(|rate| rate.bucket_ms.saturating_mul(1000)),
            plot: None,
        }
    }

    pub(super) fn info(&self) -> TargetInfo {
        TargetInfo {
            target: self.target.clone(),
            app_name: self.app_name.clone(),
        }
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

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
