//! From rows that were read to an [`Answer`]: what is true of rows in either shape.

use super::columns::{Columns, PerColumn};
use super::label::Written;
use super::{Query, Reply};
use crate::usage::{Answer, Rejected, TimeKey};

/// A row that could be read.
pub(super) struct Row {
    pub(super) label: Written,
    /// Milliseconds in the order of the columns.
    pub(super) values: PerColumn<u64>,
}

/// Gathers the rows of one answer: buckets of one date, or the sums of several.
///
/// Of buckets, rows of the day before and after are taken, as the upstream's own examples have them; further away they would move
/// counters for days that nobody asked about.
///
/// A bare date is how the upstream labels the sum of a day when asked about several, which it never is from here. Should
/// it come nevertheless, it is read as the bucket at that date's midnight, so that the counter still follows the day; but
/// not beside that date's finer rows, where it would count the day twice.
pub(super) struct Rows {
    /// The first midnight of what is taken: of one date that of the day before.
    begin: TimeKey,
    /// How many days are taken.
    days: i64,
    /// Whether sums of days were asked for.
    are_sums: bool,
    columns: usize,
    answer: Answer,
    left_out: Option<Rejected>,
    /// Whether there are rows with a time on the day before, on the date asked for, and on the day after.
    has_times: [bool; 3],
    bare_dates: Vec<Row>,
}

impl Rows {
    pub(super) fn of(query: &Query, columns: &Columns) -> Self {
        let columns: Vec<_> = columns.media().collect();
        let number = columns.len();
        let answer = Answer::new(columns).said_by(query.action.source);
        let begin = query.since.unwrap_or_else(|| query.date.pred());
        let end = query
            .since
            .map_or_else(|| query.date.succ(), |_| query.date);
        Self {
            begin: begin.midnight(),
            days: end.days_since(begin) + 1,
            are_sums: query.since.is_some(),
            columns: number,
            answer: match query.since {
                None => answer,
                Some(_) => answer.of_days(),
            },
            left_out: None,
            has_times: [false; 3],
            bare_dates: Vec::new(),
        }
    }

    /// Adds a row, or counts it as left out.
    pub(super) fn add(&mut self, row: Result<Row, Rejected>) {
        match row {
            Err(reason) => self.leave_out(reason),
            Ok(row) if self.are_sums => self.add_sum(&row),
            Ok(row) => match self.has_times_beside(&row) {
                None => self.leave_out(Rejected::OtherDate),
                Some(_) if row.label.is_bare_date => self.bare_dates.push(row),
                Some(has_times) => {
                    *has_times = true;
                    self.push(&row);
                }
            },
        }
    }

    fn add_sum(&mut self, row: &Row) {
        if (0..self.days).contains(&row.label.key.days_since(self.begin)) {
            self.push(row);
        } else {
            self.leave_out(Rejected::OtherDate);
        }
    }

    /// The mark of the row's day, if that is one of the three.
    fn has_times_beside(&mut self, row: &Row) -> Option<&mut bool> {
        let day = row.label.key.days_since(self.begin);
        self.has_times.get_mut(usize::try_from(day).ok()?)
    }

    /// Ends the gathering.
    pub(super) fn into_reply(
        mut self,
        request_id: Option<String>,
        deprecated: Option<String>,
    ) -> Reply {
        for row in std::mem::take(&mut self.bare_dates) {
            if self.has_times_beside(&row) == Some(&mut true) {
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
        if let Err(reason) = self.answer.push(row.label.key, &row.values[..self.columns]) {
            self.left_out.get_or_insert(reason);
        }
    }

    fn leave_out(&mut self, reason: Rejected) {
        self.answer.reject();
        self.left_out.get_or_insert(reason);
    }
}
