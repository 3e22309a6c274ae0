//! What was seen, against what may be seen next and what the upstream says.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags};
use trtc_exporter::simulator::Handle;
use trtc_exporter::store::codec;
use trtc_exporter::tencent::Item;
use trtc_exporter::usage::{App, Date, Day, Media};

use crate::exporter::Scrape;

const COUNTERS: [&str; 2] = [
    "trtc_usage_seconds_total",
    "trtc_usage_revised_seconds_total",
];

/// How many dates the upstream is asked for.
const DATES: u64 = 31;

/// Seconds per media.
type Sums = BTreeMap<Media, f64>;

/// An app's usage of a billing item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    pub(super) item: &'static Item,
    pub(super) app: App,
}

impl Used {
    /// What is held against each other: of the item whose action is retired half way, the media of both actions.
    fn media(self) -> impl Iterator<Item = Media> {
        let all = self.item.first_action().media();
        let successor = self
            .item
            .first_action()
            .successor
            .unwrap_or(self.item.first_action());
        all.filter(move |&media| successor.media().any(|other| other == media))
    }

    fn key(self) -> (&'static str, App) {
        (self.item.name, self.app)
    }
}

impl std::fmt::Display for Used {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.item.name, self.app)
    }
}

/// What both sides know at one instant.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) upstream: &'a Handle,
    /// The exporter's state.
    pub(super) state: &'a Path,
    pub(super) now: DateTime<Utc>,
}

impl Told<'_> {
    fn today(self) -> Date {
        Date::of(self.now)
    }
}

pub(super) struct Witness {
    /// The oldest date that the upstream can have been asked for.
    first: Date,
    /// The largest value of every counter.
    peaks: HashMap<String, f64>,
    /// What the upstream showed and what was credited of an item and app, when its history had been read.
    bases: BTreeMap<(&'static str, App), (Sums, Sums)>,
    /// Sums of dates that do not change any more.
    finals: HashMap<(&'static str, App, Date), Sums>,
}

impl Witness {
    pub(super) fn new(first: Date) -> Self {
        Self {
            first,
            peaks: HashMap::new(),
            bases: BTreeMap::new(),
            finals: HashMap::new(),
        }
    }

    /// No counter has fallen, and no figure is absurd.
    pub(super) fn check(&mut self, scrape: &Scrape) {
        for name in COUNTERS {
            for (labels, value) in scrape.samples(name) {
                let peak = self.peaks.entry(format!("{name}{{{labels}}}")).or_default();
                assert!(
                    value >= *peak,
                    "{name}{{{labels}}} fell from {peak} to {value}\n{}",
                    scrape.0
                );
                *peak = value;
            }
        }
        for (labels, value) in scrape.samples("trtc_usage_overcounted_seconds") {
            assert!(value >= 0.0, "{labels} {value}");
        }
    }

    /// Where what was credited differs from what the upstream's figures have grown by; `None` when it does nowhere.
    pub(super) fn disagreement(
        &mut self,
        all: impl Iterator<Item = Used>,
        told: Told<'_>,
        scrape: &Scrape,
    ) -> Option<String> {
        for used in all {
            let credited = credited(used, scrape);
            if credited.is_empty() {
                return Some(format!("{used} is not shown"));
            }
            if let Some((shown_then, credited_then)) = self.bases.get(&used.key()).cloned() {
                let shown = self.shown(used, told);
                for (media, shown) in shown {
                    let (grown, counted) = (
                        shown - shown_then[&media],
                        credited[&media] - credited_then[&media],
                    );
                    if grown != counted {
                        let dates = self.dates_apart(used, media, told);
                        return Some(format!(
                            "{used} {media}: has grown by {grown}, counted are {counted}; kept are other words of {dates:?}"
                        ));
                    }
                }
            } else if let Some(credited) = self.credited_when_all_is_known(used, told) {
                let shown = self.shown(used, told);
                self.bases.insert(used.key(), (shown, credited));
            } else {
                return Some(format!("{used} is new and its history is being read"));
            }
        }
        None
    }

    /// What the upstream says over all dates.
    fn shown(&mut self, used: Used, told: Told<'_>) -> Sums {
        let mut total = Sums::new();
        let mut date = self.first;
        while date <= told.today() {
            for (media, sum) in self.shown_on(used, date, told) {
                *total.entry(media).or_default() += sum;
            }
            date = date.succ();
        }
        total
    }

    fn shown_on(&mut self, used: Used, date: Date, told: Told<'_>) -> Sums {
        let (item, app) = used.key();
        if let Some(sums) = self.finals.get(&(item, app, date)) {
            return sums.clone();
        }
        let model = told.upstream.model();
        let row = model.of(used.item).day_sum(app, date, told.now);
        let sum = |media| row.as_ref().map_or(0.0, |row| row[media] as f64);
        let sums: Sums = used.media().map(|media| (media, sum(media))).collect();
        if told.today().days_since(date) >= 2 {
            self.finals.insert((item, app, date), sums.clone());
        }
        sums
    }

    /// The dates of which the exporter keeps other words than the upstream says: what it says, and what is kept.
    fn dates_apart(&mut self, used: Used, media: Media, told: Told<'_>) -> Vec<(Date, f64, f64)> {
        let kept = Kept::read(used, told.state);
        let mut apart = Vec::new();
        for date in self.first.through(told.today()) {
            let shown = self.shown_on(used, date, told)[&media];
            let day = kept.days.get(&date.to_string());
            let words = day.map_or(0.0, |day| day.sum_ms(media) as f64 / 1000.0);
            if shown != words {
                apart.push((date, shown, words));
            }
        }
        apart
    }

    /// What is credited while the exporter has the upstream's last word on every date that it can ask for; `None`
    /// while it has not. Only its own state tells: an answer may have been on its way when it was killed, or lacked rows.
    fn credited_when_all_is_known(&mut self, used: Used, told: Told<'_>) -> Option<Sums> {
        let kept = Kept::read(used, told.state);
        let mut dates = (0..DATES).map(|days| told.today().minus_days(days));
        let all = dates.all(|date| {
            let shown = self.shown_on(used, date, told);
            let same = |day: &Day| {
                let sum = |media| day.sum_ms(media) as f64 / 1000.0;
                shown.iter().all(|(&media, &shown)| sum(media) == shown)
            };
            kept.days.get(&date.to_string()).is_some_and(same)
        });
        all.then_some(kept.credited)
    }
}

/// What the exporter keeps of an item and app.
struct Kept {
    /// The dates that it has an answer for.
    days: HashMap<String, Day>,
    credited: Sums,
}

impl Kept {
    fn read(used: Used, state: &Path) -> Self {
        let mut state =
            Connection::open_with_flags(state, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opens");
        // Both as they are at one instant.
        let state = state.transaction().expect("readable");
        let of_used = |query: &str, row: &mut dyn FnMut(&rusqlite::Row<'_>)| {
            let mut statement = state.prepare(query).expect("these are its tables");
            let mut rows = statement
                .query([used.app.to_string(), used.item.name.to_owned()])
                .expect("readable");
            while let Some(found) = rows.next().expect("readable") {
                row(found);
            }
        };
        let (mut days, mut credited) = (HashMap::new(), Sums::new());
        let query = "SELECT date, buckets FROM day JOIN target ON target = id WHERE app = ?1 AND item = ?2 AND asked_at IS NOT NULL";
        of_used(query, &mut |row| {
            let (date, bytes) = (row.get_unwrap(0), row.get_unwrap::<_, Vec<u8>>(1));
            days.insert(date, codec::decode(&bytes, None).expect("a day"));
        });
        let query = "SELECT media, credited_ms FROM series JOIN target ON target = id WHERE app = ?1 AND item = ?2";
        of_used(query, &mut |row| {
            let media = row.get_unwrap::<_, String>(0).parse().expect("a media");
            credited.insert(media, row.get_unwrap::<_, i64>(1) as f64 / 1000.0);
        });
        Self { days, credited }
    }
}

fn credited(used: Used, scrape: &Scrape) -> Sums {
    let of = |media| {
        let counter = sample(scrape, "trtc_usage_seconds_total", used, media)?;
        let ahead = sample(scrape, "trtc_usage_overcounted_seconds", used, media)?;
        Some((media, counter - ahead))
    };
    used.media().filter_map(of).collect()
}

fn sample(scrape: &Scrape, name: &str, used: Used, media: Media) -> Option<f64> {
    let wanted = [
        format!("sdk_app_id=\"{}\"", used.app),
        format!("item=\"{}\"", used.item.name),
        format!("media=\"{media}\""),
    ];
    scrape
        .samples(name)
        .find(|(labels, _)| wanted.iter().all(|label| labels.contains(label)))
        .map(|(_, value)| value)
}
