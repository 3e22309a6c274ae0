//! The only loop of the program: asks what the lanes say is due, keeps what comes back, and only then shows it.
//!
//! Requests run as tasks of their own, as many at once as the rate limit has permits. What comes back within a moment is
//! saved in one transaction and published together. The loop never waits for the upstream.

mod accounts;
mod discover;
mod reload;
mod succession;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use self::succession::Retired;
use super::batch::Batch;
use super::failure::Failure;
use super::lane::{Attempt, Next, Outcome};
use super::saving::save_all;
use super::schedule::Verdict;
use super::work::{AccountWork, LaneId, LaneWork, TargetWork};
use super::workshop::SetUpError;
use crate::clock::{Clock, Moment};
use crate::config::Config;
use crate::error::with_causes;
use crate::health::Health;
use crate::metrics::{Board, Exposition, Telemetry};
use crate::status::Snapshot;
use crate::store::{Poll, Reconciled, Saved, Store};
use crate::tencent::CallError;
use crate::tencent::wire::ListedApp;
use crate::trust::SystemRoots;
use crate::usage::{ANSWERED_DATES, Answer, Date};

/// The loop turns at least this often, to be seen alive and to notice a new date or a clock that was set.
const TURN: Duration = Duration::from_secs(5);

/// What the loop can be told.
#[derive(Debug)]
pub enum Command {
    /// Work by another configuration; accounts that did not change are not disturbed.
    Reload {
        /// The configuration.
        config: Box<Config>,
        /// Told how it went; on an error the old one is kept.
        reply: oneshot::Sender<Result<(), SetUpError>>,
    },
    /// Tell how everything stands.
    Status {
        /// Told it.
        reply: oneshot::Sender<Snapshot>,
    },
}

/// What the loop works with.
#[derive(Clone)]
pub struct Tools {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where state is kept.
    pub store: Arc<Mutex<Store>>,
    /// The exporter's own metrics.
    pub telemetry: Arc<Telemetry>,
    /// Where usage is shown.
    pub exposition: Arc<Exposition>,
    /// Where the loop shows that it is alive.
    pub health: Arc<Health>,
    /// For how many days buckets are kept; at least as long as the upstream answers for them.
    pub kept_days: u64,
    /// Who vouches for upstreams, perhaps already being read.
    pub roots: SystemRoots,
    /// For jitter.
    pub seed: u64,
}

/// The loop.
pub struct Poller {
    tools: Tools,
    config: Config,
    accounts: Vec<AccountWork>,
    /// How many lanes there have been.
    lanes: u64,
    board: Board,
    today: Date,
    requests: JoinSet<Result<Answer, CallError>>,
    in_flight: HashMap<Id, Ticket>,
    listings: JoinSet<Result<Vec<ListedApp>, CallError>>,
    returned: Batch<(Returned, Result<Poll, Failure>)>,
    /// Targets of which no poll has ended yet.
    unpolled: usize,
    /// When the figures of whole accounts are to be made anew.
    figures_at: Duration,
    /// The accounts of which that failed the last time.
    no_figures: BTreeSet<Arc<str>>,
    /// Items whose action the upstream has retired, and which have a successor.
    retired: Vec<Retired>,
    /// Why state could not be saved when that was last tried.
    unsaved: Option<Arc<str>>,
    /// The date on which old days were last dropped.
    forgot_on: Option<Date>,
}

/// An attempt under way.
struct Ticket {
    lane: LaneId,
    attempt: Attempt,
    asked_at: Moment,
    /// Whether its answer no longer matters: the lane has other targets since, but the rate limit is the same.
    is_abandoned: bool,
}

impl Ticket {
    /// Whether a target is up is told by the polls of today: a date in the background that the upstream no longer answers
    /// for must neither hide nor feign that.
    fn is_of_today(&self) -> bool {
        self.attempt.job.date == Date::of(self.asked_at.utc)
    }
}

/// An attempt that has come back. Its time is not that of being taken in: the rate limit counts from the answer.
struct Returned {
    ticket: Ticket,
    at: Moment,
}

type Joined = Result<(Id, Result<Answer, CallError>), JoinError>;

impl Poller {
    /// Sets every account to work on what was saved of it, and shows that at once.
    ///
    /// # Errors
    /// When an account cannot be set up.
    pub fn new(config: Config, tools: Tools) -> Result<Self, SetUpError> {
        let today = Date::of(tools.clock.now().utc);
        let mut poller = Self {
            board: Board::new(Arc::clone(&tools.exposition)),
            tools,
            config: Config {
                accounts: Vec::new(),
                ..config.clone()
            },
            accounts: Vec::new(),
            lanes: 0,
            today,
            requests: JoinSet::new(),
            in_flight: HashMap::new(),
            listings: JoinSet::new(),
            returned: Batch::new(),
            unpolled: 0,
            figures_at: Duration::ZERO,
            no_figures: BTreeSet::new(),
            retired: Vec::new(),
            unsaved: None,
            forgot_on: None,
        };
        poller.reload(config)?;
        Ok(poller)
    }

    /// Runs until it is told to stop. Requests under way are dropped then: what they would have brought is asked for
    /// again after the next start.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>, stop: CancellationToken) {
        loop {
            let now = self.tools.clock.now();
            self.tools.health.beat(now.mono);
            self.turn_date(now);
            for account in &mut self.accounts {
                account.watch_credentials(now);
            }
            let mut wake = self.send_due(now).min(self.send_listings(now));
            if let Some(due_at) = self.returned.due_at() {
                if due_at <= now.mono {
                    self.take_in().await;
                    continue;
                }
                wake = wake.min(due_at);
            }
            // Rounded up to the timer's grain, or it would fire too early and the loop would spin.
            let sleep = wake.saturating_sub(now.mono) + Duration::from_micros(999);
            tokio::select! {
                () = stop.cancelled() => break,
                Some(command) = commands.recv() => self.obey(command, now).await,
                Some(joined) = self.requests.join_next_with_id() => self.note_returned(joined),
                Some(listed) = self.listings.join_next_with_id() => self.take_in_listed(listed).await,
                () = self.tools.clock.sleep(sleep) => {}
            }
        }
        self.take_in().await;
        self.requests.shutdown().await;
        self.listings.shutdown().await;
    }

    /// Whoever commanded may be gone by now; a reload counts all the same.
    async fn obey(&mut self, command: Command, now: Moment) {
        match command {
            Command::Reload { config, reply } => {
                self.take_in().await;
                drop(reply.send(self.reload(*config)));
            }
            Command::Status { reply } => drop(reply.send(self.snapshot(now))),
        }
    }

    fn snapshot(&mut self, now: Moment) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for AccountWork { account, lanes, .. } in &mut self.accounts {
            for lane in lanes {
                snapshot.lanes.push(lane.limit_status(account, now));
                snapshot
                    .targets
                    .extend(lane.target_statuses(self.today, now));
            }
        }
        snapshot
    }

    /// Sends everything that is due and returns until when the loop may sleep then.
    fn send_due(&mut self, now: Moment) -> Duration {
        let mut wake = now.mono + TURN;
        for account in &mut self.accounts {
            for lane in &mut account.lanes {
                loop {
                    match lane.lane.next(now) {
                        Next::Attempt(attempt) => {
                            let query = lane.query(&attempt);
                            let (client, limit) = (Arc::clone(&account.client), attempt.job.limit);
                            let task = self
                                .requests
                                .spawn(async move { client.ask(&query, limit).await });
                            self.in_flight.insert(
                                task.id(),
                                Ticket {
                                    lane: lane.id,
                                    attempt,
                                    asked_at: now,
                                    is_abandoned: false,
                                },
                            );
                        }
                        Next::Wait(at) => {
                            wake = wake.min(at.unwrap_or(wake));
                            break;
                        }
                    }
                }
                lane.requests.waited(lane.lane.take_waited());
            }
        }
        wake
    }

    /// Takes in what has come back: saves all of it, then shows all of it.
    async fn take_in(&mut self) {
        let (mut answered, mut failed) = (Vec::new(), Vec::new());
        for (returned, result) in self.returned.take() {
            match result {
                Ok(poll) => answered.push((returned, poll)),
                Err(failure) => failed.push((returned, failure)),
            }
        }
        if answered.is_empty() && failed.is_empty() {
            return;
        }
        self.accounts.iter_mut().for_each(AccountWork::watch_clock);
        let (answered, polls): (Vec<Returned>, Vec<Poll>) = answered.into_iter().unzip();
        let any_answer = !polls.is_empty();
        for (returned, saved) in answered.into_iter().zip(self.save(polls).await) {
            match saved {
                Ok(saved) => self.succeeded(returned, saved),
                Err(failure) => failed.push((returned, failure)),
            }
        }
        for (returned, failure) in failed {
            self.failed(returned, &failure);
        }
        self.board.publish();
        self.note_ready();
        self.make_figures();
        self.go_over();
        if any_answer {
            self.forget_old_days().await;
        }
    }

    /// Finds back from a finished task to its attempt, which waits to be taken in; one that was abandoned only gives its
    /// permit back, and one of a lane that a reload has ended is forgotten.
    fn note_returned(&mut self, joined: Joined) {
        let (id, result) = match joined {
            Ok((id, result)) => (id, result.map_err(Failure::Call)),
            Err(error) => (error.id(), Err(Failure::Panicked(error))),
        };
        let Some(ticket) = self.in_flight.remove(&id) else {
            return;
        };
        let at = self.tools.clock.now();
        let Some(lane) = find(&mut self.accounts, ticket.lane) else {
            return;
        };
        let took = at.mono.saturating_sub(ticket.asked_at.mono);
        lane.count_request(took, result.as_ref().err());
        if ticket.is_abandoned {
            return lane.lane.abandon(ticket.attempt, at);
        }
        let poll = result.map(|answer| {
            let TargetWork { item, target, .. } = &lane.targets[ticket.attempt.job.target];
            item.polls.rejected(answer.rejected());
            let target = target.clone();
            Poll {
                target,
                date: ticket.attempt.job.date,
                since: ticket.attempt.job.since,
                asked_at: ticket.asked_at.utc,
                answer,
            }
        });
        self.returned.push((Returned { ticket, at }, poll), at.mono);
    }

    /// Saves polls in one transaction, off the async threads.
    async fn save(&mut self, polls: Vec<Poll>) -> Vec<Result<Saved, Failure>> {
        if polls.is_empty() {
            return Vec::new();
        }
        let store = Arc::clone(&self.tools.store);
        let settle_after = TimeDelta::from_std(self.config.settle_after).unwrap_or(TimeDelta::MAX);
        let results = save_all(polls, move |polls| {
            // A panic while saving has rolled its transaction back: the store is whole.
            store
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .save(polls, settle_after)
        })
        .await;
        let is_saved =
            |result: &Result<_, Failure>| !result.as_ref().is_err_and(Failure::is_unsaved);
        match results.first() {
            Some(Err(failure)) if !results.iter().any(is_saved) => self.note_not_saved(failure),
            _ => self.note_saved(),
        }
        results
    }

    fn note_saved(&mut self) {
        let at = self.tools.clock.now().unix_seconds();
        self.tools.telemetry.saved(at);
        if self.unsaved.take().is_some() {
            info!("State can be saved again; usage of the time between is credited now");
        }
    }

    /// One line when it begins to fail or fails differently: it is tried with every answer that comes.
    fn note_not_saved(&mut self, failure: &Failure) {
        self.tools.telemetry.not_saved();
        let error: Arc<str> = match failure {
            Failure::NotSaved(error) => Arc::clone(error),
            other => other.to_string().into(),
        };
        if self.unsaved.replace(Arc::clone(&error)).as_ref() != Some(&error) {
            error!(%error, "State cannot be saved; usage is not credited until it can");
        }
    }

    fn succeeded(&mut self, Returned { ticket, at }: Returned, saved: Saved) {
        let Some(lane) = find(&mut self.accounts, ticket.lane) else {
            return;
        };
        let target = &mut lane.targets[ticket.attempt.job.target];
        for key in &saved.arrivals {
            target
                .item
                .polls
                .arrived((at.utc.timestamp() - key.unix()) as f64);
        }
        target.item.polls.poll_ended(Ok(()));
        target.standing.learned(saved.ledger, saved.sums);
        let job = ticket.attempt.job;
        match saved.reconciled {
            None => target.standing.heard_of(job.date),
            Some(Reconciled {
                month,
                unreconciled_ms,
                disputed,
            }) => {
                target.standing.reconciled(month, unreconciled_ms);
                target.standing.turn(self.today);
                for date in disputed {
                    debug!(target = %target.target, %date, "Buckets and the sum of their day differ; they are asked for again");
                    lane.lane.doubt(job.target, date, at);
                }
            }
        }
        if ticket.is_of_today() {
            target.standing.succeeded(at.utc);
            if target.failing.take().is_some() {
                info!(target = %target.target, "Poll succeeds again");
            }
        }
        self.board
            .set(target.slot, target.standing.view(self.today));
        let first = !std::mem::replace(&mut target.polled, true);
        lane.lane
            .ended(ticket.attempt, Outcome::Answered(ticket.asked_at.utc), at);
        self.unpolled -= usize::from(first);
    }

    fn failed(&mut self, Returned { ticket, at }: Returned, failure: &Failure) {
        let Some(lane) = find(&mut self.accounts, ticket.lane) else {
            return;
        };
        let target = &mut lane.targets[ticket.attempt.job.target];
        let (date, code, error) = (
            ticket.attempt.job.date,
            failure.code(),
            with_causes(failure),
        );
        let of_today = ticket.is_of_today();
        let is_of_one_date = ticket.attempt.job.since.is_none();
        if lane.lane.ended(ticket.attempt, failure.outcome(), at) == Verdict::Retry {
            debug!(target = %target.target, %date, code, error, "Attempt failed, will try again");
            return;
        }
        target.item.polls.poll_ended(Err(code));
        let retired = Retired::of(target, lane.action).filter(|_| failure.is_retirement());
        // One line when it begins to fail or fails differently; the metrics tell the rest.
        if retired.is_some() {
            debug!(target = %target.target, %date, code, error, "Its action is retired");
        } else if !of_today || !target.note_failing(code, &error, at) {
            debug!(target = %target.target, %date, code, error, "Poll failed");
        } else {
            warn!(target = %target.target, action = lane.action.name, %date, code, error, "Poll failed");
        }
        if of_today {
            target.standing.failed();
        } else if failure.is_final() && is_of_one_date {
            target.standing.heard_of(date);
        }
        self.board
            .set(target.slot, target.standing.view(self.today));
        let first = !std::mem::replace(&mut target.polled, true);
        self.unpolled -= usize::from(first);
        self.retired.extend(retired);
    }

    /// The program is ready when a poll of every target has ended, well or badly, and shows; with none to poll, at once.
    /// Which targets there are has to be known before.
    fn note_ready(&self) {
        if self.unpolled == 0 && self.has_asked_for_lists() {
            self.tools.health.set_ready();
        }
    }

    /// At midnight in Beijing, or when the clock was set, today's sums are another day's.
    fn turn_date(&mut self, now: Moment) {
        let today = Date::of(now.utc);
        if today != self.today {
            info!(%today, "A new date in Beijing");
            self.today = today;
            let targets = self.accounts.iter_mut().flat_map(AccountWork::targets_mut);
            targets.for_each(|target| target.standing.turn(today));
            self.show_all();
        }
    }

    /// Drops old days and packs those that are only kept, once a day. Only after an answer: then the upstream has agreed to
    /// our clock, by which they are old.
    async fn forget_old_days(&mut self) {
        if self.forgot_on.replace(self.today) == Some(self.today) {
            return;
        }
        let store = Arc::clone(&self.tools.store);
        let oldest = self.today.minus_days(self.tools.kept_days);
        let only_kept = self.today.minus_days(ANSWERED_DATES);
        let forgetting = tokio::task::spawn_blocking(move || {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            store.forget_before(oldest)?;
            store.pack_until(only_kept)
        });
        match forgetting.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(
                error = with_causes(&error),
                "Old days could not be dropped; will try tomorrow"
            ),
            Err(panic) => error!(
                error = with_causes(&panic),
                "Dropping old days panicked; this is a bug"
            ),
        }
    }
}

/// The lane of this id, unless a reload has ended it.
fn find(accounts: &mut [AccountWork], id: LaneId) -> Option<&mut LaneWork> {
    accounts
        .iter_mut()
        .flat_map(|account| &mut account.lanes)
        .find(|lane| lane.id == id)
}
