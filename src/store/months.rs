//! The sums of dates as the upstream tells them beside its buckets: kept, held against the buckets, and counted as bills
//! count them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::rows::{self, TargetId};
use super::{Poll, SaveError, Saved};
use crate::usage::{Answer, Counted, Date, Day, Media, Sums, Target, TimeKey, final_at};

/// The upstream's own figures of a day may be apart by so much and still agree: one kind is rounded as a whole, the other
/// bucket by bucket.
const ROUNDING_MS: u64 = 1000;

/// What the sums of dates came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// What is counted by them.
    pub month: Counted,
    /// How far they are from the sums of their buckets, over all dates and media of which both are final, in ms.
    pub unreconciled_ms: u64,
    /// The dates on which they are apart: their buckets are worth asking for again.
    pub disputed: Vec<Date>,
}

/// Keeps the sums that an answer tells, and what they come to. Of a date that it lacks the buckets are counted; the last
/// date is left out while it is not final.
pub(super) fn reconcile(transaction: &Transaction<'_>, poll: &Poll) -> Result<Saved, SaveError> {
    let target = &poll.target;
    let id = rows::enter_target(transaction, target, poll.asked_at)?;
    let mut told = told(&poll.answer);
    let (mut counted, mut disputed, mut unreconciled_ms) = (Vec::new(), Vec::new(), 0);
    for date in poll.since.unwrap_or(poll.date).through(poll.date) {
        let day = rows::load_day(transaction, id, target, date)?.map(|kept| kept.day);
        let Some(sums) = told.remove(&date) else {
            if let Some(day) = day {
                let sums = Sums::of(date, &day);
                save_sums(transaction, id, &sums)?;
                counted.push(sums);
            }
            continue;
        };
        save_sums(transaction, id, &sums)?;
        let apart = day.map_or(0, |day| apart_ms(&sums, &day, poll));
        if apart > 0 {
            unreconciled_ms += apart;
            disputed.push(date);
        }
        counted.push(sums);
    }
    let last = if poll.asked_at < final_at(poll.date) {
        poll.date.pred()
    } else {
        poll.date
    };
    let reconciled = Reconciled {
        month: Counted::of(last, &counted),
        unreconciled_ms,
        disputed,
    };
    save(transaction, id, &reconciled, poll.asked_at)?;
    let (ledger, _) = rows::load_ledger(transaction, id, target)?;
    Ok(Saved {
        ledger,
        sums: Vec::new(),
        arrivals: Vec::new(),
        reconciled: Some(reconciled),
    })
}

/// How far the sums of a date are from its buckets, in ms; 0 while one of them is not final, or said by another action.
fn apart_ms(sums: &Sums, day: &Day, poll: &Poll) -> u64 {
    let is_final = |at: DateTime<Utc>| at >= final_at(sums.date());
    let both_final = is_final(poll.asked_at) && day.asked_at().is_some_and(is_final);
    if !both_final || day.source() != Some(poll.answer.source()) {
        return 0;
    }
    sums.media()
        .map(|media| sums.get(media).abs_diff(day.sum_ms(media)))
        .filter(|&ms| ms > ROUNDING_MS)
        .sum()
}

/// What was kept by [`reconcile`], and when it was asked for.
pub(super) fn load(
    connection: &Connection,
    id: TargetId,
    target: &Target,
) -> Result<Option<(Reconciled, DateTime<Utc>)>, SaveError> {
    let mut statement = connection.prepare_cached(
        "SELECT asked_at, through, minutes, unreconciled_ms FROM month WHERE target = ?1",
    )?;
    let found = statement.query_row([id], |row| {
        let reconciled = Reconciled {
            month: Counted::new(
                rows::parsed(&row.get::<_, String>(1)?, 1)?,
                by_media(&row.get::<_, String>(2)?, 2)?,
            ),
            unreconciled_ms: rows::unsigned(row, 3)?,
            disputed: Vec::new(),
        };
        Ok(rows::instant(row.get(0)?).map(|at| (reconciled, at)))
    });
    let found = found
        .optional()
        .map_err(|error| SaveError::reading(error, target, "month"))?;
    Ok(found.flatten())
}

/// The kept sums of the dates from `first` on, in ascending order.
pub(super) fn load_sums(
    connection: &Connection,
    id: TargetId,
    target: &Target,
    first: Date,
) -> Result<Vec<Sums>, SaveError> {
    let mut statement = connection.prepare_cached(
        "SELECT date, sums FROM day_sum WHERE target = ?1 AND date >= ?2 ORDER BY date",
    )?;
    let rows = statement.query_map(params![id, first.to_string()], |row| {
        let date = rows::parsed(&row.get::<_, String>(0)?, 0)?;
        Ok(Sums::new(date, by_media(&row.get::<_, String>(1)?, 1)?))
    })?;
    rows.collect::<Result<_, _>>()
        .map_err(|error| SaveError::reading(error, target, "sum of a day"))
}

/// The sums of each date of the answer: its only row, or all of its rows should the upstream tell buckets instead. Of a row
/// that is told twice the larger value of each media counts.
fn told(answer: &Answer) -> BTreeMap<Date, Sums> {
    let mut rows: BTreeMap<TimeKey, Vec<u64>> = BTreeMap::new();
    for (key, values) in answer.rows() {
        let row = rows.entry(key).or_insert_with(|| values.to_vec());
        for (kept, &value) in row.iter_mut().zip(values) {
            *kept = value.max(*kept);
        }
    }
    let mut dates: BTreeMap<Date, Vec<u64>> = BTreeMap::new();
    for (key, values) in rows {
        let day = dates.entry(key.date());
        let day = day.or_insert_with(|| vec![0; values.len()]);
        for (sum, value) in day.iter_mut().zip(values) {
            *sum = sum.saturating_add(value);
        }
    }
    let columns = answer.columns();
    dates
        .into_iter()
        .map(|(date, values)| {
            let sums_ms = columns.iter().copied().zip(values).collect();
            (date, Sums::new(date, sums_ms))
        })
        .collect()
}

fn save_sums(transaction: &Transaction<'_>, id: TargetId, sums: &Sums) -> Result<(), SaveError> {
    let used = sums.media().map(|media| (media, sums.get(media)));
    let text = json(used.filter(|&(_, ms)| ms > 0));
    transaction
        .prepare_cached("INSERT OR REPLACE INTO day_sum VALUES (?1, ?2, ?3)")?
        .execute(params![id, sums.date().to_string(), text])?;
    Ok(())
}

fn save(
    transaction: &Transaction<'_>,
    id: TargetId,
    reconciled: &Reconciled,
    asked_at: DateTime<Utc>,
) -> Result<(), SaveError> {
    let month = &reconciled.month;
    transaction
        .prepare_cached("INSERT OR REPLACE INTO month VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            id,
            asked_at.timestamp(),
            month.through().to_string(),
            json(month.minutes().iter().copied()),
            rows::signed(reconciled.unreconciled_ms),
        ])?;
    Ok(())
}

fn json(values: impl Iterator<Item = (Media, u64)>) -> String {
    let values: BTreeMap<&str, u64> = values
        .map(|(media, value)| (media.as_str(), value))
        .collect();
    serde_json::to_string(&values).expect("texts and numbers are JSON")
}

fn by_media(json: &str, index: usize) -> rusqlite::Result<Vec<(Media, u64)>> {
    let damaged = |error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(
            index,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    };
    let values: BTreeMap<String, u64> = serde_json::from_str(json).map_err(damaged)?;
    values
        .into_iter()
        .map(|(media, value)| Ok((rows::parsed(&media, index)?, value)))
        .collect()
}
