//! The lane through simulated days: a clock that jumps from wake-up to wake-up, and an upstream of a given speed.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

struct Run {
    lane: Lane,
    start: DateTime<Utc>,
    now: Moment,
    trip: Duration,
    on_the_way: Vec<(Duration, Attempt)>,
    /// When each target was asked for which date.
    asked: Vec<(Duration, usize, Date)>,
    /// When each target was asked for the sums of dates up to which.
    sums: Vec<(Duration, usize, Date)>,
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn pace() -> Pace {
    Pace {
        interval: MINUTE,
        request_timeout: Duration::from_secs(10),
        background_gap: Duration::from_millis(100),
        seed: 7,
    }
}

impl Run {
    fn new(targets: usize, rate: f64, start: &str) -> Self {
        let now = Moment {
            utc: utc(start),
            mono: Duration::from_secs(1000),
        };
        let lane = Lane::new(
            pace(),
            Quota::new(rate),
            vec![Before::default(); targets],
            now,
        );
        let trip = Duration::from_millis(1);
        Self {
            lane,
            start: now.utc,
            now,
            trip,
            on_the_way: Vec::new(),
            asked: Vec::new(),
            sums: Vec::new(),
        }
    }

    fn at(&self, mono: Duration) -> Moment {
        let utc =
            self.start + TimeDelta::from_std(mono - Duration::from_secs(1000)).expect("in range");
        Moment { utc, mono }
    }

    fn for_minutes(&mut self, minutes: u32) {
        self.until(self.now.mono + MINUTE * minutes, |_| None);
    }

    /// Runs on; `fault` says how an attempt fails, if it does.
    fn until(&mut self, end: Duration, fault: impl Fn(Job) -> Option<Class>) {
        while self.now.mono < end {
            let back = self.on_the_way.iter().map(|(at, _)| *at).min();
            if back.is_some_and(|back| back <= self.now.mono) {
                let next = self
                    .on_the_way
                    .iter()
                    .position(|(at, _)| Some(*at) == back)
                    .expect("just found");
                let (_, attempt) = self.on_the_way.swap_remove(next);
                let asked_at = self.at(self.now.mono - self.trip).utc;
                let outcome =
                    fault(attempt.job).map_or(Outcome::Answered(asked_at), Outcome::Failed);
                self.lane.ended(attempt, outcome, self.now);
                continue;
            }
            let wake = match self.lane.next(self.now) {
                Next::Attempt(attempt) => {
                    let asked = (self.now.mono, attempt.job.target, attempt.job.date);
                    match attempt.job.since {
                        None => self.asked.push(asked),
                        Some(_) => self.sums.push(asked),
                    }
                    self.on_the_way.push((self.now.mono + self.trip, attempt));
                    continue;
                }
                Next::Wait(at) => at.into_iter().chain(back).min().unwrap_or(end),
            };
            assert!(wake > self.now.mono, "it would spin");
            // Never past midnight in one step, as the poller does.
            self.now = self.at(wake.min(self.now.mono + MINUTE).min(end.max(self.now.mono)));
        }
    }

    /// The times at which a target was asked for a date.
    fn times(&self, target: usize, date: &str) -> Vec<Duration> {
        let date: Date = date.parse().expect("a date");
        let wanted = self
            .asked
            .iter()
            .filter(|&&(_, asked, asked_date)| asked == target && asked_date == date);
        wanted.map(|&(at, ..)| at).collect()
    }
}

#[test]
fn today_is_asked_every_interval_and_evenly() {
    let mut run = Run::new(20, 20.0, "2024-02-28T02:00:00Z");
    run.for_minutes(60);
    for target in 0..20 {
        let times = run.times(target, "2024-02-28");
        assert!(
            (60..=62).contains(&times.len()),
            "target {target}: {} times",
            times.len()
        );
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(
            gaps.clone()
                .all(|gap| gap >= MINUTE / 2 && gap <= MINUTE * 3 / 2),
            "target {target}"
        );
    }
    let settled = run
        .asked
        .iter()
        .filter(|(at, ..)| *at > Duration::from_secs(1000) + MINUTE * 30);
    let mut per_second = BTreeMap::new();
    for (at, ..) in settled {
        *per_second.entry(at.as_secs()).or_insert(0) += 1;
    }
    assert!(
        per_second.values().all(|&count| count <= 2),
        "no burst: {per_second:?}"
    );
}

#[test]
fn the_first_round_is_quick_but_no_burst() {
    let mut run = Run::new(3, 20.0, "2024-02-28T02:00:00Z");
    run.until(Duration::from_secs(1001), |_| None);
    let first: Vec<Duration> = (0..3)
        .map(|target| run.times(target, "2024-02-28")[0])
        .collect();
    assert_eq!(
        first
            .iter()
            .map(|at| at.as_millis() - 1_000_000)
            .collect::<Vec<_>>(),
        [0, 250, 500]
    );
}

#[test]
fn yesterday_is_asked_until_it_is_final_and_no_longer() {
    // 23:30 in Beijing; 09:30 is 01:30 UTC.
    let mut run = Run::new(2, 20.0, "2024-02-28T15:30:00Z");
    run.for_minutes(24 * 60 - 60);
    let times = run.times(0, "2024-02-28");
    let final_at = Duration::from_secs(1000) + MINUTE * 600;
    let after_midnight = Duration::from_secs(1000) + MINUTE * 30;
    let late_rows = times
        .iter()
        .filter(|at| **at > after_midnight && **at < after_midnight + MINUTE * 200);
    assert!(
        late_rows.count() >= 195,
        "as often as today while rows may come late"
    );
    assert_eq!(
        times.iter().filter(|at| **at > final_at).count(),
        1,
        "once when it is final"
    );
    assert!(*times.last().expect("asked") < final_at + MINUTE * 5);
}

#[test]
fn all_dates_are_entered_soon_and_swept_once_a_day() {
    let mut run = Run::new(2, 20.0, "2024-02-28T02:00:00Z");
    run.for_minutes(1);
    for days in 1..31 {
        let date = "2024-02-28"
            .parse::<Date>()
            .expect("a date")
            .minus_days(days);
        assert_eq!(run.times(1, &date.to_string()).len(), 1, "{date}");
    }
    run.for_minutes(60 * 24 * 3);
    let swept = run.times(1, "2024-02-20").len();
    assert!((3..=5).contains(&swept), "{swept} times in three days");
}

#[test]
fn an_outage_is_caught_up() {
    let answered = |date: &str, at: &str| (date.parse().expect("a date"), utc(at));
    let known = (4..40).map(|days| {
        let date = "2024-02-28"
            .parse::<Date>()
            .expect("a date")
            .minus_days(days);
        (date, utc("2024-02-27T00:00:00Z"))
    });
    // The 26th was seen last at noon, before its figures were final; the 27th not at all.
    let known = known.chain([
        answered("2024-02-26", "2024-02-26T04:00:00Z"),
        answered("2024-02-25", "2024-02-26T04:00:00Z"),
    ]);
    let now = Moment {
        utc: utc("2024-02-28T02:00:00Z"),
        mono: Duration::from_secs(1000),
    };
    let mut run = Run::new(0, 20.0, "2024-02-28T02:00:00Z");
    let before = Before {
        asked: known.collect(),
        ..Before::default()
    };
    run.lane = Lane::new(pace(), Quota::new(20.0), vec![before], now);
    run.for_minutes(1);
    assert_eq!(run.times(0, "2024-02-27").len(), 1);
    assert_eq!(run.times(0, "2024-02-26").len(), 1);
    assert_eq!(
        run.times(0, "2024-02-25").len(),
        0,
        "its last answer was final"
    );
}

#[test]
fn saturated_it_uses_the_limit_and_nobody_starves() {
    let mut run = Run::new(6000, 20.0, "2024-02-28T02:00:00Z");
    run.for_minutes(60);
    let minutes_30 = Duration::from_secs(1000) + MINUTE * 30;
    let asked = run.asked.iter().chain(&run.sums);
    let late: Vec<_> = asked.filter(|(at, ..)| *at > minutes_30).collect();
    assert!(
        late.len() >= 20 * 60 * 30 * 98 / 100,
        "{} of 36000",
        late.len()
    );
    let today = "2024-02-28".parse::<Date>().expect("a date");
    let background = late.iter().filter(|(.., date)| *date != today).count();
    assert!(
        background * 20 > late.len(),
        "{background} in the background"
    );
    assert!(
        background * 10 < late.len(),
        "{background} in the background"
    );
    let worst = (0..6000).flat_map(|target| {
        run.times(target, "2024-02-28")
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect::<Vec<_>>()
    });
    let limit = Duration::from_secs(6000 / 20);
    assert!(worst.max().expect("asked") <= limit * 110 / 100);
    assert!(
        run.lane.take_waited() > MINUTE * 50,
        "it has waited for the limit"
    );
}

#[test]
fn a_permanent_failure_is_asked_rarely_and_disturbs_nobody() {
    let mut run = Run::new(3, 20.0, "2024-02-28T02:00:00Z");
    let fault = |job: Job| (job.target == 1).then_some(Class::Permanent);
    run.until(Duration::from_secs(1000) + MINUTE * 60, fault);
    let failing = run
        .asked
        .iter()
        .filter(|(_, target, _)| *target == 1)
        .count();
    assert!((5..=7).contains(&failing), "{failing} attempts in an hour");
    assert!(run.times(0, "2024-02-28").len() >= 60);
    run.lane.try_again(run.now);
    run.for_minutes(2);
    assert!(run.times(1, "2024-02-28").len() >= failing + 2, "mended");
}

#[test]
fn all_attempts_of_a_poll_stay_within_the_interval() {
    let mut run = Run::new(1, 20.0, "2024-02-28T02:00:00Z");
    run.trip = Duration::from_secs(10);
    run.until(Duration::from_secs(1000) + MINUTE * 10, |_| {
        Some(Class::Transient)
    });
    let attempts = run.times(0, "2024-02-28");
    assert!(
        (27..=30).contains(&attempts.len()),
        "three attempts per poll: {}",
        attempts.len()
    );
    for poll in attempts.chunks(3) {
        assert!(poll[poll.len() - 1] + run.trip - poll[0] <= MINUTE);
    }
}

#[test]
fn throttled_it_backs_off_and_comes_back() {
    let mut run = Run::new(40, 20.0, "2024-02-28T02:00:00Z");
    run.until(Duration::from_secs(1000) + MINUTE * 5, |_| {
        Some(Class::Throttled)
    });
    assert!(
        run.asked.len() < 30,
        "{} attempts while it throttles",
        run.asked.len()
    );
    let before = run.asked.len();
    run.for_minutes(4);
    assert!(run.asked.len() > before + 40 * 2);
}

#[test]
fn a_clock_set_back_over_midnight_does_no_harm() {
    let mut run = Run::new(2, 20.0, "2024-02-28T16:10:00Z");
    run.for_minutes(5);
    run.start -= TimeDelta::hours(1);
    run.for_minutes(5);
    assert!(run.times(0, "2024-02-28").len() >= 9);
    run.start += TimeDelta::hours(2);
    run.for_minutes(5);
    assert!(run.times(0, "2024-02-29").len() >= 9);
}

#[test]
fn sums_are_asked_at_the_start_and_once_after_each_date_is_final() {
    // 10:00 in Beijing, when yesterday is final.
    let mut run = Run::new(20, 20.0, "2024-02-28T02:00:00Z");
    run.for_minutes(24 * 60);
    let of_target: Vec<_> = run
        .sums
        .iter()
        .filter(|(_, target, _)| *target == 7)
        .collect();
    let days: Vec<String> = of_target
        .iter()
        .map(|(.., last)| last.to_string())
        .collect();
    assert_eq!(days, ["2024-02-27", "2024-02-28"]);
    let second = of_target[1].0 - Duration::from_secs(1000);
    let final_again = MINUTE * (23 * 60 + 30);
    assert!(
        second >= final_again && second <= final_again + MINUTE * 2,
        "{second:?}"
    );
}
