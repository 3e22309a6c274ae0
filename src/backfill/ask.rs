//! Asks the upstream within its rate limit, again where that can help, and keeps each answer at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::BackfillError;
use super::progress::Progress;
use crate::clock::{Clock, Moment};
use crate::collect::{Availability, Permit, Quota};
use crate::store::{Poll, Store};
use crate::tencent::client::Client;
use crate::tencent::{Action, CallError, Class, Parameter, Query, Scope};
use crate::usage::{Answer, Date, Target};

/// A question is given up after so many attempts.
const ATTEMPTS: u32 = 8;
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Whoever asked a moment ago, as an interrupted call did, is not known here, but to the upstream: its requests of the last
/// second count.
const CAUTION: Duration = Duration::from_secs(1);

/// It looks again at least so often.
const LONGEST_NAP: Duration = Duration::from_secs(5);

/// One date of one target.
pub(super) struct Question {
    target: Target,
    date: Date,
    attempts: u32,
    not_before: Duration,
}

impl Question {
    pub(super) fn new(target: Target, date: Date) -> Self {
        Self {
            target,
            date,
            attempts: 0,
            not_before: Duration::ZERO,
        }
    }
}

/// A request that has come back.
struct Returned {
    question: Question,
    permit: Permit,
    asked_at: Moment,
    result: Result<Answer, CallError>,
}

/// What shares one rate limit.
pub(super) struct Lane {
    client: Arc<Client>,
    action: &'static Action,
    parameter: Option<Parameter>,
    quota: Quota,
    clock: Arc<dyn Clock>,
    requests: JoinSet<Returned>,
    questions: VecDeque<Question>,
}

impl Lane {
    pub(super) fn new(
        client: Client,
        (action, parameter): (&'static Action, Option<Parameter>),
        requests_per_second: f64,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self {
            client: Arc::new(client),
            action,
            parameter,
            quota: Quota::new(requests_per_second),
            clock: Arc::clone(clock),
            requests: JoinSet::new(),
            questions: VecDeque::new(),
        }
    }

    /// Asks all questions and keeps the answers. Returns how many of them the upstream says it has no answer to.
    ///
    /// # Errors
    /// When it does not go on; what was answered until then is kept.
    pub(super) async fn ask(
        mut self,
        questions: Vec<Question>,
        store: &mut Store,
        progress: &mut Progress,
    ) -> Result<u64, BackfillError> {
        self.questions = questions.into();
        self.clock.sleep(CAUTION).await;
        let mut unanswered = 0;
        while !self.questions.is_empty() || !self.requests.is_empty() {
            let nap = self.send();
            let mut polls = Vec::new();
            let mut failed = None;
            let mut joined = tokio::select! {
                Some(joined) = self.requests.join_next() => Some(joined),
                () = self.clock.sleep(nap) => None,
            };
            while let Some(returned) = joined {
                match self.take_in(returned?) {
                    Ok(Some(poll)) => polls.push(poll),
                    Ok(None) => unanswered += 1,
                    Err(None) => {}
                    Err(Some(error)) => failed = Some(error),
                }
                joined = self.requests.try_join_next();
            }
            keep(store, &polls)?;
            progress.advance(polls.len() as u64);
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(unanswered)
    }

    /// Sends what may be sent, and returns how long to wait for more.
    fn send(&mut self) -> Duration {
        let now = self.clock.now();
        loop {
            let due = |question: &Question| question.not_before <= now.mono;
            let Some(index) = self.questions.iter().position(due) else {
                let next = self
                    .questions
                    .iter()
                    .map(|question| question.not_before)
                    .min();
                return next.map_or(LONGEST_NAP, |at| at - now.mono);
            };
            let permit = match self.quota.availability(now.mono) {
                Availability::Now => self.quota.take(now.mono),
                // Rounded up to the timer's grain, or it would fire too early and the loop would spin.
                Availability::At(at) => return at - now.mono + Duration::from_micros(999),
                Availability::Exhausted => return LONGEST_NAP,
            };
            let (Some(permit), Some(question)) = (permit, self.questions.remove(index)) else {
                return LONGEST_NAP;
            };
            let query = Query {
                action: self.action,
                parameter: self.parameter,
                since: None,
                app: question.target.app,
                date: question.date,
            };
            let client = Arc::clone(&self.client);
            self.requests.spawn(async move {
                Returned {
                    result: client.ask(&query, Duration::MAX).await,
                    question,
                    permit,
                    asked_at: now,
                }
            });
        }
    }

    /// An answer to keep; none when there is none to be had; or an error, which may be worth another attempt.
    fn take_in(&mut self, returned: Returned) -> Result<Option<Poll>, Option<BackfillError>> {
        let Returned {
            mut question,
            permit,
            asked_at,
            result,
        } = returned;
        let now = self.clock.now().mono;
        self.quota.give_back(permit, now, result.is_ok());
        let error = match result {
            Ok(answer) => {
                return Ok(Some(Poll {
                    target: question.target,
                    date: question.date,
                    since: None,
                    asked_at: asked_at.utc,
                    answer,
                }));
            }
            Err(error) => error,
        };
        let (target, date) = (&question.target, question.date);
        match (error.class(), error.scope()) {
            (Class::Permanent, Scope::Query) => {
                warn!(%target, %date, %error, "The upstream has no answer");
                return Ok(None);
            }
            (Class::Permanent, _) => question.attempts = ATTEMPTS,
            (Class::Throttled, _) => self.quota.throttled(now, 0.5),
            (Class::Transient, _) => {}
        }
        question.attempts += 1;
        if question.attempts >= ATTEMPTS {
            return Err(Some(BackfillError::Asking {
                target: Box::new(question.target),
                date,
                source: Box::new(error),
            }));
        }
        debug!(%target, %date, %error, "Will be asked again");
        let backoff = FIRST_BACKOFF.saturating_mul(1 << question.attempts);
        question.not_before = now + backoff.min(LONGEST_BACKOFF);
        self.questions.push_back(question);
        Err(None)
    }
}

fn keep(store: &mut Store, polls: &[Poll]) -> Result<(), BackfillError> {
    if polls.is_empty() {
        return Ok(());
    }
    for saved in store.save(polls, TimeDelta::zero())? {
        saved?;
    }
    Ok(())
}
