//! The month so far as bills count it: whole minutes, rounded up once for each day and media.

use super::{Date, Media, Sums, billable_minutes};

/// Minutes of a month's first dates, each rounded up by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    through: Date,
    minutes: Vec<(Media, u64)>,
}

impl Counted {
    /// What was counted of the month of `through`, from its first date up to that one.
    pub fn new(through: Date, minutes: Vec<(Media, u64)>) -> Self {
        Self { through, minutes }
    }

    /// Counts the dates of the month of `through`, up to it.
    pub fn of<'a>(through: Date, days: impl IntoIterator<Item = &'a Sums>) -> Self {
        let mut counted = Self::new(through, Vec::new());
        let month = through.first_of_month()..=through;
        for day in days {
            if month.contains(&day.date()) {
                counted.add(day);
            }
        }
        counted
    }

    /// The last date that is counted in.
    pub fn through(&self) -> Date {
        self.through
    }

    /// What was counted, media by media.
    pub fn minutes(&self) -> &[(Media, u64)] {
        &self.minutes
    }

    /// Counts in `sums` of the dates after it until only `today` and the date before are left out; with the first date of
    /// another month it begins at 0 again. Whether all of them were at hand; otherwise the month is no longer known.
    pub(super) fn follow(&mut self, today: Date, sums: &[Sums]) -> bool {
        let last = today.pred().pred();
        while self.through < last {
            let next = self.through.succ();
            if next == next.first_of_month() {
                self.minutes.clear();
            }
            self.through = next;
            let Some(day) = sums.iter().find(|sums| sums.date() == next) else {
                return false;
            };
            self.add(day);
        }
        true
    }

    /// The minutes of a media from the first date of the month of `today` up to that.
    pub(super) fn up_to(&self, today: Date, media: Media, sums: &[Sums]) -> u64 {
        let first = today.first_of_month();
        let counted = self.minutes.iter().find(|(other, _)| *other == media);
        let counted = counted.filter(|_| self.through >= first);
        let after = sums
            .iter()
            .filter(|day| day.date() >= first && day.date() > self.through && day.date() <= today);
        let after: u64 = after.map(|day| billable_minutes(day.get(media))).sum();
        after.saturating_add(counted.map_or(0, |&(_, minutes)| minutes))
    }

    fn add(&mut self, day: &Sums) {
        for media in day.media() {
            let minutes = billable_minutes(day.get(media));
            match self.minutes.iter_mut().find(|(other, _)| *other == media) {
                Some((_, counted)) => *counted = counted.saturating_add(minutes),
                None => self.minutes.push((media, minutes)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn day(text: &str, seconds: u64) -> Sums {
        Sums::new(date(text), vec![(Media::Audio, seconds * 1000)])
    }

    #[test]
    fn each_day_of_the_month_is_rounded_up_by_itself() {
        let month = Counted::of(
            date("2024-02-03"),
            &[
                day("2024-01-31", 600),
                day("2024-02-01", 30),
                day("2024-02-02", 61),
                day("2024-02-03", 0),
                day("2024-02-04", 600),
            ],
        );
        assert_eq!(month.minutes(), [(Media::Audio, 3)]);
    }

    #[test]
    fn days_after_what_was_counted_come_from_their_buckets() {
        let mut month = Counted::of(date("2024-02-03"), &[day("2024-02-01", 60)]);
        let mut sums = vec![
            day("2024-02-05", 61),
            day("2024-02-04", 30),
            day("2024-02-03", 999),
        ];
        let today = date("2024-02-05");
        assert_eq!(month.up_to(today, Media::Audio, &sums), 1 + 1 + 2);
        assert_eq!(month.up_to(today, Media::VideoHd, &sums), 0);
        let tomorrow = date("2024-02-06");
        assert!(month.follow(tomorrow, &sums));
        assert_eq!(month.through(), date("2024-02-04"));
        sums.truncate(1);
        assert_eq!(month.up_to(tomorrow, Media::Audio, &sums), 1 + 1 + 2);
        assert!(
            !month.follow(date("2024-02-08"), &sums),
            "nobody knows the sixth"
        );
    }

    #[test]
    fn what_no_month_can_have_saturates() {
        let absurd = vec![(Media::Audio, u64::MAX)];
        let mut month = Counted::new(date("2024-02-03"), absurd);
        let sums = [day("2024-02-05", 60), day("2024-02-04", 60)];
        let today = date("2024-02-05");
        assert_eq!(month.up_to(today, Media::Audio, &sums), u64::MAX);
        assert!(month.follow(date("2024-02-07"), &sums));
        assert_eq!(month.minutes(), [(Media::Audio, u64::MAX)]);
    }

    #[test]
    fn a_month_begins_at_nothing() {
        let mut month = Counted::of(date("2024-02-28"), &[day("2024-02-01", 6000)]);
        let sums = [day("2024-03-01", 60), day("2024-02-29", 60)];
        let today = date("2024-03-01");
        assert_eq!(month.up_to(today, Media::Audio, &sums), 1);
        assert!(month.follow(date("2024-03-03"), &sums));
        assert_eq!(month.up_to(date("2024-03-03"), Media::Audio, &sums), 1);
    }
}
