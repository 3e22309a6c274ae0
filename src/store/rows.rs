//! SQL: one function per thing that is read or written, between rows and the types of `usage`.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::codec;
use super::{SaveError, Unpushed};
use crate::usage::{
    App, BUCKET_SECONDS, Beginning, Date, Day, Ledger, Media, Series, Source, Target, TimeKey,
};

/// For so many days more than buckets the sums of dates that tell what an account has used are kept.
const PACKAGE_DAYS: u64 = 400;

/// Key of a target's rows.
pub(super) type TargetId = i64;

/// A day with the bytes that it was read from, so that an unchanged one need not be written again.
pub(super) struct KeptDay {
    pub(super) day: Day,
    pub(super) bytes: Vec<u8>,
}

pub(super) fn find_target(
    connection: &Connection,
    target: &Target,
) -> Result<Option<TargetId>, SaveError> {
    let mut statement = connection
        .prepare_cached("SELECT id FROM target WHERE account = ?1 AND app = ?2 AND item = ?3")?;
    Ok(statement
        .query_row(identity(target), |row| row.get(0))
        .optional()?)
}

pub(super) fn enter_target(
    transaction: &Transaction<'_>,
    target: &Target,
    shown_from: DateTime<Utc>,
) -> Result<TargetId, SaveError> {
    if let Some(id) = find_target(transaction, target)? {
        return Ok(id);
    }
    let [account, app, item] = identity(target);
    transaction
        .prepare_cached(
            "INSERT INTO target (account, app, item, raised_ms, lowered_ms, shown_from)
             VALUES (?1, ?2, ?3, 0, 0, ?4)",
        )?
        .execute(params![account, app, item, shown_from.timestamp()])?;
    Ok(transaction.last_insert_rowid())
}

fn identity(target: &Target) -> [String; 3] {
    [
        target.account.to_string(),
        target.app.to_string(),
        target.item.to_string(),
    ]
}

/// The totals of a target and when a poll of it last succeeded.
pub(super) fn load_ledger(
    connection: &Connection,
    id: TargetId,
    target: &Target,
) -> Result<(Ledger, Option<DateTime<Utc>>), SaveError> {
    let mut statement = connection.prepare_cached(
        "SELECT floor, settled, raised_ms, lowered_ms, last_success FROM target WHERE id = ?1",
    )?;
    let (mut ledger, last_success) = statement
        .query_row([id], |row| {
            let ledger = Ledger {
                floor: row
                    .get::<_, Option<String>>(0)?
                    .map(|date| parsed(&date, 0))
                    .transpose()?,
                settled: row
                    .get::<_, Option<i64>>(1)?
                    .map(|settled| time_key(settled, 1))
                    .transpose()?,
                raised_ms: unsigned(row, 2)?,
                lowered_ms: unsigned(row, 3)?,
                series: Vec::new(),
            };
            Ok((ledger, row.get::<_, Option<i64>>(4)?))
        })
        .map_err(|error| SaveError::reading(error, target, "totals"))?;
    let mut statement = connection.prepare_cached(
        "SELECT media, since, credited_ms, published_ms, bucket_ms FROM series WHERE target = ?1",
    )?;
    let series = statement.query_map([id], series)?.collect::<Result<_, _>>();
    ledger.series = series.map_err(|error| SaveError::reading(error, target, "series"))?;
    ledger.series.sort_by_key(|series| series.media);
    if ledger.series.iter().any(contradicts_itself) {
        return Err(SaveError::damaged(target, "counter"));
    }
    Ok((ledger, last_success.and_then(instant)))
}

fn series(row: &Row<'_>) -> rusqlite::Result<Series> {
    Ok(Series {
        media: parsed::<Media>(&row.get::<_, String>(0)?, 0)?,
        since: parsed(&row.get::<_, String>(1)?, 1)?,
        credited_ms: row.get(2)?,
        published_ms: unsigned(row, 3)?,
        bucket_ms: unsigned(row, 4)?,
    })
}

/// More was credited than ever published: the counter would leap, and could never come back.
fn contradicts_itself(series: &Series) -> bool {
    series.credited_ms > signed(series.published_ms)
}

/// Keeps the totals of a target; `before` are those that are there already.
pub(super) fn save_ledger(
    transaction: &Transaction<'_>,
    id: TargetId,
    ledger: &Ledger,
    before: &Ledger,
    last_success: Option<DateTime<Utc>>,
) -> Result<(), SaveError> {
    transaction
        .prepare_cached(
            "UPDATE target SET floor = ?2, settled = ?3, raised_ms = ?4, lowered_ms = ?5,
                 last_success = coalesce(?6, last_success)
             WHERE id = ?1",
        )?
        .execute(params![
            id,
            ledger.floor.map(|date| date.to_string()),
            ledger.settled.map(TimeKey::unix),
            signed(ledger.raised_ms),
            signed(ledger.lowered_ms),
            last_success.map(|at| at.timestamp()),
        ])?;
    let is_new = |series: &&Series| !before.series.contains(series);
    for series in ledger.series.iter().filter(is_new) {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO series VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                id,
                series.media.as_str(),
                series.since.to_string(),
                series.credited_ms,
                signed(series.published_ms),
                signed(series.bucket_ms),
            ])?;
    }
    Ok(())
}

pub(super) fn load_day(
    connection: &Connection,
    id: TargetId,
    target: &Target,
    date: Date,
) -> Result<Option<KeptDay>, SaveError> {
    let mut statement = connection.prepare_cached(
        "SELECT asked_at, source, buckets FROM day WHERE target = ?1 AND date = ?2",
    )?;
    let kept: Option<(Option<i64>, Option<u8>, Vec<u8>)> = statement
        .query_row(params![id, date.to_string()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(|error| SaveError::reading(error, target, "day"))?;
    let Some((asked_at, source, bytes)) = kept else {
        return Ok(None);
    };
    let day =
        codec::decode(&bytes, asked_at.and_then(instant)).map_err(|source| SaveError::Day {
            target: target.to_string(),
            date,
            source,
        })?;
    let day = day.said_by(source.map(Source));
    Ok(Some(KeptDay { day, bytes }))
}

/// Keeps a day; `before` are the bytes that are there already.
pub(super) fn save_day(
    transaction: &Transaction<'_>,
    id: TargetId,
    date: Date,
    day: &Day,
    before: Option<&[u8]>,
) -> Result<(), SaveError> {
    let asked_at = day.asked_at().map(|at| at.timestamp());
    let source = day.source().map(|source| source.0);
    let bytes = codec::encode(day);
    if before == Some(bytes.as_slice()) {
        transaction
            .prepare_cached(
                "UPDATE day SET asked_at = ?3, source = ?4 WHERE target = ?1 AND date = ?2",
            )?
            .execute(params![id, date.to_string(), asked_at, source])?;
    } else {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO day (target, date, asked_at, source, buckets)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![id, date.to_string(), asked_at, source, bytes])?;
    }
    Ok(())
}

/// Per date, when the upstream last answered for it.
pub(super) fn load_asked(
    connection: &Connection,
    id: TargetId,
    target: &Target,
    dates: &RangeInclusive<Date>,
) -> Result<Vec<(Date, DateTime<Utc>)>, SaveError> {
    let mut statement = connection.prepare_cached(
        "SELECT date, asked_at FROM day
         WHERE target = ?1 AND date BETWEEN ?2 AND ?3 AND asked_at IS NOT NULL",
    )?;
    let key = params![id, dates.start().to_string(), dates.end().to_string()];
    let rows = statement.query_map(key, |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut asked = Vec::new();
    for row in rows {
        let (date, at) = row.map_err(|error| SaveError::reading(error, target, "day"))?;
        asked.extend(date.parse().ok().zip(instant(at)));
    }
    Ok(asked)
}

/// What is kept of these dates.
pub(super) fn load_days(
    connection: &Connection,
    id: TargetId,
    target: &Target,
    dates: &RangeInclusive<Date>,
) -> Result<BTreeMap<Date, Day>, SaveError> {
    let mut statement = connection
        .prepare_cached("SELECT date FROM day WHERE target = ?1 AND date BETWEEN ?2 AND ?3")?;
    let key = params![id, dates.start().to_string(), dates.end().to_string()];
    let found = statement.query_map(key, |row| parsed(&row.get::<_, String>(0)?, 0))?;
    let mut days = BTreeMap::new();
    for date in found {
        let date = date.map_err(|error| SaveError::reading(error, target, "day"))?;
        if let Some(kept) = load_day(connection, id, target, date)? {
            days.insert(date, kept.day);
        }
    }
    Ok(days)
}

/// When a target was begun with.
pub(super) fn load_beginning(
    connection: &Connection,
    id: TargetId,
    target: &Target,
) -> Result<Beginning, SaveError> {
    let mut statement = connection.prepare_cached(
        "SELECT shown_from, (SELECT min(since) FROM series WHERE target = id) FROM target WHERE id = ?1",
    )?;
    let found = statement.query_row([id], |row| {
        let since: Option<String> = row.get(1)?;
        Ok(Beginning {
            shown_from: row.get::<_, Option<i64>>(0)?.and_then(instant),
            since: since.map(|date| parsed(&date, 1)).transpose()?,
        })
    });
    found.map_err(|error| SaveError::reading(error, target, "beginning"))
}

pub(super) fn load_watermark(
    transaction: &Transaction<'_>,
    target: &Target,
    source: Source,
) -> Result<Option<TimeKey>, SaveError> {
    let mut statement = transaction.prepare_cached(
        "SELECT time_key FROM watermark WHERE account = ?1 AND item = ?2 AND source = ?3",
    )?;
    let found = statement
        .query_row(params![&*target.account, &*target.item, source.0], |row| {
            time_key(row.get(0)?, 0)
        })
        .optional();
    found.map_err(|error| SaveError::reading(error, target, "watermark"))
}

pub(super) fn raise_watermark(
    transaction: &Transaction<'_>,
    target: &Target,
    source: Source,
    newest: TimeKey,
) -> Result<(), SaveError> {
    transaction
        .prepare_cached(
            "INSERT INTO watermark VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account, item, source)
             DO UPDATE SET time_key = excluded.time_key WHERE excluded.time_key > time_key",
        )?
        .execute(params![
            &*target.account,
            &*target.item,
            source.0,
            newest.unix()
        ])?;
    Ok(())
}

/// The action that an item has gone over to, by its name.
pub(super) fn load_gone_over(
    connection: &Connection,
    account: &str,
    item: &str,
) -> Result<Option<String>, SaveError> {
    let mut statement = connection
        .prepare_cached("SELECT action FROM gone_over WHERE account = ?1 AND item = ?2")?;
    let found = statement.query_row([account, item], |row| row.get(0));
    Ok(found.optional()?)
}

pub(super) fn save_gone_over(
    transaction: &Transaction<'_>,
    account: &str,
    item: &str,
    action: &str,
) -> Result<(), SaveError> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO gone_over VALUES (?1, ?2, ?3)")?
        .execute([account, item, action])?;
    Ok(())
}

/// Drops old days. What is dropped can be asked for again after a clock was set back, so each target's floor rises to it.
pub(super) fn forget_days_before(
    transaction: &Transaction<'_>,
    date: Date,
) -> Result<(), SaveError> {
    let last = date.pred().to_string();
    transaction.execute(
        "UPDATE target SET floor = max(floor, (SELECT max(date) FROM day WHERE target = id AND date <= ?1))
         WHERE EXISTS (SELECT 1 FROM day WHERE target = id AND date <= ?1) AND floor IS NOT NULL",
        [&last],
    )?;
    // Packages may last a year: what an account has used is kept for longer than its buckets, app by app where it is not
    // asked for itself.
    transaction.execute(
        "DELETE FROM day_sum AS old WHERE date <= ?1 AND (date <= ?2 OR EXISTS
         (SELECT 1 FROM target AS app
          JOIN target AS whole ON whole.account = app.account AND whole.item = app.item AND whole.app = ?3
          JOIN day_sum AS told ON told.target = whole.id AND told.date = old.date
          WHERE app.id = old.target AND app.id <> whole.id))",
        params![last, date.minus_days(PACKAGE_DAYS).to_string(), App::TOTAL],
    )?;
    // Target by target, or it would have to read every day there is.
    transaction.execute(
        "DELETE FROM day WHERE (target, date) IN
         (SELECT id, date FROM target CROSS JOIN day ON target = id AND date <= ?1)",
        [&last],
    )?;
    Ok(())
}

/// The targets with buckets that are settled and not pushed.
pub(super) fn load_unpushed(connection: &Connection) -> Result<Vec<Unpushed>, SaveError> {
    let mut statement = connection.prepare_cached(
        "SELECT account, app, item, time_key, settled FROM target JOIN pushed ON target = id
         WHERE settled > time_key ORDER BY time_key",
    )?;
    let unpushed = statement.query_map((), |row| {
        Ok(Unpushed {
            target: Target {
                account: row.get::<_, String>(0)?.into(),
                app: parsed(&row.get::<_, String>(1)?, 1)?,
                item: row.get::<_, String>(2)?.into(),
            },
            after: time_key(row.get(3)?, 3)?,
            through: time_key(row.get(4)?, 4)?,
        })
    })?;
    Ok(unpushed.collect::<Result<_, _>>()?)
}

/// Whether a target has settled buckets of which none was ever pushed.
pub(super) fn any_never_pushed(connection: &Connection) -> Result<bool, SaveError> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM target WHERE settled IS NOT NULL AND id NOT IN (SELECT target FROM pushed))",
    )?;
    Ok(statement.query_row((), |row| row.get(0))?)
}

/// Lets every target of which nothing was ever pushed begin with its newest settled bucket.
pub(super) fn begin_pushing(transaction: &Transaction<'_>) -> Result<(), SaveError> {
    transaction.execute(
        "INSERT INTO pushed SELECT id, settled - ?1 FROM target
         WHERE settled IS NOT NULL AND id NOT IN (SELECT target FROM pushed)",
        [BUCKET_SECONDS],
    )?;
    Ok(())
}

/// A target's buckets are pushed through this one.
pub(super) fn save_pushed(
    transaction: &Transaction<'_>,
    target: &Target,
    through: TimeKey,
) -> Result<(), SaveError> {
    if let Some(id) = find_target(transaction, target)? {
        transaction
            .prepare_cached("UPDATE pushed SET time_key = ?2 WHERE target = ?1")?
            .execute(params![id, through.unix()])?;
    }
    Ok(())
}

/// Makes the days of these dates smaller.
pub(super) fn pack_days(
    transaction: &Transaction<'_>,
    dates: &RangeInclusive<Date>,
) -> Result<(), SaveError> {
    let mut statement = transaction.prepare_cached(
        "SELECT id, date FROM target CROSS JOIN day ON target = id AND date BETWEEN ?1 AND ?2
         WHERE substr(buckets, 1, 1) <> ?3",
    )?;
    let key = params![
        dates.start().to_string(),
        dates.end().to_string(),
        [codec::FORMAT_PACKED]
    ];
    let unpacked = statement.query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let unpacked: Vec<(TargetId, String)> = unpacked.collect::<Result<_, _>>()?;
    for (id, date) in unpacked {
        let bytes: Vec<u8> = transaction
            .prepare_cached("SELECT buckets FROM day WHERE target = ?1 AND date = ?2")?
            .query_row(params![id, date], |row| row.get(0))?;
        transaction
            .prepare_cached("UPDATE day SET buckets = ?3 WHERE target = ?1 AND date = ?2")?
            .execute(params![id, date, codec::pack(&bytes)])?;
    }
    Ok(())
}

pub(super) fn instant(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
}

/// A key outside the calendar is none that the upstream can have written.
fn time_key(seconds: i64, index: usize) -> rusqlite::Result<TimeKey> {
    instant(seconds)
        .map(|_| TimeKey::from_unix(seconds))
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(index, seconds))
}

pub(super) fn parsed<T>(text: &str, index: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
    })
}

/// SQLite's integers are signed; a total beyond their range has long since stopped meaning anything.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(index)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, value))
}
