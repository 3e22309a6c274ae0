//! A ledger with its days in a store, as the exporter has it: each step is a transaction, and each look reads all anew.

use std::cell::RefCell;
use std::collections::BTreeSet;

use trtc_exporter::store::{Poll, Saved, Store};
use trtc_exporter::usage::{App, Media, Standing, Target, Unit, touched_dates};

use super::{Book, Date, Oracle, Said, TimeKey};

/// So many stories share a store: to make one takes longer than to tell a story, and a full one is slow.
const STORIES: u32 = 64;

thread_local! {
    static SHARED: RefCell<Option<(Store, u32)>> = const { RefCell::new(None) };
}

pub(super) struct Kept {
    store: Store,
    /// Which story of its store this is.
    number: u32,
    target: Target,
    /// The dates that were heard of and not forgotten since.
    dates: BTreeSet<Date>,
    /// The newest bucket that was shown before it was asked for.
    watermark: Option<TimeKey>,
}

impl Kept {
    pub(super) fn new() -> Self {
        let (store, number) = SHARED
            .take()
            .unwrap_or_else(|| (Store::in_memory().expect("a store"), 0));
        Self {
            store,
            number,
            target: Target {
                account: number.to_string().into(),
                app: App::Total,
                item: "interactive".into(),
            },
            dates: BTreeSet::new(),
            watermark: None,
        }
    }

    /// The story is over: leaves the store to the next story.
    pub(super) fn end(self) {
        let next = self.number + 1;
        SHARED.set((next < STORIES).then_some((self.store, next)));
    }

    fn save(&mut self, poll: &Poll, said: &Said) -> Saved {
        let saved = self
            .store
            .save(std::slice::from_ref(poll), said.settle_after);
        saved.expect("kept").remove(0).expect("merged")
    }
}

impl Book for Kept {
    fn learn(&mut self, said: &mut Said) -> Vec<TimeKey> {
        let now = TimeKey::from_unix(said.asked_at.timestamp());
        let shown = said.rows.iter().map(|&(key, _)| key);
        self.watermark = self.watermark.max(shown.filter(|&key| key <= now).max());
        said.watermark = self.watermark;
        let poll = Poll {
            target: self.target.clone(),
            date: said.date,
            since: None,
            asked_at: said.asked_at,
            answer: super::answer(said, said.rows.iter()),
        };
        self.dates.extend(touched_dates(said.date, &poll.answer));
        let saved = self.save(&poll, said);
        let again = self.save(&poll, said);
        assert_eq!(
            saved.ledger, again.ledger,
            "the same again changes something"
        );
        assert_eq!(saved.sums, again.sums, "the same again changes something");
        assert!(again.arrivals.is_empty(), "the same again arrives");
        saved.arrivals
    }

    fn restart(&mut self) {}

    fn forget(&mut self, through: Date) -> Option<Date> {
        self.store.forget_before(through.succ()).expect("forgotten");
        let last = self.dates.range(..=through).next_back().copied();
        self.dates.retain(|&date| date > through);
        last
    }

    fn show(&self, oracle: &Oracle) {
        let restored = |date| self.store.restore(&self.target, date).expect("restored");
        oracle.judge(&restored(super::script::date(0)).ledger);
        for &date in &self.dates {
            let kept = restored(date);
            let media = Media::KNOWN.to_vec();
            let standing = Standing::new(Unit::Seconds, media, kept.ledger, kept.sums, None);
            for series in standing.view(date).series {
                oracle.judge_sum(date, series.media, series.today_ms);
                oracle.judge_sum(date.pred(), series.media, series.yesterday_ms);
            }
        }
    }
}
