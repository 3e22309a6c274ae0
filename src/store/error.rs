//! Why state could not be opened or saved, each with what to do about it.

use std::io;
use std::path::PathBuf;

use super::codec::DecodeError;
use super::schema::Unfit;
use crate::usage::{Date, Target};

/// State that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made or written to.
    #[error(
        "cannot use the state directory {path}; make it writable for this user or name another by --storage.path"
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process holds it.
    #[error(
        "the state in {path} is in use by another process; give each exporter its own --storage.path, \
         because two on one state would count usage twice"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error(
        "{path} was written by a newer version (schema {version}); run that version, \
         or name another --storage.path to begin counting at 0"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        version: i64,
    },
    /// An earlier version wrote it, and it is only to be read.
    #[error("{path} was written by an older version; let an exporter of this version open it once")]
    Older {
        /// The database.
        path: PathBuf,
    },
    /// It is a database, but not one of this program.
    #[error("{path} is a database of another program; name another --storage.path")]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// It cannot be read as a database.
    #[error(
        "{path} is damaged; restore it from a backup, or move it away to begin counting at 0 \
         (counters then restart, which Prometheus takes as a reset)"
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite found.
        source: rusqlite::Error,
    },
    /// Anything else that SQLite says.
    #[error("cannot open {path}")]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl OpenError {
    pub(super) fn unfit(path: PathBuf, unfit: Unfit) -> Self {
        match unfit {
            Unfit::Foreign => Self::Foreign { path },
            Unfit::Older => Self::Older { path },
            Unfit::Newer(version) => Self::Newer { path, version },
            Unfit::Sqlite(source) if is_damage(&source) => Self::Damaged { path, source },
            Unfit::Sqlite(source) => Self::Sqlite { path, source },
        }
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseCorrupt | NotADatabase)
    )
}

/// Whether SQLite read a value well, and the value is not what it should be.
fn is_value(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
    };
    matches!(
        error,
        FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..)
    )
}

/// State that could not be read or saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The database refused: disk full, file gone, damage.
    #[error("the state could not be saved")]
    Sqlite(#[from] rusqlite::Error),
    /// Somebody else has written to a file of the state, or put another in its place.
    #[error(
        "{} was changed by another program while it was in use, so nothing is saved any more and nothing more is credited; \
         stop this process, put the right trtc-exporter.db there without a -wal and -shm beside it, and start again",
        .0.display()
    )]
    Changed(PathBuf),
    /// The folder of the state refuses.
    #[error("the folder of the state cannot be used")]
    Folder(#[source] io::Error),
    /// The state was removed, written anew, and cannot be opened again.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The same, and nothing more is known about it.
    #[error("the state is closed")]
    Closed,
    /// One target's rows make no sense; the others are not concerned.
    #[error("the kept state of {target} is damaged ({what}); restore it from a backup")]
    Ledger {
        /// The target.
        target: String,
        /// Which part.
        what: &'static str,
    },
    /// One target's day cannot be read; the others are not concerned.
    #[error("the kept day {date} of {target} cannot be read")]
    Day {
        /// The target.
        target: String,
        /// The date.
        date: Date,
        /// Why.
        source: DecodeError,
    },
}

impl SaveError {
    /// Reading `what` of a target failed: because of its value, or because nothing can be read.
    pub(super) fn reading(error: rusqlite::Error, target: &Target, what: &'static str) -> Self {
        if is_value(&error) {
            Self::damaged(target, what)
        } else {
            Self::Sqlite(error)
        }
    }

    pub(super) fn damaged(target: &Target, what: &'static str) -> Self {
        let target = target.to_string();
        Self::Ledger { target, what }
    }
}
