//! A ledger with its days at hand, merged in whatever order.

use trtc_exporter::store::codec;

use super::{Answer, BTreeMap, Book, Date, Day, Ledger, Merged, Oracle, Said, Settling, TimeKey};

#[derive(Clone, Default)]
pub(super) struct InHand {
    ledger: Ledger,
    days: BTreeMap<Date, Day>,
}

impl InHand {
    fn merge(&mut self, said: &Said, answer: &Answer) -> Merged {
        let settling = Settling {
            after: said.settle_after,
            watermark: said.watermark,
        };
        self.ledger
            .merge(&mut self.days, said.date, answer, said.asked_at, settling)
    }

    fn is_like(&self, other: &Self, what: &str) {
        assert_eq!(self.ledger, other.ledger, "{what}");
        assert_eq!(self.days, other.days, "{what}");
    }
}

impl Book for InHand {
    fn learn(&mut self, said: &mut Said) -> Vec<TimeKey> {
        let answer = super::answer(said, said.rows.iter());
        let reversed_answer = super::answer(said, said.rows.iter().rev());
        let mut reversed = self.clone();
        let merged = self.merge(said, &answer);
        let merged_reversed = reversed.merge(said, &reversed_answer);
        self.is_like(&reversed, "the order of rows matters");
        assert_eq!(merged, merged_reversed, "the order of rows matters");
        let again = reversed.merge(said, &answer);
        self.is_like(&reversed, "the same again changes something");
        assert_eq!(again, Merged::default(), "the same again arrives");
        merged.arrivals
    }

    fn restart(&mut self) {
        for day in self.days.values_mut() {
            let kept = codec::encode(day);
            let back = codec::decode(&kept, day.asked_at()).expect("what was kept");
            let back = back.said_by(day.source());
            assert_eq!(*day, back);
            *day = back;
        }
    }

    fn forget(&mut self, through: Date) -> Option<Date> {
        self.days.retain(|&heard_of, _| heard_of > through);
        self.ledger.forget_through(through);
        Some(through)
    }

    fn show(&self, oracle: &Oracle) {
        oracle.judge(&self.ledger);
        for (&date, day) in &self.days {
            oracle.judge_day(date, day);
        }
    }
}
