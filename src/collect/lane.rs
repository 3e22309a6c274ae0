//! Schedule and quota together: everything that shares one rate limit, that is one account and action.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::quota::{Availability, Permit, Quota};
use super::schedule::{Before, Job, Pace, Schedule, Verdict};
use crate::clock::Moment;
use crate::tencent::Class;
use crate::usage::Date;

/// The polls of one account and action, and its rate limit.
#[derive(Debug)]
pub(super) struct Lane {
    schedule: Schedule,
    quota: Quota,
    /// Since when work has been waiting for the rate limit.
    blocked_since: Option<Duration>,
    waited: Duration,
}

/// An attempt that may be made now. It must be [ended](Lane::ended).
#[derive(Debug)]
#[must_use = "an attempt that is not ended holds its permit and its target for good"]
pub(super) struct Attempt {
    /// What to ask.
    pub(super) job: Job,
    permit: Permit,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// Answered; the question had been sent at this time.
    Answered(DateTime<Utc>),
    /// Answered, but what it said could not be kept. It counts for the rate limit, not for the schedule.
    NotKept,
    /// Failed.
    Failed(Class),
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Make this attempt now.
    Attempt(Attempt),
    /// Nothing before this time, unless an attempt ends earlier.
    Wait(Option<Duration>),
}

impl Lane {
    /// A lane for targets of which each knows what the upstream has answered before.
    pub(super) fn new(pace: Pace, quota: Quota, targets: Vec<Before>, now: Moment) -> Self {
        Self {
            schedule: Schedule::new(pace, targets, now),
            quota,
            blocked_since: None,
            waited: Duration::ZERO,
        }
    }

    /// Goes on with the rate limit of another lane: the upstream does not forget what it was sent.
    pub(super) fn resume(&mut self, before: Self) {
        self.quota = before.quota.under_limit_of(&self.quota);
    }

    /// An attempt of the lane before this one has ended; its answer no longer matters.
    pub(super) fn abandon(&mut self, attempt: Attempt, now: Moment) {
        self.quota.give_back(attempt.permit, now.mono, false);
    }

    /// The next attempt, if one is due and the rate limit allows it.
    pub(super) fn next(&mut self, now: Moment) -> Next {
        let due = match self.schedule.due_at(now) {
            Some(due) if due <= now.mono => due,
            later => return Next::Wait(later),
        };
        match self.quota.availability(now.mono) {
            Availability::Now => {}
            Availability::At(at) => return self.blocked(due, Some(at)),
            Availability::Exhausted => return self.blocked(due, None),
        }
        if let Some(since) = self.blocked_since.take() {
            self.waited += now.mono.saturating_sub(since);
        }
        let Some(job) = self.schedule.take(now) else {
            return Next::Wait(self.schedule.due_at(now));
        };
        match self.quota.take(now.mono) {
            Some(permit) => Next::Attempt(Attempt { job, permit }),
            None => unreachable!("it was available a moment ago"),
        }
    }

    /// An attempt has ended; the answer to a failed one is whether its poll goes on.
    pub(super) fn ended(&mut self, attempt: Attempt, outcome: Outcome, now: Moment) -> Verdict {
        let Attempt { job, permit } = attempt;
        let throttled = matches!(outcome, Outcome::Failed(Class::Throttled));
        self.quota
            .give_back(permit, now.mono, !matches!(outcome, Outcome::Failed(_)));
        if throttled {
            let jitter = self.schedule.jitter();
            self.quota.throttled(now.mono, jitter);
        }
        match outcome {
            Outcome::Answered(asked_at) => {
                self.schedule.answered(job, asked_at, now);
                Verdict::Ended
            }
            Outcome::NotKept => self.schedule.failed(job, Class::Transient, now),
            Outcome::Failed(class) => self.schedule.failed(job, class, now),
        }
    }

    /// Requests of the last second and under way, and how many the limit allows now.
    pub(super) fn load(&mut self, now: Moment) -> (usize, usize) {
        self.quota.load(now.mono)
    }

    /// When today is asked for next of a target; `None` while it is being asked for something.
    pub(super) fn next_poll_of_today(&self, target: usize) -> Option<Duration> {
        self.schedule.next_poll_of_today(target)
    }

    /// What was answered for a date of a target is in doubt: asks for it again soon.
    pub(super) fn doubt(&mut self, target: usize, date: Date, now: Moment) {
        self.schedule.doubt(target, date, now);
    }

    /// What made polls fail permanently may have been mended: asks every target again soon.
    pub(super) fn try_again(&mut self, now: Moment) {
        self.schedule.try_again(now);
    }

    /// How long work has waited for the rate limit since this was last asked.
    pub(super) fn take_waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }

    fn blocked(&mut self, due: Duration, until: Option<Duration>) -> Next {
        self.blocked_since.get_or_insert(due);
        Next::Wait(until)
    }
}

#[cfg(test)]
mod tests;
