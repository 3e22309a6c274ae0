//! What an action answers: the model's rows in the action's own layout, with the oddities that the documentation shows
//! when [`Quirks`] asks for them. Pure.

use std::fmt::{Display, Write as _};

use super::model::Model;
use super::query::Query;
use super::random::Chance;
use super::row::Row;
use crate::tencent::Action;
use crate::tencent::action::{MCU_TRANSCODE_TIME, RECORD_STATISTIC, Shape};
use crate::usage::{App, Media, TimeKey};
use chrono::{DateTime, Utc};

/// The share of rows that an answer with gaps has still.
const KEPT: f64 = 0.6;

/// Liberties that an answer may take. None but [`Quirks::gaps`] changes what a careful reader adds up of known media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Rows, columns and fields come in any order, another one for each request.
    pub shuffled: bool,
    /// A query of one date also shows a row of the day before, as the second example of the documentation does.
    pub previous_day_row: bool,
    /// Numbers that are zero are left out. (Actions that name each of them only.)
    pub zeros_left_out: bool,
    /// The SdkAppId is a number rather than a string. (Actions that send it only.)
    pub numeric_app_id: bool,
    /// Without any row there is a `null` in the place of the list.
    pub null_when_empty: bool,
    /// TimeKeys lie up to 59 seconds after the five-minute grid.
    pub off_grid: bool,
    /// No TimeStampKey, as on the international site. (`DescribeTrtcUsage` and its siblings only.)
    pub no_time_stamp: bool,
    /// The data come with a DeprecatedWarning.
    pub deprecated: bool,
    /// There is a column that nobody knows yet, `8K` or `VideoTime8k`, with the same figures as the action's first column.
    pub unknown_column: bool,
    /// Some of the rows are missing, others each time.
    pub gaps: bool,
}

impl Quirks {
    /// All of them at once that leave the sums as they are and add none.
    pub const ALL: Self = Self {
        shuffled: true,
        previous_day_row: true,
        zeros_left_out: true,
        numeric_app_id: true,
        null_when_empty: true,
        off_grid: true,
        no_time_stamp: true,
        deprecated: true,
        unknown_column: false,
        gaps: false,
    };
}

/// An answer: how many rows it has, and the fields of `Response` without the RequestId.
pub(super) struct Answer {
    pub(super) rows: usize,
    fields: Vec<String>,
    chance: Option<Chance>,
}

impl Answer {
    /// Answers `query`. `chance` decides what is shuffled.
    pub(super) fn new(
        model: &Model,
        action: &Action,
        query: &Query,
        quirks: Quirks,
        now: DateTime<Utc>,
        chance: Chance,
    ) -> Self {
        let mut rows = rows(model, query, quirks, now);
        if quirks.gaps {
            let kept = |index| chance.of(4).of(index).unit() < KEPT;
            let mut indices = 0..;
            rows.retain(|_| indices.next().is_some_and(kept));
        }
        let mut columns = columns(action, quirks);
        if quirks.shuffled {
            chance.of(1).shuffle(&mut rows);
            chance.of(2).shuffle(&mut columns);
        }
        let layout = Layout {
            action,
            columns,
            quirks,
            one_date: query.is_one_date(),
        };
        let mut fields = match action.shape {
            Shape::NamedSeconds { apps, rows: name } => {
                let usage = layout.usage_of_app(query.app, name, &rows);
                vec![field(apps, usage)]
            }
            Shape::Keyed => layout.keyed(&rows),
        };
        if quirks.deprecated {
            fields.push(field("DeprecatedWarning", "\"This action is deprecated.\""));
        }
        Self {
            rows: rows.len(),
            fields,
            chance: quirks.shuffled.then_some(chance.of(3)),
        }
    }

    /// The envelope.
    pub(super) fn body(mut self, request_id: &str) -> String {
        self.fields
            .push(field("RequestId", format_args!("\"{request_id}\"")));
        if let Some(chance) = self.chance {
            chance.shuffle(&mut self.fields);
        }
        format!("{{\"Response\":{}}}", object(&self.fields))
    }
}

/// One row for each bucket of a single date, or for each of several dates.
fn rows(model: &Model, query: &Query, quirks: Quirks, now: DateTime<Utc>) -> Vec<(TimeKey, Row)> {
    let usage = model.of(query.item);
    if !query.is_one_date() {
        let sum = |date| Some((date, usage.day_sum(query.app, date, now)?));
        return query
            .dates()
            .filter_map(sum)
            .map(|(date, row)| (date.midnight(), row))
            .collect();
    }
    let mut rows = usage.day(query.app, query.start, now);
    if quirks.previous_day_row {
        let before = usage.day(query.app, query.start.pred(), now);
        rows.splice(0..0, before.into_iter().next_back());
    }
    if quirks.off_grid {
        for (key, _) in &mut rows {
            let chance = Chance::seeded(model.seed).of(key.unix() as u64);
            *key = key.plus_seconds(chance.among(0, 59));
        }
    }
    rows
}

/// What each column is called, and whose figures are in it.
fn columns(action: &Action, quirks: Quirks) -> Vec<(&'static str, Media)> {
    let mut columns = action.columns.to_vec();
    if *action == MCU_TRANSCODE_TIME {
        // Only newer SDKs know it, and the exporter leaves it out.
        columns.push(("Flux", Media::Bandwidth));
    }
    if quirks.unknown_column {
        let name = match action.shape {
            Shape::NamedSeconds { .. } => "VideoTime8k",
            Shape::Keyed => "8K",
        };
        columns.push((name, columns[0].1));
    }
    columns
}

/// How the rows of one answer are written.
struct Layout<'a> {
    action: &'a Action,
    columns: Vec<(&'static str, Media)>,
    quirks: Quirks,
    one_date: bool,
}

impl Layout<'_> {
    /// The list with the one app that was asked for, whose rows are in the list of this name.
    fn usage_of_app(&self, app: App, name: &str, rows: &[(TimeKey, Row)]) -> String {
        if rows.is_empty() && self.quirks.null_when_empty {
            return "null".to_owned();
        }
        let list = array(rows, |out, (key, row)| self.named_row(out, *key, row));
        let app = match app {
            App::Id(id) if self.quirks.numeric_app_id => id.to_string(),
            app => format!("\"{app}\""),
        };
        let mut fields = vec![field("SdkAppId", app), field(name, list)];
        // The one that does not say how many rows there are.
        if *self.action != RECORD_STATISTIC {
            fields.insert(0, field("TotalNum", rows.len()));
        }
        format!("[{}]", object(&fields))
    }

    /// The TimeKey comes last, as in the first two examples of the documentation.
    fn named_row(&self, out: &mut String, key: TimeKey, row: &Row) {
        out.push('{');
        for &(name, media) in &self.columns {
            match row[media] {
                0 if self.quirks.zeros_left_out || media == Media::Bandwidth => {}
                _ if media == Media::Bandwidth => {
                    push(out, format_args!("\"{name}\":{},", mbps(row)));
                }
                seconds => push(out, format_args!("\"{name}\":{seconds},")),
            }
        }
        if self.one_date {
            push(out, format_args!("\"TimeKey\":\"{key}\"}}"));
        } else {
            push(out, format_args!("\"TimeKey\":\"{}\"}}", key.date()));
        }
    }

    fn keyed(&self, rows: &[(TimeKey, Row)]) -> Vec<String> {
        let keys = array(&self.columns, |out, (name, _)| {
            push(out, format_args!("\"{name}\""));
        });
        let list = if rows.is_empty() && self.quirks.null_when_empty {
            "null".to_owned()
        } else {
            array(rows, |out, (key, row)| self.keyed_row(out, *key, row))
        };
        vec![field("UsageKey", keys), field("UsageList", list)]
    }

    fn keyed_row(&self, out: &mut String, key: TimeKey, row: &Row) {
        push(out, format_args!("{{\"TimeKey\":\"{key}\","));
        if !self.quirks.no_time_stamp {
            push(out, format_args!("\"TimeStampKey\":{},", key.unix()));
        }
        let values = array(&self.columns, |out, &(_, media)| {
            push(out, keyed_value(media, row));
        });
        push(out, format_args!("\"UsageValue\":{values}}}"));
    }
}

/// In minutes or, if it is a bandwidth, in Mbps.
fn keyed_value(media: Media, row: &Row) -> f64 {
    match media {
        Media::Bandwidth => mbps(row),
        time => row[time] as f64 / 60.0,
    }
}

fn mbps(row: &Row) -> f64 {
    row[Media::Bandwidth] as f64 / 1000.0
}

fn push(out: &mut String, text: impl Display) {
    write!(out, "{text}").expect("writing to a String cannot fail");
}

fn field(name: &str, json: impl Display) -> String {
    format!("\"{name}\":{json}")
}

fn object(fields: &[String]) -> String {
    format!("{{{}}}", fields.join(","))
}

fn array<T>(items: &[T], mut each: impl FnMut(&mut String, &T)) -> String {
    let mut out = String::from("[");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        each(&mut out, item);
    }
    out.push(']');
    out
}

#[cfg(test)]
mod tests;
