//! When the upstream shows a bucket, and how much of it: late, in steps, sometimes wrong for a while, final in the end.
//! Pure: everything follows from the bucket's own chance and `now`.

use super::random::Chance;
use crate::usage::{Date, TimeKey};

/// How late and how often revised the simulated usage is. All shares are of buckets, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Publication {
    /// Share that appears 20 to 60 minutes after its TimeKey.
    pub late: f64,
    /// Share that appears 60 to 180 minutes after its TimeKey. The others take 5 to 12 minutes.
    pub very_late: f64,
    /// Share that is not complete at first sight and grows for up to 15 minutes.
    pub growing: f64,
    /// The least part of its usage with which a growing bucket appears.
    pub first_part: f64,
    /// Share that is complete but wrong for a while, and corrected once or twice.
    pub revised: f64,
    /// The largest error before a correction, relative to the final value.
    pub error: f64,
}

impl Publication {
    /// Every bucket appears complete within 12 minutes and never changes.
    pub const CALM: Self = Self {
        late: 0.0,
        very_late: 0.0,
        growing: 0.0,
        first_part: 1.0,
        revised: 0.0,
        error: 0.0,
    };

    /// What the documentation lets one expect.
    pub const NORMAL: Self = Self {
        late: 0.06,
        very_late: 0.01,
        growing: 0.7,
        first_part: 0.6,
        revised: 0.03,
        error: 0.1,
    };

    /// A bad day.
    pub const ROUGH: Self = Self {
        late: 0.25,
        very_late: 0.15,
        growing: 0.9,
        first_part: 0.05,
        revised: 0.3,
        error: 0.6,
    };

    /// How the bucket that `chance` belongs to is published.
    pub(super) fn course(&self, chance: Chance, bucket: TimeKey) -> Course {
        let appears = bucket.unix() + self.delay(chance.of(1));
        let growing = chance.of(2).unit() < self.growing;
        let mut course = Course {
            appears,
            first_part: 1.0,
            steps: 0,
            step_seconds: chance.of(3).among(90, 300),
            corrections: [Correction::NONE; 2],
        };
        if growing {
            course.first_part = chance.of(4).between(self.first_part, 1.0);
            course.steps = chance.of(5).among(1, 3);
        }
        if chance.of(6).unit() < self.revised {
            self.draw_corrections(&mut course, chance.of(7), final_from(bucket.date()));
        }
        course
    }

    fn delay(&self, chance: Chance) -> i64 {
        let (shortest, longest) = match chance.unit() {
            draw if draw < self.very_late => (60, 180),
            draw if draw < self.very_late + self.late => (20, 60),
            _ => (5, 12),
        };
        chance.of(1).among(shortest * 60, longest * 60)
    }

    fn draw_corrections(&self, course: &mut Course, chance: Chance, end: i64) {
        let complete = course.appears + course.steps * course.step_seconds;
        let wrong = |chance: Chance| 1.0 + chance.between(-self.error, self.error).max(-1.0);
        let last = chance.of(1).among(complete + 1, end);
        course.corrections[1] = Correction {
            at: last,
            before: wrong(chance.of(2)),
        };
        let twice = chance.of(3).unit() < 0.2;
        if twice {
            course.corrections[0] = Correction {
                at: chance.of(4).among(complete, last),
                before: wrong(chance.of(5)),
            };
        }
    }
}

/// From this Unix time on nothing of `date` changes: 09:00 of the next morning in Beijing.
pub(super) fn final_from(date: Date) -> i64 {
    date.succ().midnight().plus_seconds(9 * 3600).unix()
}

/// The life of one bucket.
pub(super) struct Course {
    appears: i64,
    first_part: f64,
    steps: i64,
    step_seconds: i64,
    /// In the order of time; what is before the first that is still to come counts.
    corrections: [Correction; 2],
}

/// Until `at` the bucket stands at `before` times its final value.
#[derive(Clone, Copy)]
struct Correction {
    at: i64,
    before: f64,
}

impl Correction {
    const NONE: Self = Self {
        at: i64::MIN,
        before: 1.0,
    };
}

impl Course {
    /// The part of its final value that the bucket shows at `now`; `None` while it is not there at all.
    pub(super) fn part(&self, now: i64) -> Option<f64> {
        let since = now - self.appears;
        if since < 0 {
            return None;
        }
        let standing = self
            .corrections
            .iter()
            .find(|correction| now < correction.at)
            .map_or(1.0, |correction| correction.before);
        let step = since / self.step_seconds;
        if step >= self.steps {
            return Some(standing);
        }
        let grown = step as f64 / self.steps as f64;
        Some(standing * (self.first_part + (1.0 - self.first_part) * grown))
    }
}
