//! How far this machine's clock is from the upstream's, by the `Date` of its answers. Pure: readings of both clocks go
//! in, an interval that holds the truth comes out.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Moment;

/// A `Date` is cut to whole seconds.
const RESOLUTION: TimeDelta = TimeDelta::seconds(1);

/// How far this machine's clock is ahead of the upstream's; negative when it is behind. No clock tells that exactly, so
/// it is an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    at_least: TimeDelta,
    at_most: TimeDelta,
}

impl Skew {
    /// What an answer tells whose question was sent at `sent`, whose head came at `received`, and that the upstream
    /// dated `date`.
    ///
    /// The upstream looked at its clock some time in between, so the interval is as wide as that took, and the second
    /// that a `Date` may be cut by. All is told by the wall clock of `received`: had it been set since `sent`, what it
    /// showed before would no longer matter.
    pub fn told_by(date: DateTime<Utc>, sent: Moment, received: Moment) -> Self {
        let at_most = received.utc.signed_duration_since(date);
        let took = received.mono.saturating_sub(sent.mono);
        let width = TimeDelta::from_std(took)
            .ok()
            .and_then(|took| took.checked_add(&RESOLUTION))
            .unwrap_or(TimeDelta::MAX);
        Self {
            at_least: at_most.checked_sub(&width).unwrap_or(TimeDelta::MIN),
            at_most,
        }
    }

    /// The best guess in seconds, the middle; it is wrong by half of what is not known.
    pub fn seconds(self) -> f64 {
        self.at_least
            .as_seconds_f64()
            .midpoint(self.at_most.as_seconds_f64())
    }

    /// Whether the clocks are certainly further apart than `bound`, whichever is ahead.
    pub fn is_beyond(self, bound: TimeDelta) -> bool {
        self.at_least > bound || self.at_most < -bound
    }

    /// Whether they are certainly no further apart than `bound`. In doubt neither this holds nor [`Skew::is_beyond`].
    pub fn is_within(self, bound: TimeDelta) -> bool {
        self.at_least >= -bound && self.at_most <= bound
    }

    fn contains(self, skew: TimeDelta) -> bool {
        (self.at_least..=self.at_most).contains(&skew)
    }

    fn and(self, other: Self) -> Self {
        Self {
            at_least: self.at_least.max(other.at_least),
            at_most: self.at_most.min(other.at_most),
        }
    }
}

impl fmt::Display for Skew {
    /// The end of a sentence that begins with "this machine's clock is".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds().round();
        if seconds == 0.0 {
            f.write_str("in step with the upstream's")
        } else if seconds > 0.0 {
            write!(f, "{seconds} s ahead of the upstream's")
        } else {
            write!(f, "{} s behind the upstream's", -seconds)
        }
    }
}

/// What the last few answers tell together.
///
/// One odd answer changes nothing: it may come from a machine whose own clock is wrong. That a clock was set is believed
/// when three answers say so.
#[derive(Debug, Default)]
pub struct Recent(VecDeque<Skew>);

impl Recent {
    /// So many answers are remembered. Two of them may be odd.
    const REMEMBERED: usize = 5;

    /// Takes in what one more answer tells.
    pub fn add(&mut self, skew: Skew) {
        self.0.truncate(Self::REMEMBERED - 1);
        self.0.push_front(skew);
    }

    /// What most of them agree on, and with equally many on either side the newer ones; `None` before the first. The
    /// more agree, the narrower it is: their seconds and round trips do not end at the same instants.
    pub fn agreed(&self) -> Option<Skew> {
        // Where most intervals overlap begins where one of them does.
        let places = self.0.iter().map(|begin| {
            let agrees = |other: &&Skew| other.contains(begin.at_least);
            let count = self.0.iter().filter(agrees).count();
            let newest = self.0.iter().position(|other| agrees(&other));
            let place = self.0.iter().filter(agrees).copied().reduce(Skew::and);
            ((count, Reverse(newest)), place)
        });
        places.max_by_key(|&(rank, _)| rank)?.1
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const NOON: i64 = 1_599_566_400_000;

    fn utc(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).expect("in range")
    }

    fn at(utc_ms: i64, mono_ms: u64) -> Moment {
        Moment {
            utc: utc(utc_ms),
            mono: Duration::from_millis(mono_ms),
        }
    }

    fn between(at_least: i64, at_most: i64) -> Skew {
        Skew {
            at_least: TimeDelta::milliseconds(at_least),
            at_most: TimeDelta::milliseconds(at_most),
        }
    }

    fn agreed(told: &[Skew]) -> Option<Skew> {
        let mut recent = Recent::default();
        told.iter().for_each(|&skew| recent.add(skew));
        recent.agreed()
    }

    #[test]
    fn an_answer_tells_it_to_its_round_trip_and_a_second() {
        let (sent, received) = (at(NOON, 1_000), at(NOON + 200, 1_200));
        assert_eq!(
            Skew::told_by(utc(NOON), sent, received),
            between(-1_000, 200)
        );
        assert_eq!(
            Skew::told_by(utc(NOON - 421_000), sent, received),
            between(420_000, 421_200)
        );
        let set_back_meanwhile = at(NOON + 200 - 3_600_000, 1_200);
        assert_eq!(
            Skew::told_by(utc(NOON), sent, set_back_meanwhile),
            between(-3_601_000, -3_599_800)
        );
    }

    #[test]
    fn it_is_told_in_words() {
        for (skew, words) in [
            (between(420_000, 421_200), "421 s ahead of the upstream's"),
            (between(-76_000, -74_000), "75 s behind the upstream's"),
            (between(-1_000, 200), "in step with the upstream's"),
            (between(-600, 600), "in step with the upstream's"),
        ] {
            assert_eq!(skew.to_string(), words);
        }
    }

    #[test]
    fn in_doubt_it_is_neither_beyond_a_bound_nor_within() {
        let minute = TimeDelta::minutes(1);
        for (skew, beyond, within) in [
            (between(-1_000, 200), false, true),
            (between(60_001, 61_000), true, false),
            (between(59_900, 61_000), false, false),
            (between(-61_000, -60_001), true, false),
            (between(-61_000, -59_900), false, false),
            // An answer that took minutes tells next to nothing.
            (between(-200_000, 300), false, false),
        ] {
            let found = (skew.is_beyond(minute), skew.is_within(minute));
            assert_eq!(found, (beyond, within), "{skew:?}");
        }
    }

    #[test]
    fn one_odd_answer_changes_nothing_and_a_clock_that_was_set_is_believed_soon() {
        let (right, ahead) = (between(-900, 100), between(99_200, 100_200));
        assert_eq!(agreed(&[]), None);
        assert_eq!(agreed(&[right]), Some(right));
        assert_eq!(agreed(&[right, right, ahead]), Some(right));
        assert_eq!(agreed(&[right, ahead, right]), Some(right));
        let mut recent = [right; 10].to_vec();
        recent.extend([ahead, ahead]);
        assert_eq!(agreed(&recent), Some(right));
        recent.push(ahead);
        assert_eq!(agreed(&recent), Some(ahead));
        assert_eq!(agreed(&[right, ahead]), Some(ahead), "the newer");
    }

    #[test]
    fn answers_that_agree_tell_more_than_one() {
        let told = [
            between(-900, 100),
            between(-1_000, 700),
            between(-300, 5_000),
        ];
        assert_eq!(agreed(&told), Some(between(-300, 100)));
    }

    /// Any exchange while this machine is `skew` ms ahead, as the answer tells it.
    fn any_answer(skew: i64) -> impl Strategy<Value = Skew> {
        (NOON..NOON + 10_000_000, 0..5_000i64, 0..5_000i64).prop_map(
            move |(looked, there, back)| {
                let date = utc(looked.div_euclid(1000) * 1000);
                let mono = 1_000 + (there + back).unsigned_abs();
                // What the wall clock showed when the question was sent does not matter.
                Skew::told_by(date, at(0, 1_000), at(looked + skew + back, mono))
            },
        )
    }

    proptest! {
        #[test]
        fn the_truth_lies_in_what_is_told(
            (skew, told) in (-100_000_000..100_000_000i64)
                .prop_flat_map(|skew| (Just(skew), vec(any_answer(skew), 1..8)))
        ) {
            let agreed = agreed(&told).expect("something was told");
            let skew = TimeDelta::milliseconds(skew);
            prop_assert!(told.iter().all(|told| told.contains(skew)), "{told:?}");
            prop_assert!(agreed.contains(skew), "{agreed:?}");
            let width = |skew: &Skew| skew.at_most - skew.at_least;
            let of_the_best = told.iter().rev().take(Recent::REMEMBERED).map(width).min();
            prop_assert!(Some(width(&agreed)) <= of_the_best);
        }

        #[test]
        fn two_odd_answers_of_five_do_not_hide_it(
            (skew, told) in (-100_000_000..100_000_000i64).prop_flat_map(|skew| {
                let odd = || (20_000..9_000_000i64, any::<bool>()).prop_flat_map(move |(off, ahead)| {
                    any_answer(if ahead { skew + off } else { skew - off })
                });
                let told = (vec(any_answer(skew), 3), vec(odd(), 2))
                    .prop_map(|(good, odd)| [good, odd].concat())
                    .prop_shuffle();
                (Just(skew), told)
            })
        ) {
            let agreed = agreed(&told).expect("something was told");
            prop_assert!(agreed.contains(TimeDelta::milliseconds(skew)), "{told:?}");
        }

        #[test]
        fn no_clock_makes_it_panic(
            dates in (any::<i64>(), any::<i64>()),
            monos in (any::<Duration>(), any::<Duration>()),
        ) {
            let any_utc = |ms: i64| DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::<Utc>::MAX_UTC);
            let moment = |utc, mono| Moment { utc, mono };
            let (sent, received) = (utc(NOON), any_utc(dates.1));
            let told = Skew::told_by(any_utc(dates.0), moment(sent, monos.0), moment(received, monos.1));
            prop_assert!(told.at_least <= told.at_most && told.seconds().is_finite());
        }
    }
}
