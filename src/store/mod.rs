//! What must survive: ledgers, days and watermarks, in SQLite. A save is one transaction and on disk when it returns, so
//! that nothing is ever shown which a crash could take back. Merging is the ledger's; this room loads, calls it and keeps.

mod codec;
mod error;
mod rows;
mod schema;

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use codec::DecodeError;
pub use error::{OpenError, SaveError};

use crate::usage::{Answer, Date, Day, Ledger, Settling, Sums, Target, TimeKey, touched_dates};

const DATABASE: &str = "trtc-exporter.db";
const LOCK: &str = "trtc-exporter.lock";

/// Saved state. One process at a time has it open.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    /// Held for as long as the store is open; `None` when nothing is kept on disk.
    _lock: Option<File>,
}

/// An answer on its way into the store.
#[derive(Clone, Debug)]
pub struct Poll {
    /// Whom it is about.
    pub target: Target,
    /// The date that was asked for.
    pub date: Date,
    /// When it was asked: the upstream cannot have known anything later than what it knew then.
    pub asked_at: DateTime<Utc>,
    /// What it said.
    pub answer: Answer,
}

/// What a poll came to, once it is safely kept.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The target's totals.
    pub ledger: Ledger,
    /// The sums of the dates that the answer touched.
    pub sums: Vec<Sums>,
    /// Buckets heard of for the first time.
    pub arrivals: Vec<TimeKey>,
}

/// What was kept of a target.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// Its totals; empty when it was never heard of.
    pub ledger: Ledger,
    /// The sums of today and yesterday, where known.
    pub sums: Vec<Sums>,
    /// When a poll of today's date last succeeded.
    pub last_success: Option<DateTime<Utc>>,
    /// Per date, when the upstream last answered for it.
    pub asked: Vec<(Date, DateTime<Utc>)>,
}

impl Store {
    /// Opens the state in a directory, which is made when it is not there.
    ///
    /// # Errors
    /// When another process has it, or it cannot be used as it is: it is never started over on its own.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Directory {
            path: directory.to_owned(),
            source,
        };
        std::fs::create_dir_all(directory).map_err(unusable)?;
        let lock_path = directory.join(LOCK);
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(unusable)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse {
                path: directory.to_owned(),
            },
            TryLockError::Error(source) => unusable(source),
        })?;
        let path = directory.join(DATABASE);
        let connection = prepare(&path).map_err(|unfit| OpenError::unfit(path, unfit))?;
        Ok(Self {
            connection,
            _lock: Some(lock),
        })
    }

    /// A store that is gone with the process.
    ///
    /// # Errors
    /// When SQLite cannot make one.
    pub fn in_memory() -> Result<Self, OpenError> {
        let in_memory = || -> Result<Connection, schema::Unfit> {
            let mut connection = Connection::open_in_memory()?;
            schema::migrate(&mut connection)?;
            Ok(connection)
        };
        let connection = in_memory().map_err(|unfit| OpenError::unfit(":memory:".into(), unfit))?;
        Ok(Self {
            connection,
            _lock: None,
        })
    }

    /// What was kept of a target; empty when there is nothing.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn restore(&self, target: &Target, today: Date) -> Result<Restored, SaveError> {
        let Some(id) = rows::find_target(&self.connection, target)? else {
            return Ok(Restored::default());
        };
        let (ledger, last_success) = rows::load_ledger(&self.connection, id, target)?;
        let mut sums = Vec::new();
        for date in [today, today.pred()] {
            if let Some(kept) = rows::load_day(&self.connection, id, target, date)? {
                sums.push(Sums::of(date, &kept.day));
            }
        }
        let asked = rows::load_asked(&self.connection, id, target)?;
        Ok(Restored {
            ledger,
            sums,
            last_success,
            asked,
        })
    }

    /// Merges answers into what is kept and returns when all of it is on disk, with what each came to, in order. A poll
    /// whose days are damaged fails alone.
    ///
    /// # Errors
    /// When nothing could be saved; then nothing is changed either.
    pub fn save(
        &mut self,
        polls: &[Poll],
        settle_after: Duration,
    ) -> Result<Vec<Result<Saved, SaveError>>, SaveError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for poll in polls {
            raise_watermark(&transaction, poll)?;
        }
        let mut results = Vec::with_capacity(polls.len());
        for poll in polls {
            match merge(&transaction, poll, settle_after) {
                Err(error @ SaveError::Sqlite(_)) => return Err(error),
                result => results.push(result),
            }
        }
        transaction.commit()?;
        Ok(results)
    }

    /// Drops the days before `date`, and makes sure that none of them can be credited a second time.
    ///
    /// # Errors
    /// When nothing could be saved; then nothing is changed either.
    pub fn forget_before(&mut self, date: Date) -> Result<(), SaveError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        rows::forget_days_before(&transaction, date)?;
        transaction.commit()?;
        Ok(())
    }
}

fn prepare(path: &Path) -> Result<Connection, schema::Unfit> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    schema::migrate(&mut connection)?;
    schema::check(&connection)?;
    Ok(connection)
}

/// The watermark follows what was shown, but not into the future: an upstream that sends all rows of a day ahead, as
/// zeros, has not shown them.
fn raise_watermark(transaction: &Transaction<'_>, poll: &Poll) -> Result<(), SaveError> {
    let now = TimeKey::from_unix(poll.asked_at.timestamp());
    match poll
        .answer
        .rows()
        .map(|(key, _)| key)
        .filter(|&key| key <= now)
        .max()
    {
        Some(newest) => rows::raise_watermark(transaction, &poll.target, newest),
        None => Ok(()),
    }
}

fn merge(
    transaction: &Transaction<'_>,
    poll: &Poll,
    settle_after: Duration,
) -> Result<Saved, SaveError> {
    let target = &poll.target;
    let id = rows::enter_target(transaction, target)?;
    let (mut ledger, _) = rows::load_ledger(transaction, id, target)?;
    let mut days: BTreeMap<Date, Day> = BTreeMap::new();
    let mut kept = BTreeMap::new();
    for date in touched_dates(poll.date, &poll.answer) {
        if let Some(loaded) = rows::load_day(transaction, id, target, date)? {
            days.insert(date, loaded.day);
            kept.insert(date, loaded.bytes);
        }
    }
    let settling = Settling {
        after: settle_after,
        watermark: rows::load_watermark(transaction, target)?,
    };
    let merged = ledger.merge(&mut days, poll.date, &poll.answer, poll.asked_at, settling);
    for (&date, day) in &days {
        rows::save_day(
            transaction,
            id,
            date,
            day,
            kept.get(&date).map(Vec::as_slice),
        )?;
    }
    let of_today = poll.date == Date::of(poll.asked_at);
    rows::save_ledger(transaction, id, &ledger, of_today.then_some(poll.asked_at))?;
    let sums = days
        .iter()
        .map(|(&date, day)| Sums::of(date, day))
        .collect();
    Ok(Saved {
        ledger,
        sums,
        arrivals: merged.arrivals,
    })
}

#[cfg(test)]
mod tests;
