//! For which dates the upstream has answered, and when: a month of it for each of thousands of targets, so it is packed.

use chrono::{DateTime, Utc};

use crate::usage::Date;

/// The last answer for each date, sorted by date.
#[derive(Debug, Default)]
pub(super) struct Asked(Vec<(Date, DateTime<Utc>)>);

impl Asked {
    /// When the upstream last answered for `date`.
    pub(super) fn get(&self, date: Date) -> Option<DateTime<Utc>> {
        let index = self.position(date).ok()?;
        Some(self.0[index].1)
    }

    /// It has answered for `date` at `at`.
    pub(super) fn insert(&mut self, date: Date, at: DateTime<Utc>) {
        match self.position(date) {
            Ok(index) => self.0[index].1 = at,
            Err(index) => self.0.insert(index, (date, at)),
        }
    }

    /// As if it had never answered for `date`.
    pub(super) fn forget(&mut self, date: Date) {
        if let Ok(index) = self.position(date) {
            self.0.remove(index);
        }
    }

    /// Forgets `date` and all before it.
    pub(super) fn forget_through(&mut self, date: Date) {
        self.0.retain(|&(other, _)| other > date);
    }

    /// The dates from the oldest on.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Date, DateTime<Utc>)> {
        self.0.iter().copied()
    }

    fn position(&self, date: Date) -> Result<usize, usize> {
        self.0.binary_search_by_key(&date, |&(date, _)| date)
    }
}

impl From<Vec<(Date, DateTime<Utc>)>> for Asked {
    /// Of a date that is there twice, the last one holds.
    fn from(answers: Vec<(Date, DateTime<Utc>)>) -> Self {
        let mut asked = Self(Vec::with_capacity(answers.len()));
        for (date, at) in answers {
            asked.insert(date, at);
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answer_for_each_date_is_known() {
        let date = |text: &str| -> Date { text.parse().expect("a date") };
        let at = DateTime::from_timestamp_nanos;
        let (first, second, third) = (date("2024-02-28"), date("2024-02-29"), date("2024-03-01"));
        let mut asked = Asked::from(vec![(third, at(1)), (first, at(2)), (third, at(3))]);
        asked.insert(second, at(4));
        asked.insert(first, at(5));
        let all: Vec<_> = asked.iter().collect();
        assert_eq!(all, [(first, at(5)), (second, at(4)), (third, at(3))]);
        asked.forget(first);
        assert_eq!(asked.get(first), None);
        asked.forget_through(second);
        assert_eq!(asked.get(second), None);
        assert_eq!(asked.get(third), Some(at(3)));
    }
}
