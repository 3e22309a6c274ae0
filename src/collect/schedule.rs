//! Which target is asked for which date, and when. Pure: driven by `now`; it knows neither the rate limit nor the wire.
//!
//! Today of every target comes first, each at its own phase of the poll interval so that requests are spread evenly. In
//! the background follow yesterday until its figures are final, once a day the sums of the month's dates, dates that an
//! outage left without a final answer, and a slow sweep that reads the last 31 dates again once a day. The background gets a
//! small share even when today alone would fill the rate limit, so that nobody starves.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::asked::Asked;
use super::jitter::Jitter;
use super::queue::Queue;
use crate::clock::Moment;
use crate::tencent::Class;
use crate::usage::{ANSWERED_DATES, Date, final_at};

/// The sweep reads each date again after about this long.
const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// With so many polls of today between them, a background poll comes first even if more of today is due.
const BACKGROUND_EVERY: u32 = 15;

/// In the first round, targets follow each other at least this closely, so that few of them need not wait long.
const FIRST_ROUND_STEP: Duration = Duration::from_millis(250);

/// Rows may be three hours late: for so long yesterday is asked for as often as today, then at its own pace.
const LATE_ROWS: TimeDelta = TimeDelta::minutes(3 * 60 + 30);
const YESTERDAY_PACE: Duration = Duration::from_secs(15 * 60);

/// A poll is tried at most so often.
const ATTEMPTS: u32 = 3;
const LONGEST_FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// A target that fails permanently is asked once in so many intervals, within these bounds.
const RARE_INTERVALS: u32 = 10;
const RAREST: Duration = Duration::from_secs(15 * 60);

/// What a schedule needs to know of its surroundings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How often today is asked for.
    pub(super) interval: Duration,
    /// Limit of one attempt.
    pub(super) request_timeout: Duration,
    /// Background polls keep at least this distance, to leave part of the rate limit to others.
    pub(super) background_gap: Duration,
    /// For jitter.
    pub(super) seed: u64,
}

/// One attempt to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    /// Index of the target.
    pub(super) target: usize,
    /// The date to ask for, or the last of several.
    pub(super) date: Date,
    /// The first of several, whose sums are asked for.
    pub(super) since: Option<Date>,
    /// Time allowed for the attempt.
    pub(super) limit: Duration,
    kind: Kind,
}

/// What a failed attempt means for its poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The poll goes on with another attempt.
    Retry,
    /// The poll has ended.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Today,
    Yesterday,
    Sums,
    History,
}

/// The polls of all targets that share a rate limit.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    base: Duration,
    today: Date,
    targets: Vec<State>,
    /// Targets that wait for a poll of today, by when it is due.
    foreground: Queue,
    /// Targets that wait for any other poll.
    background: Queue,
    background_from: Duration,
    since_background: u32,
    jitter: Jitter,
}

/// What the upstream has answered about a target before.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    /// For which dates, and when.
    pub(super) asked: Vec<(Date, DateTime<Utc>)>,
    /// When it last told the sums of dates.
    pub(super) summed_at: Option<DateTime<Utc>>,
    /// Whether sums of dates mean nothing here.
    pub(super) has_no_sums: bool,
}

/// One target's polls. At most one is under way.
#[derive(Debug)]
struct State {
    phase: Duration,
    asked: Asked,
    /// Nothing but today is asked for until it is known: the first sight decides what is credited.
    known: bool,
    today: Duration,
    yesterday: Option<Duration>,
    /// `None` where sums mean nothing.
    sums: Option<Duration>,
    summed_at: Option<DateTime<Utc>>,
    history: Duration,
    poll: Option<Poll>,
}

#[derive(Clone, Copy, Debug)]
struct Poll {
    kind: Kind,
    date: Date,
    since: Option<Date>,
    started: Duration,
    attempt: u32,
}

impl Schedule {
    /// A schedule for targets of which each knows what the upstream has answered before.
    pub(super) fn new(pace: Pace, targets: Vec<Before>, now: Moment) -> Self {
        let count = u32::try_from(targets.len()).unwrap_or(u32::MAX).max(1);
        let step = (pace.interval / count).min(FIRST_ROUND_STEP);
        let mut schedule = Self {
            pace,
            base: now.mono,
            today: Date::of(now.utc),
            targets: Vec::with_capacity(targets.len()),
            foreground: Queue::default(),
            background: Queue::default(),
            background_from: now.mono,
            since_background: 0,
            jitter: Jitter::new(pace.seed),
        };
        for (index, before) in (0_u32..).zip(targets) {
            let phase = pace.interval / count * index;
            let sweep = schedule.sweep_gap().mul_f64(schedule.jitter.fraction());
            let mut state = State {
                phase,
                known: !before.asked.is_empty(),
                asked: before.asked.into(),
                today: now.mono + step * index,
                yesterday: None,
                sums: (!before.has_no_sums).then_some(now.mono),
                summed_at: before.summed_at,
                history: now.mono + sweep,
                poll: None,
            };
            if state.missing(schedule.today).is_some() {
                state.history = now.mono;
            }
            state.yesterday = schedule.next_yesterday(&state, now, now.mono);
            state.sums = state.sums.map(|_| schedule.next_sums(&state, now));
            schedule.targets.push(state);
            schedule.enqueue(index as usize);
        }
        schedule
    }

    /// When the next poll is due; at or before `now` when one waits.
    pub(super) fn due_at(&mut self, now: Moment) -> Option<Duration> {
        self.turn_date(now);
        let foreground = self.foreground.first().map(|(due, _)| due);
        let background = self
            .background
            .first()
            .map(|(due, _)| due.max(self.background_from));
        foreground.into_iter().chain(background).min()
    }

    /// Starts the poll that is due first, if any is. The attempt must be [ended](Self::answered).
    pub(super) fn take(&mut self, now: Moment) -> Option<Job> {
        self.turn_date(now);
        let due = |queue: &Queue| queue.first().filter(|(due, _)| *due <= now.mono);
        let foreground = due(&self.foreground);
        let background = due(&self.background).filter(|_| self.background_from <= now.mono);
        let (target, is_background) = match (foreground, background) {
            (Some((_, target)), None) => (target, false),
            (Some((_, target)), Some(_)) if self.since_background < BACKGROUND_EVERY => {
                (target, false)
            }
            (_, Some((_, target))) => (target, true),
            (None, None) => return None,
        };
        if is_background {
            self.since_background = 0;
            self.background_from = now.mono + self.pace.background_gap;
        } else {
            self.since_background += 1;
        }
        self.dequeue(target);
        self.begin(target, is_background, now).or_else(|| {
            self.enqueue(target);
            None
        })
    }

    /// The attempt was answered: its poll has ended well.
    pub(super) fn answered(&mut self, job: Job, asked_at: DateTime<Utc>, now: Moment) {
        let state = &mut self.targets[job.target];
        state.known = true;
        match job.since {
            None => state.asked.insert(job.date, asked_at),
            Some(_) => state.summed_at = Some(asked_at),
        }
        state
            .asked
            .forget_through(self.today.minus_days(ANSWERED_DATES));
        self.end_poll(job, now, None);
    }

    /// The attempt failed.
    pub(super) fn failed(&mut self, job: Job, class: Class, now: Moment) -> Verdict {
        let first = LONGEST_FIRST_BACKOFF.min(self.pace.interval / 8);
        let spread = 0.5 + self.jitter.fraction();
        let Some(poll) = self.targets[job.target].poll.as_mut() else {
            return Verdict::Ended;
        };
        let backoff = match class {
            Class::Throttled => LONGEST_FIRST_BACKOFF.mul_f64(1.0 + spread),
            Class::Transient | Class::Permanent => {
                first.mul_f64(spread) * 2_u32.pow(poll.attempt - 1)
            }
        };
        let due = now.mono + backoff;
        let in_time = due + first < poll.started + self.pace.interval;
        if class != Class::Permanent && poll.attempt < ATTEMPTS && in_time {
            poll.attempt += 1;
            let queue = if poll.kind == Kind::Today {
                &mut self.foreground
            } else {
                &mut self.background
            };
            queue.put(job.target, due);
            return Verdict::Retry;
        }
        self.end_poll(job, now, Some(class));
        Verdict::Ended
    }

    /// What was answered for a date of a target is in doubt: asks for it again soon.
    pub(super) fn doubt(&mut self, target: usize, date: Date, now: Moment) {
        let state = &mut self.targets[target];
        state.asked.forget(date);
        if state.poll.is_none() {
            state.history = now.mono;
            self.enqueue(target);
        }
    }

    /// What made polls fail permanently may have been mended: asks every target again within one interval.
    pub(super) fn try_again(&mut self, now: Moment) {
        for index in 0..self.targets.len() {
            let state = &mut self.targets[index];
            let soon = now.mono + state.phase;
            if state.poll.is_none() && state.today > soon {
                state.today = soon;
                self.enqueue(index);
            }
        }
    }

    /// When today is asked for next of a target; `None` while it is being asked for something.
    pub(super) fn next_poll_of_today(&self, target: usize) -> Option<Duration> {
        let state = &self.targets[target];
        state.poll.is_none().then_some(state.today)
    }

    /// A random number from 0 to 1.
    pub(super) fn jitter(&mut self) -> f64 {
        self.jitter.fraction()
    }

    fn begin(&mut self, target: usize, is_background: bool, now: Moment) -> Option<Job> {
        let poll = match self.targets[target].poll {
            // A retry that the rate limit has held back until its poll's time was over begins a new poll.
            Some(poll) if now.mono < poll.started + self.pace.interval - self.pace.interval / 8 => {
                poll
            }
            Some(poll) => Poll {
                started: now.mono,
                attempt: 1,
                ..poll
            },
            None => self.next_poll(target, is_background, now)?,
        };
        let limit = (poll.started + self.pace.interval)
            .saturating_sub(now.mono)
            .min(self.pace.request_timeout);
        self.targets[target].poll = Some(poll);
        Some(Job {
            target,
            date: poll.date,
            since: poll.since,
            limit,
            kind: poll.kind,
        })
    }

    fn next_poll(&mut self, target: usize, is_background: bool, now: Moment) -> Option<Poll> {
        let poll = |kind, date| Poll {
            kind,
            date,
            since: None,
            started: now.mono,
            attempt: 1,
        };
        let sweep_gap = self.sweep_gap();
        let (today, state) = (self.today, &mut self.targets[target]);
        if !is_background {
            return Some(poll(Kind::Today, today));
        }
        if state.yesterday.is_some_and(|due| due <= now.mono) {
            return Some(poll(Kind::Yesterday, today.pred()));
        }
        if state.sums.is_some_and(|due| due <= now.mono) {
            let (first, last) = summed_dates(today);
            return Some(Poll {
                since: Some(first),
                ..poll(Kind::Sums, last)
            });
        }
        let Some(date) = state
            .missing(today)
            .or_else(|| state.stalest(today, now.utc))
        else {
            state.history = now.mono + sweep_gap;
            return None;
        };
        Some(poll(Kind::History, date))
    }

    fn end_poll(&mut self, job: Job, now: Moment, failure: Option<Class>) {
        let interval = self.pace.interval;
        let Some(poll) = self.targets[job.target].poll.take() else {
            return;
        };
        let rare = (interval * RARE_INTERVALS)
            .min(RAREST.max(interval))
            .mul_f64(1.0 + self.jitter.fraction() / 10.0);
        let later = now.mono
            + if failure == Some(Class::Permanent) {
                rare
            } else {
                interval
            };
        let next_today = self.next_today(&self.targets[job.target], poll.started);
        let next_yesterday = match failure {
            None => self.next_yesterday(&self.targets[job.target], now, now.mono + interval),
            Some(_) => Some(later),
        };
        let next_sums = match failure {
            None => self.next_sums(&self.targets[job.target], now),
            // It is in no hurry, and an upstream that answers for no such span is not worth more.
            Some(_) => now.mono + self.sweep_gap(),
        };
        let sweep_gap = self.sweep_gap();
        let (today, state) = (self.today, &mut self.targets[job.target]);
        let next_history = match failure {
            Some(_) => later,
            None if state.missing(today).is_some() => now.mono,
            None => now.mono + sweep_gap,
        };
        match poll.kind {
            Kind::Today if failure == Some(Class::Permanent) => state.today = later,
            Kind::Today => state.today = next_today,
            Kind::Yesterday => state.yesterday = next_yesterday,
            Kind::Sums => state.sums = Some(next_sums),
            Kind::History => state.history = next_history,
        }
        if failure == Some(Class::Permanent) {
            state.yesterday = state.yesterday.map(|due| due.max(later));
            state.sums = state.sums.map(|due| due.max(later));
            state.history = state.history.max(later);
        }
        self.enqueue(job.target);
    }

    /// The next time of the target's own phase, at least half an interval after the last poll began.
    fn next_today(&self, state: &State, started: Duration) -> Duration {
        let interval = self.pace.interval;
        let earliest = started + interval / 2;
        let anchor = self.base + state.phase;
        let rounds = earliest
            .saturating_sub(anchor)
            .as_nanos()
            .div_ceil(interval.as_nanos());
        anchor + interval * u32::try_from(rounds).unwrap_or(u32::MAX)
    }

    /// When yesterday is asked for next, not before `earliest`; `None` when its figures are final.
    fn next_yesterday(&self, state: &State, now: Moment, earliest: Duration) -> Option<Duration> {
        let yesterday = self.today.pred();
        let asked_at = state.asked.get(yesterday);
        let becomes_final = final_at(yesterday);
        if asked_at.is_some_and(|at| at >= becomes_final) {
            return None;
        }
        let end = DateTime::from_timestamp(self.today.midnight().unix(), 0)?;
        let rows_may_come = now.utc < end + LATE_ROWS;
        let pace = if rows_may_come {
            self.pace.interval
        } else {
            self.pace.interval.max(YESTERDAY_PACE)
        };
        let since_asked = asked_at
            .and_then(|at| (now.utc - at).to_std().ok())
            .unwrap_or(pace);
        let until_final = (becomes_final - now.utc).to_std().unwrap_or_default() + state.phase;
        Some(earliest.max(now.mono + pace.saturating_sub(since_asked).min(until_final)))
    }

    /// When the sums of dates are asked for next: once after each date has become final.
    fn next_sums(&self, state: &State, now: Moment) -> Duration {
        let yesterday = self.today.pred();
        let next_final = [yesterday, self.today]
            .map(final_at)
            .into_iter()
            .find(|&at| at > now.utc);
        let last_final = [yesterday, yesterday.pred()]
            .map(final_at)
            .into_iter()
            .find(|&at| at <= now.utc);
        let is_told = state
            .summed_at
            .is_some_and(|at| last_final.is_none_or(|last_final| at >= last_final));
        match next_final {
            Some(at) if is_told => {
                now.mono + (at - now.utc).to_std().unwrap_or_default() + state.phase
            }
            _ => now.mono,
        }
    }

    /// At midnight in Beijing, or when a clock was set, other dates are today and yesterday.
    fn turn_date(&mut self, now: Moment) {
        let today = Date::of(now.utc);
        if today == self.today {
            return;
        }
        self.today = today;
        for index in 0..self.targets.len() {
            let yesterday = self.next_yesterday(
                &self.targets[index],
                now,
                now.mono + self.targets[index].phase,
            );
            self.targets[index].yesterday = yesterday;
            let sums = self.next_sums(&self.targets[index], now);
            self.targets[index].sums = self.targets[index].sums.map(|_| sums);
            if self.targets[index].poll.is_none() {
                self.enqueue(index);
            }
        }
    }

    fn sweep_gap(&self) -> Duration {
        SWEEP / (ANSWERED_DATES - 2) as u32
    }

    /// Lets an idle target wait for its next polls.
    fn enqueue(&mut self, target: usize) {
        let state = &self.targets[target];
        self.foreground.put(target, state.today);
        if state.known {
            let due = [state.yesterday, state.sums, Some(state.history)];
            let first = due.into_iter().flatten().min();
            self.background.put(target, first.unwrap_or(state.history));
        }
    }

    fn dequeue(&mut self, target: usize) {
        self.foreground.remove(target);
        self.background.remove(target);
    }
}

/// The dates whose sums are asked for: those of the month before today; in its first two days, while there are not two
/// of them, those of the month before, as far as the upstream answers. It takes two dates to be told sums.
fn summed_dates(today: Date) -> (Date, Date) {
    let (yesterday, first) = (today.pred(), today.first_of_month());
    if first < yesterday {
        return (first, yesterday);
    }
    let last = first.pred();
    let oldest = today.minus_days(ANSWERED_DATES - 1);
    (last.first_of_month().max(oldest), last)
}

impl State {
    /// The newest date before yesterday that has no final answer.
    fn missing(&self, today: Date) -> Option<Date> {
        let is_final = |date: &Date| {
            self.asked
                .get(*date)
                .is_some_and(|at| at >= final_at(*date))
        };
        (2..ANSWERED_DATES)
            .map(|days| today.minus_days(days))
            .find(|date| !is_final(date))
    }

    /// The date before yesterday whose answer is the oldest, if it is due for the sweep.
    fn stalest(&self, today: Date, now: DateTime<Utc>) -> Option<Date> {
        let oldest = today.minus_days(ANSWERED_DATES);
        let swept = self
            .asked
            .iter()
            .filter(|&(date, _)| date > oldest && date < today.pred());
        let (date, asked_at) = swept.min_by_key(|&(_, asked_at)| asked_at)?;
        (now - asked_at >= TimeDelta::from_std(SWEEP).ok()? * 9 / 10).then_some(date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_asked_of_two_dates_or_more_of_one_month() {
        for (today, first, last) in [
            ("2024-02-28", "2024-02-01", "2024-02-27"),
            ("2024-03-31", "2024-03-01", "2024-03-30"),
            ("2024-03-03", "2024-03-01", "2024-03-02"),
            ("2024-03-02", "2024-02-01", "2024-02-29"),
            ("2024-03-01", "2024-02-01", "2024-02-29"),
            ("2024-02-01", "2024-01-02", "2024-01-31"),
            ("2024-02-02", "2024-01-03", "2024-01-31"),
        ] {
            let date = |text: &str| -> Date { text.parse().expect("a date") };
            assert_eq!(
                summed_dates(date(today)),
                (date(first), date(last)),
                "{today}"
            );
        }
    }
}
