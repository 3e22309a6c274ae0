//! From rows that were read to an [`Answer`]: what is true of rows in either shape.

use super::{Query, Reply};
use crate::usage::{Answer, Date, Media, Rejected, TimeKey};

/// No action reports more columns than there are media.
pub(super) type Values = [u64; Media::ALL.len()];

/// A row that could be read.
pub(super) struct Row {
    pub(super) key: TimeKey,
    /// Its TimeKey was `YYYY-MM-DD`, without a time.
    pub(super) bare_date: bool,
    /// Milliseconds in the order of the action's columns.
    pub(super) values: Values,
}

impl Row {
    /// A row under the TimeKey that `text` writes.
    pub(super) fn at(text: Option<&str>, values: Values) -> Result<Self, Rejected> {
        let text = text.ok_or(Rejected::TimeKey)?;
        Ok(Self {
            key: TimeKey::parse(text).ok_or(Rejected::TimeKey)?,
            bare_date: text.len() == "YYYY-MM-DD".len(),
            values,
        })
    }
}

/// Gathers the rows of one answer.
///
/// Rows of the day before and after are taken, as the upstream's own examples have them; further away they would move
/// counters for days that nobody asked about.
///
/// A bare date is how the upstream labels the sum of a day when asked about several, which it never is from here. Should
/// it come nevertheless, it is read as the bucket at that date's midnight, so that the counter still follows the day; but
/// not beside that date's finer rows, where it would count the day twice.
pub(super) struct Rows {
    asked: Date,
    columns: usize,
    answer: Answer,
    left_out: Option<Rejected>,
    dates_with_times: Vec<Date>,
    bare_dates: Vec<Row>,
}

impl Rows {
    pub(super) fn of(query: &Query) -> Self {
        let columns: Vec<_> = query.action.media().collect();
        Self {
            asked: query.date,
            columns: columns.len(),
            answer: Answer::new(columns),
            left_out: None,
            dates_with_times: Vec::new(),
            bare_dates: Vec::new(),
        }
    }

    /// Adds a row, or counts it as left out.
    pub(super) fn add(&mut self, row: Result<Row, Rejected>) {
        match row {
            Err(reason) => self.leave_out(reason),
            Ok(row) => {
                let date = row.key.date();
                if date.days_since(self.asked).abs() > 1 {
                    self.leave_out(Rejected::OtherDate);
                } else if row.bare_date {
                    self.bare_dates.push(row);
                } else {
                    if !self.dates_with_times.contains(&date) {
                        self.dates_with_times.push(date);
                    }
                    self.push(&row);
                }
            }
        }
    }

    /// Ends the gathering.
    pub(super) fn into_reply(
        mut self,
        request_id: Option<String>,
        deprecated: Option<String>,
    ) -> Reply {
        for row in std::mem::take(&mut self.bare_dates) {
            if self.dates_with_times.contains(&row.key.date()) {
                self.leave_out(Rejected::DaySum);
            } else {
                self.push(&row);
            }
        }
        Reply {
            answer: self.answer,
            left_out: self.left_out,
            request_id,
            deprecated,
        }
    }

    fn push(&mut self, row: &Row) {
        if let Err(reason) = self.answer.push(row.key, &row.values[..self.columns]) {
            self.left_out.get_or_insert(reason);
        }
    }

    fn leave_out(&mut self, reason: Rejected) {
        self.answer.reject();
        self.left_out.get_or_insert(reason);
    }
}
