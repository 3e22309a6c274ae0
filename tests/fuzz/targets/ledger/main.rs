//! The ledger against an upstream that does what it likes, and against [`oracle::Oracle`], which works everything out
//! anew after each step from all that was ever said. Its days are at hand, or in a store.

#![no_main]

mod hand;
mod kept;
mod oracle;
mod script;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use libfuzzer_sys::fuzz_target;
use trtc_exporter::usage::{Answer, Date, Day, Ledger, Merged, Settling, TimeKey};

use hand::InHand;
use kept::Kept;
use oracle::Oracle;
use script::{Said, Step, Story};

/// The longest story: beyond it nothing new can happen, and the oracle takes long.
const STEPS: usize = 24;

fuzz_target!(|story: Story| {
    let steps = &story.steps[..story.steps.len().min(STEPS)];
    if story.is_kept {
        let mut kept = Kept::new();
        tell(steps, &mut kept);
        kept.end();
    } else {
        tell(steps, &mut InHand::default());
    }
});

fn tell(steps: &[Step], book: &mut impl Book) {
    let mut oracle = Oracle::default();
    let mut last = None;
    for step in steps {
        match step {
            Step::Say(say) => {
                let mut said = say.told();
                let arrivals = book.learn(&mut said);
                oracle.hear(&said);
                oracle.judge_arrivals(&arrivals);
                last = Some(said);
            }
            Step::Repeat => {
                let Some(said) = &mut last else { continue };
                book.learn(said);
                oracle.hear(said);
            }
            Step::Restart => book.restart(),
            Step::Forget { through } => {
                if let Some(date) = book.forget(script::date(*through)) {
                    oracle.forget(date);
                }
            }
        }
        book.show(&oracle);
    }
}

/// A ledger and its days.
trait Book {
    /// Merges what was said, and checks that saying it again changes nothing. What was said gets the watermark that
    /// held, and the buckets are those heard of for the first time.
    fn learn(&mut self, said: &mut Said) -> Vec<TimeKey>;

    /// The process ends and another begins.
    fn restart(&mut self);

    /// Drops the days up to a date, or up to an earlier one after which there are none.
    fn forget(&mut self, through: Date) -> Option<Date>;

    /// Has everything judged that can be seen.
    fn show(&self, oracle: &Oracle);
}

fn answer<'a>(said: &Said, rows: impl Iterator<Item = &'a (TimeKey, Vec<u64>)>) -> Answer {
    let mut answer = Answer::new(said.columns.clone());
    for (key, values) in rows {
        answer.push(*key, values).expect("a believable row");
    }
    answer
}
