//! The rate limit of one account and action. Pure: driven by `now`, hands back when to try again instead of waiting.
//!
//! The upstream counts arrivals per second, and the network may delay one request and not the next, so spacing what is
//! sent proves nothing. A permit therefore rests for one second after its *answer*: its request had arrived by then, so
//! its next one arrives at least a second later, whatever the network does. The price is one round trip per second:
//! 4 % of the limit at 40 ms.

use std::collections::VecDeque;
use std::time::Duration;

/// Added to each permit's rest, against clocks of finer or coarser grain on the other side.
const MARGIN: Duration = Duration::from_millis(4);

/// The first pause after a throttled answer; it doubles while throttling goes on.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// After a throttled answer, the time in which the limit grows back from half to whole.
const RECOVERY: Duration = Duration::from_secs(60);

/// Hands out permits to send one request each.
#[derive(Clone, Debug)]
pub(crate) struct Quota {
    permits: usize,
    /// How long a permit rests after its answer: one second, or longer for limits below one per second.
    window: Duration,
    in_flight: usize,
    /// When the resting permits are free again, soonest first.
    resting: VecDeque<Duration>,
    next_send: Duration,
    throttling: Throttling,
}

/// A permit in use. Whoever holds it must [give it back](Quota::give_back).
#[derive(Debug)]
#[must_use = "a permit that is not given back is lost for good"]
pub(crate) struct Permit(());

/// When a permit can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Availability {
    /// At once.
    Now,
    /// Not before this time; ask again then.
    At(Duration),
    /// All are in use: not before one is given back.
    Exhausted,
}

impl Quota {
    /// A quota of `requests_per_second`; from one per second on, fractions are cut off to be safe.
    pub(crate) fn new(requests_per_second: f64) -> Self {
        let permits = requests_per_second.floor().max(1.0);
        let window = Duration::from_secs(1).mul_f64(1.0_f64.max(1.0 / requests_per_second));
        Self {
            permits: permits as usize,
            window,
            in_flight: 0,
            resting: VecDeque::new(),
            next_send: Duration::ZERO,
            throttling: Throttling::default(),
        }
    }

    /// The same quota under the limit of another: what was sent before still counts.
    pub(crate) fn under_limit_of(self, other: &Self) -> Self {
        Self {
            permits: other.permits,
            window: other.window,
            ..self
        }
    }

    /// When a permit can be had.
    pub(crate) fn availability(&mut self, now: Duration) -> Availability {
        self.end_rests(now);
        let earliest = self.next_send.max(self.throttling.paused_until);
        let permits = self.throttling.permits(self.permits, now);
        if self.in_flight + self.resting.len() < permits {
            return if earliest <= now {
                Availability::Now
            } else {
                Availability::At(earliest)
            };
        }
        match self.resting.front() {
            Some(&free_at) => Availability::At(free_at.max(earliest)),
            None => Availability::Exhausted,
        }
    }

    /// Permits in use or at rest, and how many there are now.
    pub(super) fn load(&mut self, now: Duration) -> (usize, usize) {
        self.end_rests(now);
        let permits = self.throttling.permits(self.permits, now);
        (self.in_flight + self.resting.len(), permits)
    }

    /// Takes a permit, when there is one.
    pub(crate) fn take(&mut self, now: Duration) -> Option<Permit> {
        if self.availability(now) != Availability::Now {
            return None;
        }
        self.in_flight += 1;
        // Half of the even spacing: no burst, and yet room to catch up after a late wake-up.
        self.next_send = now + self.window / self.permits as u32 / 2;
        Some(Permit(()))
    }

    /// Gives a permit back when its request has ended; `answered` when the upstream's answer ended it.
    pub(crate) fn give_back(&mut self, permit: Permit, now: Duration, answered: bool) {
        let Permit(()) = permit;
        self.in_flight -= 1;
        if answered {
            self.throttling.calm();
        }
        self.resting.push_back(now + self.window + MARGIN);
    }

    fn end_rests(&mut self, now: Duration) {
        while self.resting.front().is_some_and(|&free_at| free_at <= now) {
            self.resting.pop_front();
        }
    }

    /// The upstream refused a request for its rate: pause, and slow down for a while. `jitter`, from 0 to 1, keeps
    /// several exporters of one account from coming back at the same instant.
    pub(crate) fn throttled(&mut self, now: Duration, jitter: f64) {
        self.throttling.hit(now, jitter);
    }
}

#[derive(Clone, Debug, Default)]
struct Throttling {
    /// Throttled answers in a row.
    streak: u32,
    paused_until: Duration,
    slow_until: Duration,
}

impl Throttling {
    fn hit(&mut self, now: Duration, jitter: f64) {
        // Several requests of one burst are refused together; they are one reason to pause, not many.
        if now < self.paused_until {
            return;
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.streak.min(5))
            .min(LONGEST_PAUSE);
        self.streak = self.streak.saturating_add(1);
        self.paused_until = now + pause.mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 2.0);
        self.slow_until = self.paused_until + RECOVERY;
    }

    fn calm(&mut self) {
        self.streak = 0;
    }

    /// Half of the permits right after a throttled answer, growing back evenly.
    fn permits(&self, permits: usize, now: Duration) -> usize {
        let left = self.slow_until.saturating_sub(now).min(RECOVERY);
        let missing = permits as f64 / 2.0 * left.div_duration_f64(RECOVERY);
        (permits - missing.ceil() as usize).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Sends for `seconds` through a network with these delays and returns the arrivals at the upstream.
    fn arrivals(
        quota: &mut Quota,
        seconds: u64,
        mut delay: impl FnMut() -> (Duration, Duration),
    ) -> Vec<Duration> {
        let mut now = Duration::ZERO;
        let mut on_the_way: Vec<(Duration, Permit)> = Vec::new();
        let mut arrivals = Vec::new();
        while now < Duration::from_secs(seconds) {
            while let Some(next) = on_the_way.iter().position(|(back_at, _)| *back_at <= now) {
                let (back_at, permit) = on_the_way.swap_remove(next);
                quota.give_back(permit, back_at, true);
            }
            let back = on_the_way.iter().map(|(back_at, _)| *back_at).min();
            if let Some(permit) = quota.take(now) {
                let (up, down) = delay();
                arrivals.push(now + up);
                on_the_way.push((now + up + down, permit));
                continue;
            }
            now = match quota.availability(now) {
                Availability::At(at) => back.map_or(at, |back| back.min(at)),
                _ => back.expect("whatever is exhausted is on the way"),
            };
        }
        arrivals.sort_unstable();
        arrivals
    }

    fn most_in_a_second(arrivals: &[Duration]) -> usize {
        let within = |start: usize| {
            arrivals[start..]
                .iter()
                .take_while(|&&at| at < arrivals[start] + Duration::from_secs(1))
                .count()
        };
        (0..arrivals.len()).map(within).max().unwrap_or(0)
    }

    #[test]
    fn it_neither_bursts_nor_idles() {
        let mut quota = Quota::new(20.0);
        let arrivals = arrivals(&mut quota, 60, || (millis(1), millis(1)));
        assert_eq!(most_in_a_second(&arrivals), 20);
        assert!(
            arrivals.len() >= 20 * 60 * 98 / 100,
            "{} of 1200",
            arrivals.len()
        );
        assert!(
            arrivals[1] - arrivals[0] >= millis(25),
            "no burst at the start"
        );
    }

    #[test]
    fn limits_below_one_per_second_are_kept() {
        let mut quota = Quota::new(1.0 / 15.0);
        assert_eq!(
            arrivals(&mut quota, 150, || (millis(1), millis(1))).len(),
            10
        );
    }

    #[test]
    fn many_are_in_flight_when_the_upstream_is_slow() {
        let mut quota = Quota::new(20.0);
        let arrivals = arrivals(&mut quota, 60, || (millis(20), millis(4_000)));
        assert!(arrivals.len() > 60 * 3, "{}", arrivals.len());
    }

    #[test]
    fn throttling_pauses_and_slows_down_for_a_while() {
        let mut quota = Quota::new(20.0);
        let permit = quota.take(Duration::ZERO).expect("fresh");
        quota.give_back(permit, millis(1), false);
        quota.throttled(millis(1), 1.0);
        quota.throttled(millis(2), 1.0);
        assert_eq!(
            quota.availability(millis(1_000)),
            Availability::At(millis(1_501))
        );
        quota.throttled(millis(1_501), 0.0);
        assert_eq!(
            quota.availability(millis(1_600)),
            Availability::At(millis(3_501)),
            "twice as long"
        );
        assert_eq!(quota.throttling.permits(20, millis(3_501)), 10);
        assert_eq!(quota.throttling.permits(20, millis(33_501)), 15);
        assert_eq!(quota.throttling.permits(20, millis(63_501)), 20);
        assert_eq!(quota.throttling.permits(1, millis(3_501)), 1);
    }

    #[test]
    fn an_exhausted_quota_waits_for_an_answer() {
        let mut quota = Quota::new(1.0);
        let permit = quota.take(Duration::ZERO).expect("fresh");
        assert_eq!(
            quota.availability(Duration::from_secs(99)),
            Availability::Exhausted
        );
        quota.give_back(permit, Duration::from_secs(99), false);
        assert_eq!(
            quota.availability(Duration::from_secs(99)),
            Availability::At(millis(100_004))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever the network does, no second at the upstream sees more than the limit, and nearly all of it is used.
        #[test]
        fn the_upstream_never_sees_more_than_the_limit(
            limit in 1_u64..30, base in 0_u64..40, jitter in 0_u64..150, seed in any::<u64>(),
        ) {
            let mut random = seed | 1;
            let mut delay = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                (millis(base + random % (jitter + 1)), millis(base + (random >> 32) % (jitter + 1)))
            };
            let arrivals = arrivals(&mut Quota::new(limit as f64), 30, &mut delay);
            prop_assert!(most_in_a_second(&arrivals) as u64 <= limit);
            let trip = 2 * base + jitter;
            let possible = (limit * 30) as f64 * 1000.0 / (1004 + trip) as f64;
            prop_assert!(arrivals.len() as f64 >= possible * 0.95, "{} of {possible}", arrivals.len());
        }

        /// Waiting exactly as long as told is enough, and any less is not.
        #[test]
        fn the_wait_is_exact(limit in 1_u64..30, trips in prop::collection::vec(0_u64..500, 1..100)) {
            let mut quota = Quota::new(limit as f64);
            let mut now = Duration::ZERO;
            for trip in trips {
                if let Availability::At(at) = quota.availability(now) {
                    prop_assert!(quota.clone().take(at - Duration::from_nanos(1)).is_none());
                    now = at;
                }
                let permit = quota.take(now);
                prop_assert!(permit.is_some());
                now += millis(trip);
                quota.give_back(permit.expect("just checked"), now, true);
            }
        }
    }
}
