//! How one target stands: what is kept of it in memory between polls, and the view of it that a scrape shows.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{ANSWERED_DATES, Counted, Date, Day, Ledger, Media, SeriesView, Unit, View, final_at};

/// State that is older than this may be a copy that was restored, and its counters lower than they have been seen: a
/// reset to Prometheus, which would count all of it again. Younger state is the last that was shown.
const RECENT: TimeDelta = TimeDelta::minutes(10);

/// The sums of one date, in ms per media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    date: Date,
    sums_ms: Vec<(Media, u64)>,
}

impl Sums {
    /// Sums of a date, in ms per media.
    pub fn new(date: Date, sums_ms: Vec<(Media, u64)>) -> Self {
        Self { date, sums_ms }
    }

    /// The sums of `day`, being the date `date`.
    pub fn of(date: Date, day: &Day) -> Self {
        let sums_ms = day
            .columns()
            .iter()
            .map(|column| (column.media, day.sum_ms(column.media)))
            .collect();
        Self { date, sums_ms }
    }

    /// Whose they are.
    pub fn date(&self) -> Date {
        self.date
    }

    /// The media that there are sums of.
    pub fn media(&self) -> impl Iterator<Item = Media> {
        self.sums_ms.iter().map(|&(media, _)| media)
    }

    /// The sum of a media, in ms.
    pub fn get(&self, media: Media) -> u64 {
        self.sums_ms
            .iter()
            .find(|(own, _)| *own == media)
            .map_or(0, |&(_, sum)| sum)
    }
}

/// One target between polls.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    unit: Unit,
    ledger: Ledger,
    /// The media that its action reports: shown from the first poll on, with 0 until something is known.
    media: Vec<Media>,
    /// The sums of the newest dates that were heard of, newest first; no more than today and yesterday are needed.
    sums: Vec<Sums>,
    /// What is counted of the month; `None` before the upstream has told the sums of its dates.
    month: Option<Counted>,
    unreconciled_ms: u64,
    up: Option<bool>,
    last_success: Option<DateTime<Utc>>,
    /// Dates to be heard of before the counters are shown.
    expected: BTreeSet<Date>,
}

impl Standing {
    /// A target of an action that reports `media` in `unit`, with what was saved of it.
    pub fn new(
        unit: Unit,
        media: Vec<Media>,
        ledger: Ledger,
        sums: Vec<Sums>,
        last_success: Option<DateTime<Utc>>,
    ) -> Self {
        let mut standing = Self {
            unit,
            ledger,
            media,
            sums: Vec::new(),
            month: None,
            unreconciled_ms: 0,
            up: None,
            last_success,
            expected: BTreeSet::new(),
        };
        standing.keep_sums(sums);
        standing
    }

    /// An answer was kept: the ledger as it now is, and the sums of the dates that changed.
    pub fn learned(&mut self, ledger: Ledger, sums: Vec<Sums>) {
        self.ledger = ledger;
        self.keep_sums(sums);
    }

    /// The upstream has told the sums of the month's dates: what is counted by them, and how far they are from the sums of
    /// their buckets.
    pub fn reconciled(&mut self, month: Counted, unreconciled_ms: u64) {
        self.month = Some(month);
        self.unreconciled_ms = unreconciled_ms;
    }

    /// Another date is today: those before yesterday are counted in now.
    pub fn turn(&mut self, today: Date) {
        if let Some(month) = &mut self.month
            && !month.follow(today, &self.sums)
        {
            self.month = None;
        }
    }

    /// Holds the counters back until every date since the last success is heard of, unless that was just now. `asked`
    /// tells when each date was last answered for: one whose answer was final has no news.
    pub fn catch_up(&mut self, asked: &[(Date, DateTime<Utc>)], now: DateTime<Utc>) {
        let Some(last_success) = self.last_success.filter(|&at| now - at > RECENT) else {
            return;
        };
        let today = Date::of(now);
        let first = Date::of(last_success).max(oldest_answered(today));
        self.expected = first
            .through(today)
            .filter(|&date| {
                !asked
                    .iter()
                    .any(|&(other, at)| other == date && at >= final_at(date))
            })
            .collect();
    }

    /// There is nothing more to be heard of a date: it was answered, or never will be.
    pub fn heard_of(&mut self, date: Date) {
        self.expected.remove(&date);
    }

    /// A poll of today succeeded.
    pub fn succeeded(&mut self, now: DateTime<Utc>) {
        self.up = Some(true);
        self.last_success = Some(now);
    }

    /// A poll of today failed.
    pub fn failed(&mut self) {
        self.up = Some(false);
    }

    /// Goes on from how the same target stood before a reload, as far as it is not kept on disk.
    pub fn resume(&mut self, before: &Self) {
        self.up = before.up;
        self.expected.clone_from(&before.expected);
    }

    /// The sums of the newest dates that were heard of, newest first.
    pub fn sums(&self) -> &[Sums] {
        &self.sums
    }

    /// What a scrape shows when the date in Beijing is `today`.
    pub fn view(&self, today: Date) -> View {
        let heard_of = self.up.is_some() || !self.ledger.series.is_empty();
        let ever = self.ledger.series.iter().map(|series| series.media);
        let mut shown: Vec<Media> = self.media.iter().copied().chain(ever).collect();
        shown.sort_unstable();
        shown.dedup();
        if !heard_of {
            shown.clear();
        }
        View {
            unit: self.unit,
            series: shown
                .into_iter()
                .map(|media| self.series_view(media, today))
                .collect(),
            bucket: self.ledger.settled,
            revised_up_ms: self.ledger.raised_ms,
            revised_down_ms: self.ledger.lowered_ms,
            unreconciled_ms: self.month.as_ref().map(|_| self.unreconciled_ms),
            catching_up: self.is_catching_up(today),
            up: self.up,
            last_success: self.last_success.map(|at| at.timestamp()),
        }
    }

    fn is_catching_up(&self, today: Date) -> bool {
        let oldest = oldest_answered(today);
        self.expected.iter().any(|&date| date >= oldest)
    }

    fn series_view(&self, media: Media, today: Date) -> SeriesView {
        let series = self.ledger.series(media);
        SeriesView {
            media,
            total_ms: series.map_or(0, |series| series.published_ms),
            overcounted_ms: series.map_or(0, |series| series.overcounted_ms()),
            bucket_ms: series.map_or(0, |series| series.bucket_ms),
            today_ms: self.sum_ms(today, media),
            yesterday_ms: self.sum_ms(today.pred(), media),
            month_minutes: self.month_minutes(today, media),
        }
    }

    /// In the first two days of a month nothing need be told: they are at hand.
    fn month_minutes(&self, today: Date, media: Media) -> Option<u64> {
        let first = today.first_of_month();
        let begun = Counted::new(first.pred(), Vec::new());
        let month = match &self.month {
            Some(month) if month.through() >= first => month,
            _ if first >= today.pred() => &begun,
            _ => return None,
        };
        Some(month.up_to(today, media, &self.sums))
    }

    fn sum_ms(&self, date: Date, media: Media) -> u64 {
        self.sums
            .iter()
            .find(|sums| sums.date == date)
            .map_or(0, |sums| sums.get(media))
    }

    fn keep_sums(&mut self, fresh: Vec<Sums>) {
        for sums in fresh {
            self.sums.retain(|old| old.date != sums.date);
            self.sums.push(sums);
        }
        self.sums.sort_by_key(|sums| std::cmp::Reverse(sums.date));
        self.sums.truncate(3);
    }
}

/// The upstream answers for no date that is older.
fn oldest_answered(today: Date) -> Date {
    today.minus_days(ANSWERED_DATES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn started(last_success: Option<&str>, now: &str) -> Standing {
        let last_success = last_success.map(at);
        let mut standing = Standing::new(
            Unit::Seconds,
            vec![Media::Audio],
            Ledger::default(),
            Vec::new(),
            last_success,
        );
        standing.catch_up(&[], at(now));
        standing
    }

    #[test]
    fn recent_state_and_no_state_are_shown_at_once() {
        let now = "2024-03-01T12:00:00Z";
        let today = date("2024-03-01");
        assert!(!started(None, now).view(today).catching_up);
        assert!(
            !started(Some("2024-03-01T11:50:00Z"), now)
                .view(today)
                .catching_up
        );
        assert!(
            started(Some("2024-03-01T11:49:59Z"), now)
                .view(today)
                .catching_up
        );
    }

    #[test]
    fn old_state_waits_for_every_date_since() {
        let today = date("2024-03-01");
        let mut standing = started(Some("2024-02-28T12:00:00Z"), "2024-03-01T12:00:00Z");
        for heard_of in ["2024-03-01", "2024-02-28", "2024-02-29"] {
            assert!(standing.view(today).catching_up, "{heard_of}");
            standing.heard_of(date(heard_of));
        }
        assert!(!standing.view(today).catching_up);
    }

    #[test]
    fn dates_that_nobody_answers_for_any_more_are_not_waited_for() {
        let mut standing = started(Some("2023-03-01T12:00:00Z"), "2024-03-01T12:00:00Z");
        let today = date("2024-03-01");
        for days in 0..30 {
            standing.heard_of(today.minus_days(days));
        }
        assert!(standing.view(today).catching_up);
        assert!(
            !standing.view(today.succ()).catching_up,
            "the oldest is gone"
        );
    }

    #[test]
    fn a_date_with_a_final_answer_is_not_waited_for() {
        let (today, yesterday) = (date("2024-03-01"), date("2024-02-29"));
        for (asked_at, waits) in [
            ("2024-03-01T01:29:59Z", true),
            ("2024-03-01T01:30:00Z", false),
        ] {
            let mut standing = started(Some("2024-02-29T12:00:00Z"), "2024-03-01T12:00:00Z");
            standing.catch_up(&[(yesterday, at(asked_at))], at("2024-03-01T12:00:00Z"));
            standing.heard_of(today);
            assert_eq!(standing.view(today).catching_up, waits, "{asked_at}");
        }
    }

    #[test]
    fn a_reload_does_not_hide_what_was_shown() {
        let shown = started(None, "2024-03-01T12:00:00Z");
        let mut fresh = started(Some("2024-02-28T12:00:00Z"), "2024-03-01T12:00:00Z");
        fresh.resume(&shown);
        assert!(!fresh.view(date("2024-03-01")).catching_up);
    }
}
