//! One account at work: its client, its lanes, and how the targets of each lane stand.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::clock_watch::ClockWatch;
use super::credentials_watch::CredentialsWatch;
use super::discovery::Discovery;
use super::failure::Failure;
use super::lane::{Attempt, Lane};
use crate::clock::Moment;
use crate::config::Account;
use crate::metrics::{ActionTelemetry, ItemTelemetry, SourceTelemetry, TargetInfo};
use crate::status::{self, Failing, MediaStatus, TargetStatus};
use crate::tencent::client::Client;
use crate::tencent::{Action, CallError, Parameter, Query};
use crate::usage::{Date, Standing, Target, TimeKey, Unit};

/// Identifies a lane for as long as the process runs, so that an attempt finds back to it or, after a reload, to the one
/// that goes on with its rate limit, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaneId(pub(super) u64);

/// An account at work.
pub(super) struct AccountWork {
    /// As it is configured, and with the apps that were found.
    pub(super) account: Account,
    pub(super) client: Arc<Client>,
    pub(super) lanes: Vec<LaneWork>,
    /// Where its apps are found rather than listed.
    pub(super) discovery: Option<Discovery>,
    pub(super) clock_watch: ClockWatch,
    pub(super) credentials_watch: CredentialsWatch,
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
    pub(super) parameter: Option<Parameter>,
    pub(super) unit: Unit,
    /// The action to go over to when that of the lane is retired.
    pub(super) successor: Option<&'static Action>,
    pub(super) polls: Arc<ItemTelemetry>,
    /// Shows by which action the item is asked for.
    pub(super) _source: Arc<SourceTelemetry>,
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

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
