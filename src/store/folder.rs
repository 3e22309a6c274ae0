//! The folder that state lives in: who may use it, and whether the files in it are still the ones that SQLite has open.
//!
//! SQLite goes on writing to a file that was removed, moved or replaced, and what it writes there is lost to the next
//! start. It trusts that nobody else writes to the file. Both can be seen from outside, by looking before each save.

use std::fs::{DirBuilder, File, Metadata, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::OpenError;

const DATABASE: &str = "trtc-exporter.db";
const LOG: &str = "trtc-exporter.db-wal";
const INDEX_OF_LOG: &str = "trtc-exporter.db-shm";
const FRESH: &str = "trtc-exporter.db.new";
const LOCK: &str = "trtc-exporter.lock";

/// Usage figures are nobody else's business.
const MODE: u32 = 0o700;

/// A folder that this process alone keeps state in, for as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
    /// How the files stood after the last save.
    left: Marks,
}

/// How the files stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// As the last save left them.
    AsLeft,
    /// At least one is gone, and nothing is in its place.
    Gone,
    /// This one is another, or somebody else has written to it.
    Changed(PathBuf),
}

#[derive(Debug, Default)]
struct Marks {
    database: Option<Mark>,
    log: Option<Mark>,
}

impl Marks {
    /// Whether every file that is marked here is there still; others may have come.
    fn is_of_the_files_of(&self, now: &Self) -> bool {
        let pairs = [(self.database, now.database), (self.log, now.log)];
        pairs.into_iter().all(|(left, now)| {
            let identity = |mark: Mark| (mark.device, mark.inode);
            left.is_none() || left.map(identity) == now.map(identity)
        })
    }
}

/// Tells a file from another one in its place, and from itself after it was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Folder {
    /// Takes possession of a folder, which is made when it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            lock: lock(path)?,
            path: path.to_owned(),
            left: Marks::default(),
        })
    }

    pub(super) fn database(&self) -> PathBuf {
        database_in(&self.path)
    }

    /// Remembers how the files stand: called when SQLite has just written to them. False, and nothing remembered, when they
    /// are not those any more that it has open: then what it has written is lost.
    pub(super) fn note(&mut self) -> io::Result<bool> {
        let now = Marks {
            database: mark(&self.path.join(DATABASE))?,
            log: mark(&self.path.join(LOG))?,
        };
        let same = self.left.is_of_the_files_of(&now);
        if same {
            self.left = now;
        }
        Ok(same)
    }

    /// How the files stand now. Looks only: opening and closing one would drop the locks that SQLite holds on it.
    pub(super) fn found(&self) -> io::Result<Found> {
        let mut found = Found::AsLeft;
        for (name, left) in [(DATABASE, self.left.database), (LOG, self.left.log)] {
            let path = self.path.join(name);
            match (mark(&path)?, left) {
                (now, left) if now == left => {}
                (None, Some(_)) => found = Found::Gone,
                _ => return Ok(Found::Changed(path)),
            }
        }
        Ok(found)
    }

    /// Makes sure that the folder is there and ours, whatever has happened to it and to the lock file in it.
    pub(super) fn hold(&mut self) -> Result<(), OpenError> {
        let is_ours = |there: Metadata| {
            let ours = self.lock.metadata()?;
            Ok::<_, io::Error>((there.dev(), there.ino()) == (ours.dev(), ours.ino()))
        };
        if !std::fs::metadata(self.path.join(LOCK))
            .and_then(is_ours)
            .unwrap_or(false)
        {
            self.lock = lock(&self.path)?;
        }
        Ok(())
    }

    /// Where a fresh database is made before it takes its place, as SQLite takes it. Whatever an earlier attempt has
    /// left there is removed.
    pub(super) fn fresh(&self) -> io::Result<String> {
        let path = self.path.join(FRESH);
        remove(&path)?;
        let path = path.into_os_string().into_string();
        path.map_err(|_| io::Error::new(ErrorKind::InvalidFilename, "its path is not UTF-8"))
    }

    /// Puts the fresh database in its place. SQLite must have nothing open.
    pub(super) fn install(&mut self) -> io::Result<()> {
        let fresh = self.path.join(FRESH);
        File::open(&fresh)?.sync_all()?;
        self.remove_log()?;
        std::fs::rename(fresh, self.database())?;
        File::open(&self.path)?.sync_all()?;
        self.left = Marks {
            database: mark(&self.database())?,
            log: None,
        };
        Ok(())
    }

    /// Removes the log that belonged to a database which is not there any more: beside another one it would damage it.
    /// One that somebody else has put there stays.
    pub(super) fn remove_log_of_lost_database(&self) -> io::Result<()> {
        if mark(&self.path.join(LOG))? == self.left.log {
            self.remove_log()?;
        }
        Ok(())
    }

    fn remove_log(&self) -> io::Result<()> {
        remove(&self.path.join(LOG))?;
        remove(&self.path.join(INDEX_OF_LOG))
    }
}

/// Where the state of a folder is.
pub(super) fn database_in(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// Whether somebody holds a folder.
pub(super) fn is_locked(folder: &Path) -> bool {
    File::open(folder.join(LOCK))
        .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::Directory {
        path: folder.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(MODE)
        .create(folder)
        .map_err(unusable)?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(LOCK))
        .map_err(unusable)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => OpenError::InUse {
            path: folder.to_owned(),
        },
        TryLockError::Error(source) => unusable(source),
    })?;
    Ok(lock)
}

fn mark(path: &Path) -> io::Result<Option<Mark>> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(Some(Mark {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        })),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path).or_else(|error| {
        if is_absence(&error) {
            Ok(())
        } else {
            Err(error)
        }
    })
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
