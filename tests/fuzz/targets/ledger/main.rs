//! The ledger against an upstream that does what it likes, and against [`oracle::Oracle`], which works everything out
//! anew after each step from all that was ever said.

#![no_main]

mod oracle;
mod script;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use libfuzzer_sys::fuzz_target;
use trtc_exporter::store::codec;
use trtc_exporter::usage::{Answer, Date, Day, Ledger, Merged, Settling, TimeKey};

use oracle::Oracle;
use script::{Said, Step};

/// The longest story: beyond it nothing new can happen, and the oracle takes long.
const STEPS: usize = 24;

fuzz_target!(|steps: Vec<Step>| {
    let mut book = Book::default();
    let mut oracle = Oracle::default();
    let mut last = None;
    for step in steps.iter().take(STEPS) {
        match step {
            Step::Say(say) => {
                let said = say.told();
                let merged = book.learn(&said);
                oracle.hear(&said);
                oracle.judge_arrivals(&merged.arrivals);
                last = Some(said);
            }
            Step::Repeat => {
                let Some(said) = &last else { continue };
                book.learn(said);
                oracle.hear(said);
            }
            Step::Restart => book.restart(),
            Step::Forget { through } => {
                let date = script::date(*through);
                book.days.retain(|&heard_of, _| heard_of > date);
                book.ledger.forget_through(date);
                oracle.forget(date);
            }
        }
        oracle.judge(&book.ledger, &book.days);
    }
});

/// A ledger with its days, as the store would hold them.
#[derive(Clone, Default)]
struct Book {
    ledger: Ledger,
    days: BTreeMap<Date, Day>,
}

impl Book {
    /// Merges what was said. The order of its rows must not matter, and saying it again must change nothing.
    fn learn(&mut self, said: &Said) -> Merged {
        let mut reversed = self.clone();
        let merged = self.merge(said, said.rows.iter());
        let merged_reversed = reversed.merge(said, said.rows.iter().rev());
        assert_eq!(self.ledger, reversed.ledger, "the order of rows matters");
        assert_eq!(self.days, reversed.days, "the order of rows matters");
        assert_eq!(merged, merged_reversed, "the order of rows matters");
        let again = reversed.merge(said, said.rows.iter());
        assert_eq!(
            self.ledger, reversed.ledger,
            "the same again changes something"
        );
        assert_eq!(self.days, reversed.days, "the same again changes something");
        assert_eq!(again, Merged::default(), "the same again arrives");
        merged
    }

    fn merge<'a>(
        &mut self,
        said: &Said,
        rows: impl Iterator<Item = &'a (TimeKey, Vec<u64>)>,
    ) -> Merged {
        let mut answer = Answer::new(said.columns.clone());
        for (key, values) in rows {
            answer.push(*key, values).expect("a believable row");
        }
        let settling = Settling {
            after: said.settle_after,
            watermark: said.watermark,
        };
        self.ledger
            .merge(&mut self.days, said.date, &answer, said.asked_at, settling)
    }

    /// Everything goes to disk and comes back.
    fn restart(&mut self) {
        for day in self.days.values_mut() {
            let kept = codec::encode(day);
            let back = codec::decode(&kept, day.asked_at()).expect("what was kept");
            assert_eq!(*day, back);
            *day = back;
        }
    }
}
