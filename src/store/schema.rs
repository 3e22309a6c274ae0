//! The tables, and the way from every older version of them to this one.

use std::cmp::Ordering;

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours: "TRTC".
const APPLICATION_ID: i32 = 0x5452_5443;

/// Version `n` of the schema is what the first `n` steps build. A step that has been released is never changed.
const MIGRATIONS: [&str; 4] = [
    "
    CREATE TABLE target (
        id INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        app TEXT NOT NULL,               -- SdkAppId, or 'total'
        item TEXT NOT NULL,
        floor TEXT,                      -- Ledger::floor, YYYY-MM-DD in Beijing
        settled INTEGER,                 -- TimeKey of the newest settled bucket, Unix seconds
        raised_ms INTEGER NOT NULL,
        lowered_ms INTEGER NOT NULL,
        last_success INTEGER,            -- Unix seconds
        UNIQUE (account, app, item)
    ) STRICT;
    CREATE TABLE series (
        target INTEGER NOT NULL REFERENCES target (id),
        media TEXT NOT NULL,
        since TEXT NOT NULL,             -- date of the first sight
        credited_ms INTEGER NOT NULL,
        published_ms INTEGER NOT NULL,   -- the counter
        bucket_ms INTEGER NOT NULL,
        PRIMARY KEY (target, media)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE day (
        target INTEGER NOT NULL REFERENCES target (id),
        date TEXT NOT NULL,
        asked_at INTEGER,                -- when the upstream last answered for this date, Unix seconds
        buckets BLOB NOT NULL,           -- see codec.rs
        PRIMARY KEY (target, date)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE watermark (
        account TEXT NOT NULL,
        item TEXT NOT NULL,
        time_key INTEGER NOT NULL,       -- the newest TimeKey that any target has shown, Unix seconds
        PRIMARY KEY (account, item)
    ) STRICT, WITHOUT ROWID;
",
    "
    -- Since when its series may have been scraped, Unix seconds; unknown of what was there before this step.
    ALTER TABLE target ADD COLUMN shown_from INTEGER;
",
    "
    CREATE TABLE pushed (
        target INTEGER PRIMARY KEY REFERENCES target (id),
        time_key INTEGER NOT NULL        -- the newest bucket that remote write has pushed, Unix seconds
    ) STRICT;
",
    "
    -- The number of the action whose words a day has; unknown of what was there before this step.
    ALTER TABLE day ADD COLUMN source INTEGER;
    -- Of several actions that report the same item each is late in its own way. That of early versions is unknown, 0.
    ALTER TABLE watermark RENAME TO watermark_of_item;
    CREATE TABLE watermark (
        account TEXT NOT NULL,
        item TEXT NOT NULL,
        source INTEGER NOT NULL,
        time_key INTEGER NOT NULL,       -- the newest TimeKey that any target has shown, Unix seconds
        PRIMARY KEY (account, item, source)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO watermark SELECT account, item, 0, time_key FROM watermark_of_item;
    DROP TABLE watermark_of_item;
    CREATE TABLE gone_over (
        account TEXT NOT NULL,
        item TEXT NOT NULL,
        action TEXT NOT NULL,            -- that the item is asked for by since its first action is retired
        PRIMARY KEY (account, item)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE day_sum (
        target INTEGER NOT NULL REFERENCES target (id),
        date TEXT NOT NULL,
        sums TEXT NOT NULL,              -- as the upstream tells them beside the buckets: JSON, ms by media
        PRIMARY KEY (target, date)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE month (
        target INTEGER PRIMARY KEY REFERENCES target (id),
        asked_at INTEGER NOT NULL,       -- when the upstream last told such sums, Unix seconds
        through TEXT NOT NULL,           -- the last date that is counted in
        minutes TEXT NOT NULL,           -- of the first of that month up to it: JSON, billable minutes by media
        unreconciled_ms INTEGER NOT NULL -- how far those sums are from the sums of their buckets
    ) STRICT;
    CREATE TABLE cost (
        account TEXT NOT NULL,
        currency TEXT NOT NULL,
        item TEXT NOT NULL,
        media TEXT NOT NULL,
        month TEXT NOT NULL,             -- YYYY-MM in Beijing
        billionths TEXT NOT NULL,        -- the most that the month has been estimated at; beyond 64 bits
        PRIMARY KEY (account, currency, item, media, month)
    ) STRICT, WITHOUT ROWID;
",
];

/// What keeps a file from being used.
pub(super) enum Unfit {
    Foreign,
    Newer(i64),
    Older,
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Brings a file to the newest version, in one transaction; a fresh one is made ours.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Unfit> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let application: i32 =
        transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(Unfit::Foreign);
    }
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(steps) = MIGRATIONS.get(done..) else {
        return Err(Unfit::Newer(version));
    };
    for step in steps {
        transaction.execute_batch(step)?;
    }
    if !steps.is_empty() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Whether a file can be read as it is.
pub(super) fn is_readable(connection: &Connection) -> Result<(), Unfit> {
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Err(Unfit::Foreign);
    }
    match version.cmp(&(MIGRATIONS.len() as i64)) {
        Ordering::Less => Err(Unfit::Older),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(Unfit::Newer(version)),
    }
}

/// Reads the small tables from end to end, so that damage is found before anything is counted on it: a row that its key
/// no longer finds would be begun again at 0. Days are checked one by one when they are used: together they may be large.
pub(super) fn check(connection: &Connection) -> Result<(), Unfit> {
    for table in ["target", "series", "watermark", "gone_over", "cost"] {
        let found: String =
            connection.query_row(&format!("PRAGMA integrity_check({table})"), (), |row| {
                row.get(0)
            })?;
        if found != "ok" {
            return Err(damaged(found));
        }
    }
    let strays: i64 = connection.query_row(
        "SELECT count(*) FROM pragma_foreign_key_check('series')",
        (),
        |row| row.get(0),
    )?;
    if strays > 0 {
        return Err(damaged(format!("{strays} series belong to no target")));
    }
    Ok(())
}

fn damaged(found: String) -> Unfit {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Unfit::Sqlite(rusqlite::Error::SqliteFailure(code, Some(found)))
}
