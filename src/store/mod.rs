//! What must survive, in SQLite: ledgers, days and watermarks, sums of dates and what months cost, and which items have gone
//! over to another action. A save is one transaction and on disk when it returns, so that nothing is ever shown which a
//! crash could take back. Merging is the ledger's; this room loads, calls it and keeps. When somebody else has laid hands
//! on the files, it saves to where the next start will look, or not at all.

mod archive;
pub mod codec;
mod costs;
mod error;
mod folder;
mod months;
mod rows;
mod schema;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Duration, Utc};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tracing::warn;

pub use archive::{Archive, is_in_use};
pub use codec::DecodeError;
pub use costs::{MonthCost, Totals};
pub use error::{OpenError, SaveError};
pub use months::Reconciled;

use folder::{Folder, Found};
use rows::TargetId;

use crate::usage::{Answer, Date, Day, Ledger, Settling, Sums, Target, TimeKey, touched_dates};

/// How much of the file SQLite keeps in memory, negative for KiB. Polls meet one target after another and come back to it
/// a minute later, so more would hold what is not needed; the system caches the file anyway.
const CACHE_KIB: i32 = -256;

/// What was asked for a longer time ago is of no interest to whoever goes on asking.
const ASKED_DAYS: u64 = 35;

/// Saved state. One process at a time has it open.
#[derive(Debug)]
pub struct Store {
    database: Database,
    /// `None` when nothing is kept on disk.
    folder: Option<Folder>,
}

/// Where all of it is.
#[derive(Debug)]
enum Database {
    Open(Connection),
    /// It was removed and written anew, and could not be opened again yet.
    Closed,
    /// Somebody else has changed this file of it: from then on nothing is saved.
    Lost(PathBuf),
}

/// An answer on its way into the store.
#[derive(Clone, Debug)]
pub struct Poll {
    /// Whom it is about.
    pub target: Target,
    /// The date that was asked for, or the last of several.
    pub date: Date,
    /// The first of several dates whose sums were asked for.
    pub since: Option<Date>,
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
    /// What the sums of several dates came to, when those were asked for.
    pub reconciled: Option<Reconciled>,
}

/// Buckets of a target that are settled and not pushed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpushed {
    /// Whose.
    pub target: Target,
    /// The newest that was pushed.
    pub after: TimeKey,
    /// The newest that is settled.
    pub through: TimeKey,
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
    /// Per date of the last weeks, when the upstream last answered for it.
    pub asked: Vec<(Date, DateTime<Utc>)>,
    /// What it came to when the upstream last told the sums of dates, and when that was.
    pub month: Option<(Reconciled, DateTime<Utc>)>,
}

impl Store {
    /// Opens the state in a directory, which is made when it is not there.
    ///
    /// # Errors
    /// When another process has it, or it cannot be used as it is: it is never started over on its own.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let mut folder = Folder::open(directory)?;
        let path = folder.database();
        let connection = prepare(&path).map_err(|unfit| OpenError::unfit(path, unfit))?;
        folder.note().map_err(|source| OpenError::Directory {
            path: directory.to_owned(),
            source,
        })?;
        Ok(Self {
            database: Database::Open(connection),
            folder: Some(folder),
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
            database: Database::Open(connection),
            folder: None,
        })
    }

    /// What was kept of a target; empty when there is nothing.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn restore(&self, target: &Target, today: Date) -> Result<Restored, SaveError> {
        restore(self.connection()?, target, today)
    }

    /// What was kept of each of these targets, in their order: thousands of them at a fraction of the cost of one by one.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn restore_all<'a>(
        &self,
        targets: impl IntoIterator<Item = &'a Target>,
        today: Date,
    ) -> Result<Vec<Restored>, SaveError> {
        // Or SQLite would lock and look at its files anew for each statement.
        let transaction = self.connection()?.unchecked_transaction()?;
        let restored = targets
            .into_iter()
            .map(|target| restore(&transaction, target, today))
            .collect();
        transaction.finish()?;
        restored
    }

    /// Enters targets, as far as they are not known yet: from `now` on their series may be scraped.
    ///
    /// # Errors
    /// When nothing could be saved; then nothing is changed either.
    pub fn expect(&mut self, targets: &[Target], now: DateTime<Utc>) -> Result<(), SaveError> {
        self.write(|transaction| {
            for target in targets {
                rows::enter_target(transaction, target, now)?;
            }
            Ok(())
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
        self.write(|transaction| {
            for poll in polls.iter().filter(|poll| poll.since.is_none()) {
                raise_watermark(transaction, poll)?;
            }
            let mut results = Vec::with_capacity(polls.len());
            for poll in polls {
                let kept = match poll.since {
                    None => merge(transaction, poll, settle_after),
                    Some(_) => months::reconcile(transaction, poll),
                };
                match kept {
                    Err(error @ SaveError::Sqlite(_)) => return Err(error),
                    result => results.push(result),
                }
            }
            Ok(results)
        })
    }

    /// The name of the action that an item of an account has gone over to since its first one is retired, if it has.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn gone_over_to(&self, account: &str, item: &str) -> Result<Option<String>, SaveError> {
        rows::load_gone_over(self.connection()?, account, item)
    }

    /// From now on an item of an account is asked for by the action of this name.
    ///
    /// # Errors
    /// When nothing could be saved; then nothing is changed either.
    pub fn go_over(&mut self, account: &str, item: &str, action: &str) -> Result<(), SaveError> {
        self.write(|transaction| rows::save_gone_over(transaction, account, item, action))
    }

    /// Remembers what months of an account cost, of each the most that it was ever said to; returns what all months together
    /// have cost.
    ///
    /// # Errors
    /// When nothing could be saved; then nothing is changed either.
    pub fn keep_costs(
        &mut self,
        account: &str,
        currency: &str,
        costs: &[MonthCost],
    ) -> Result<Totals, SaveError> {
        self.write(|transaction| costs::keep(transaction, account, currency, costs))
    }

    /// Drops the days before `date`, and makes sure that none of them can be credited a second time. Of sums of dates it
    /// leaves those that tell what an account has used: packages last longer.
    ///
    /// # Errors
    /// When nothing could be saved; then nothing is changed either.
    pub fn forget_before(&mut self, date: Date) -> Result<(), SaveError> {
        self.write(|transaction| rows::forget_days_before(transaction, date))
    }

    /// The targets with buckets to be pushed, those that are furthest behind first. One of which nothing was ever pushed
    /// begins with its newest settled bucket.
    ///
    /// # Errors
    /// When it cannot be read or saved.
    pub fn unpushed(&mut self) -> Result<Vec<Unpushed>, SaveError> {
        if rows::any_never_pushed(self.connection()?)? {
            self.write(rows::begin_pushing)?;
        }
        rows::load_unpushed(self.connection()?)
    }

    /// Remembers through which bucket each of these targets is pushed.
    ///
    /// # Errors
    /// When nothing could be saved; then nothing is changed either.
    pub fn pushed(&mut self, through: &[(Target, TimeKey)]) -> Result<(), SaveError> {
        self.write(|transaction| {
            for (target, key) in through {
                rows::save_pushed(transaction, target, *key)?;
            }
            Ok(())
        })
    }

    /// What is kept of these dates of a target.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn days(
        &self,
        target: &Target,
        dates: &RangeInclusive<Date>,
    ) -> Result<BTreeMap<Date, Day>, SaveError> {
        let connection = self.connection()?;
        match rows::find_target(connection, target)? {
            Some(id) => rows::load_days(connection, id, target, dates),
            None => Ok(BTreeMap::new()),
        }
    }

    /// The sums that the upstream has told of the dates of a target from `first` on, in ascending order.
    ///
    /// # Errors
    /// When they cannot be read or are damaged.
    pub fn sums(&self, target: &Target, first: Date) -> Result<Vec<Sums>, SaveError> {
        let connection = self.connection()?;
        match rows::find_target(connection, target)? {
            Some(id) => months::load_sums(connection, id, target, first),
            None => Ok(Vec::new()),
        }
    }

    /// Makes the days of the week up to `date` smaller, to be called once a day for a date that is not asked for any more.
    ///
    /// # Errors
    /// When nothing could be saved; then nothing is changed either.
    pub fn pack_until(&mut self, date: Date) -> Result<(), SaveError> {
        let week = date.minus_days(7)..=date;
        self.write(|transaction| rows::pack_days(transaction, &week))
    }

    /// Writes in one transaction, to files that the next start will find as they are left here.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, SaveError>,
    ) -> Result<T, SaveError> {
        self.secure()?;
        let Database::Open(connection) = &mut self.database else {
            return Err(SaveError::Closed);
        };
        let written = in_transaction(connection, work);
        // What failed may have written to the log all the same.
        let noted = self.folder.as_mut().map_or(Ok(true), Folder::note);
        if !noted.map_err(SaveError::Folder)? {
            self.secure()?;
        }
        written
    }

    fn connection(&self) -> Result<&Connection, SaveError> {
        match &self.database {
            Database::Open(connection) => Ok(connection),
            Database::Closed => Err(SaveError::Closed),
            Database::Lost(path) => Err(SaveError::Changed(path.clone())),
        }
    }

    /// Looks whether the files are still ours, and does what must be done when they are not.
    fn secure(&mut self) -> Result<(), SaveError> {
        let Some(folder) = &mut self.folder else {
            return Ok(());
        };
        if let Database::Lost(path) = &self.database {
            return Err(SaveError::Changed(path.clone()));
        }
        folder.hold()?;
        if let Database::Closed = self.database {
            return self.reopen();
        }
        match folder.found().map_err(SaveError::Folder)? {
            Found::AsLeft => Ok(()),
            Found::Gone => self.write_anew(),
            Found::Changed(path) => Err(self.give_up(path)),
        }
    }

    /// The files were removed, but SQLite has them open still: all of their content goes to the place where they were.
    fn write_anew(&mut self) -> Result<(), SaveError> {
        let (Some(folder), Database::Open(connection)) = (&mut self.folder, &self.database) else {
            return Err(SaveError::Closed);
        };
        let fresh = folder.fresh().map_err(SaveError::Folder)?;
        connection.execute("VACUUM INTO ?1", [fresh])?;
        self.database = Database::Closed;
        folder.install().map_err(SaveError::Folder)?;
        warn!(path = %folder.database().display(), "The state was removed while it was in use; it has been written anew");
        self.reopen()
    }

    /// Opens what was written anew, if it is that still: a fresh file in its place would begin at 0.
    fn reopen(&mut self) -> Result<(), SaveError> {
        let Some(folder) = &mut self.folder else {
            return Err(SaveError::Closed);
        };
        let path = folder.database();
        if folder.found().map_err(SaveError::Folder)? != Found::AsLeft {
            return Err(self.give_up(path));
        }
        let connection = prepare(&path).map_err(|unfit| OpenError::unfit(path, unfit))?;
        folder.note().map_err(SaveError::Folder)?;
        self.database = Database::Open(connection);
        Ok(())
    }

    /// Somebody else has changed a file. What it holds now, nobody knows; so it is left to the next start as it is.
    fn give_up(&mut self, path: PathBuf) -> SaveError {
        let before = std::mem::replace(&mut self.database, Database::Lost(path.clone()));
        if let Database::Open(connection) = before {
            // Or closing would copy the rest of the log into a file that is not ours.
            let left_alone =
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            if left_alone.is_err() {
                // Then it is better never closed.
                std::mem::forget(connection);
            }
        }
        let database = self
            .folder
            .as_ref()
            .filter(|folder| folder.database() == path);
        if let Some(Err(error)) = database.map(Folder::remove_log_of_lost_database) {
            warn!(%error, "The log of the state that was replaced could not be removed");
        }
        SaveError::Changed(path)
    }
}

fn restore(connection: &Connection, target: &Target, today: Date) -> Result<Restored, SaveError> {
    let Some(id) = rows::find_target(connection, target)? else {
        return Ok(Restored::default());
    };
    let (ledger, last_success) = rows::load_ledger(connection, id, target)?;
    let mut sums = Vec::new();
    for date in [today, today.pred()] {
        if let Some(kept) = rows::load_day(connection, id, target, date)? {
            sums.push(Sums::of(date, &kept.day));
        }
    }
    let recently = today.minus_days(ASKED_DAYS)..=today;
    let asked = rows::load_asked(connection, id, target, &recently)?;
    let month = month(connection, id, target)?;
    Ok(Restored {
        ledger,
        sums,
        last_success,
        asked,
        month,
    })
}

/// What sums of dates came to. Where that is damaged it is as if they had never been asked for: nothing is counted on it.
fn month(
    connection: &Connection,
    id: TargetId,
    target: &Target,
) -> Result<Option<(Reconciled, DateTime<Utc>)>, SaveError> {
    match months::load(connection, id, target) {
        Err(error @ SaveError::Ledger { .. }) => {
            warn!(%error, "The sums of its days will be asked for again");
            Ok(None)
        }
        loaded => loaded,
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, SaveError>,
) -> Result<T, SaveError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

fn prepare(path: &Path) -> Result<Connection, schema::Unfit> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
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
        Some(newest) => {
            rows::raise_watermark(transaction, &poll.target, poll.answer.source(), newest)
        }
        None => Ok(()),
    }
}

fn merge(
    transaction: &Transaction<'_>,
    poll: &Poll,
    settle_after: Duration,
) -> Result<Saved, SaveError> {
    let target = &poll.target;
    let id = rows::enter_target(transaction, target, poll.asked_at)?;
    let (before, _) = rows::load_ledger(transaction, id, target)?;
    let mut ledger = before.clone();
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
        watermark: rows::load_watermark(transaction, target, poll.answer.source())?,
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
    let last_success = of_today.then_some(poll.asked_at);
    rows::save_ledger(transaction, id, &ledger, &before, last_success)?;
    let sums = days
        .iter()
        .map(|(&date, day)| Sums::of(date, day))
        .collect();
    Ok(Saved {
        ledger,
        sums,
        arrivals: merged.arrivals,
        reconciled: None,
    })
}

#[cfg(test)]
mod tests;
