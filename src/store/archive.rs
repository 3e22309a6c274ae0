//! State as others read it, beside an exporter that has it open or without one: nothing is written, and nobody is kept
//! waiting. Each reading is short, so that the log can be taken into the database in between.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags};

use super::{OpenError, SaveError, folder, rows, schema};
use crate::usage::{Beginning, Date, Day, Target};

/// Kept days, to be read.
#[derive(Debug)]
pub struct Archive {
    connection: Connection,
}

impl Archive {
    /// Opens the state in a directory; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read by this version.
    pub fn open(directory: &Path) -> Result<Option<Self>, OpenError> {
        let path = folder::database_in(directory);
        if !path.exists() {
            return Ok(None);
        }
        let open = || -> Result<Connection, schema::Unfit> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&path, flags)?;
            schema::is_readable(&connection)?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Ok(Some(Self { connection })),
            Err(unfit) => Err(OpenError::unfit(path, unfit)),
        }
    }

    /// When an exporter began with a target; `None` when it never did.
    ///
    /// # Errors
    /// When it cannot be read or makes no sense.
    pub fn beginning(&self, target: &Target) -> Result<Option<Beginning>, SaveError> {
        match rows::find_target(&self.connection, target)? {
            Some(id) => rows::load_beginning(&self.connection, id, target).map(Some),
            None => Ok(None),
        }
    }

    /// The name of the action that an item of an account has gone over to, if it has.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn gone_over_to(&self, account: &str, item: &str) -> Result<Option<String>, SaveError> {
        rows::load_gone_over(&self.connection, account, item)
    }

    /// Of these dates those with an answer, and when it was asked for.
    ///
    /// # Errors
    /// When it cannot be read or makes no sense.
    pub fn asked(
        &self,
        target: &Target,
        dates: &RangeInclusive<Date>,
    ) -> Result<BTreeMap<Date, DateTime<Utc>>, SaveError> {
        match rows::find_target(&self.connection, target)? {
            Some(id) => {
                let asked = rows::load_asked(&self.connection, id, target, dates)?;
                Ok(asked.into_iter().collect())
            }
            None => Ok(BTreeMap::new()),
        }
    }

    /// What is known of these dates, all of it at one instant.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn days(
        &self,
        target: &Target,
        dates: &RangeInclusive<Date>,
    ) -> Result<BTreeMap<Date, Day>, SaveError> {
        let transaction = self.connection.unchecked_transaction()?;
        let Some(id) = rows::find_target(&transaction, target)? else {
            return Ok(BTreeMap::new());
        };
        rows::load_days(&transaction, id, target, dates)
    }
}

/// Whether an exporter has the state in a directory open. One that starts at this very instant would be refused.
pub fn is_in_use(directory: &Path) -> bool {
    folder::is_locked(directory)
}
