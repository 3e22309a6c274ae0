//! One account at work: its client, its lanes, and how the targets of each lane stand.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::clock_watch::ClockWatch;
use super::failure::Failure;
use super::lane::Lane;
use super::quota::Quota;
use super::schedule::Pace;
use crate::clock::{Clock, Moment};
use crate::config::{Account, Config, Item};
use crate::metrics::{ActionTelemetry, ItemTelemetry, TargetInfo, Telemetry};
use crate::status::{self, Failing, MediaStatus, TargetStatus};
use crate::store::{SaveError, Store};
use crate::tencent::client::{BuildError, Client};
use crate::tencent::{Action, CallError};
use crate::trust::SystemRoots;
use crate::usage::{App, Date, Standing, Target, TimeKey};

/// Identifies a lane for as long as the process runs, so that an attempt finds back to it after a reload, or not at all.
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
    pub(super) account: Account,
    pub(super) client: Arc<Client>,
    /// Which of its keys have been tried; see [`Provider::generation`](crate::tencent::credentials::Provider::generation).
    pub(super) generation: u64,
    pub(super) lanes: Vec<LaneWork>,
    clock_watch: ClockWatch,
}

/// A lane, and the targets that its schedule knows by index.
pub(super) struct LaneWork {
    pub(super) id: LaneId,
    pub(super) action: &'static Action,
    pub(super) lane: Lane,
    pub(super) targets: Vec<TargetWork>,
    pub(super) requests: Arc<ActionTelemetry>,
    pub(super) polls: Arc<ItemTelemetry>,
}

/// A target at work.
pub(super) struct TargetWork {
    pub(super) target: Target,
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
    pub(super) lanes: &'a mut u64,
}

impl Workshop<'_> {
    /// Sets an account to work.
    pub(super) fn set_up(&mut self, account: &Account) -> Result<AccountWork, SetUpError> {
        let client = Client::new(&account.upstream, self.roots, Arc::clone(self.clock));
        let client = client.map_err(|source| SetUpError::Client {
            account: Arc::clone(&account.name),
            source,
        })?;
        let lanes = account
            .items
            .iter()
            .map(|item| self.lane(account, item))
            .collect::<Result<_, _>>()?;
        let generation = client.credentials().generation();
        Ok(AccountWork {
            account: account.clone(),
            client: Arc::new(client),
            generation,
            lanes,
            clock_watch: ClockWatch::new(
                Arc::clone(&account.name),
                self.telemetry.account(&account.name),
            ),
        })
    }

    fn lane(&mut self, account: &Account, item: &Item) -> Result<LaneWork, SetUpError> {
        let now = self.clock.now();
        let apps: Vec<(Target, Option<String>)> = apps(account)
            .map(|(app, app_name)| (target(account, app, item), app_name))
            .collect();
        let restored = self
            .store
            .restore_all(apps.iter().map(|(target, _)| target), Date::of(now.utc))
            .map_err(|source| SetUpError::State {
                account: Arc::clone(&account.name),
                source,
            })?;
        let mut targets = Vec::with_capacity(apps.len());
        let mut asked = Vec::with_capacity(apps.len());
        for ((target, app_name), kept) in apps.into_iter().zip(restored) {
            let mut standing = Standing::new(
                item.action.media().collect(),
                kept.ledger,
                kept.sums,
                kept.last_success,
            );
            standing.catch_up(&kept.asked, now.utc);
            asked.push(kept.asked);
            targets.push(TargetWork {
                target,
                app_name,
                standing,
                polled: false,
                failing: None,
                slot: 0,
            });
        }
        let pace = Pace {
            interval: self.config.poll_interval,
            request_timeout: account.upstream.request_timeout,
            background_gap: Duration::from_secs_f64(2.0 / item.requests_per_second),
            seed: self.seed,
        };
        *self.lanes += 1;
        Ok(LaneWork {
            id: LaneId(*self.lanes),
            action: item.action,
            lane: Lane::new(pace, Quota::new(item.requests_per_second), asked, now),
            targets,
            requests: self.telemetry.action(&account.name, item.action.name),
            polls: self.telemetry.item(&account.name, &item.name),
        })
    }
}

impl AccountWork {
    pub(super) fn targets_mut(&mut self) -> impl Iterator<Item = &mut TargetWork> {
        self.lanes.iter_mut().flat_map(|lane| &mut lane.targets)
    }

    /// Tells what its answers have told of the clock.
    pub(super) fn watch_clock(&mut self) {
        if let Some(skew) = self.client.skew() {
            self.clock_watch.see(skew);
        }
    }

    /// Goes on where the same account stood before a reload: the upstream does not forget what it was sent, and a
    /// target that stays has not stopped being up.
    pub(super) fn resume(&mut self, before: Self) {
        self.clock_watch.resume(&before.clock_watch);
        let mut stood = HashMap::new();
        for old in before.lanes {
            stood.extend(
                old.targets
                    .into_iter()
                    .map(|target| (target.target.clone(), target)),
            );
            if let Some(new) = self.lanes.iter_mut().find(|new| new.action == old.action) {
                new.lane.resume(old.lane);
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
    /// How its rate limit stands.
    pub(super) fn limit_status(&mut self, account: &Account, now: Moment) -> status::Lane {
        let (requests, limit) = self.lane.load(now);
        let item = account.items.iter().find(|item| item.action == self.action);
        status::Lane {
            account: Arc::clone(&account.name),
            item: item.map_or_else(|| "".into(), |item| Arc::clone(&item.name)),
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
        let media = view.series.iter().map(|series| MediaStatus {
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
        .flat_map(|item| apps(account).map(|(app, _)| target(account, app, item)))
}

fn target(account: &Account, app: App, item: &Item) -> Target {
    Target {
        account: Arc::clone(&account.name),
        app,
        item: Arc::clone(&item.name),
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
