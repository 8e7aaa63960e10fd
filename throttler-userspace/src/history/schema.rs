//! Tables of the database.

use rusqlite::{Connection, Result};

/// In the file's header: a database of ours ("THRT").
pub(super) const APPLICATION_ID: i32 = 0x5448_5254;
/// In the file's header: which tables it has.
pub(super) const VERSION: i32 = 1;

/// Needs an empty file: whether pages that were freed can be given back without rewriting it.
const LAYOUT: &str = "PRAGMA auto_vacuum = INCREMENTAL";

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS violations (
        begin     INTEGER NOT NULL, -- seconds since the epoch
        width     INTEGER NOT NULL, -- seconds
        source    TEXT    NOT NULL, -- prefix
        scope     TEXT    NOT NULL,
        plan      TEXT    NOT NULL, -- '': none
        lim       TEXT    NOT NULL, -- '': none
        unit      TEXT    NOT NULL,
        rate      TEXT    NOT NULL,
        reason    TEXT    NOT NULL,
        monitored INTEGER NOT NULL, -- 0 or 1
        sources   INTEGER NOT NULL,
        packets   INTEGER NOT NULL,
        bytes     INTEGER NOT NULL,
        estimated INTEGER NOT NULL, -- 0 or 1
        banned_packets INTEGER NOT NULL,
        banned_bytes   INTEGER NOT NULL,
        bans      INTEGER NOT NULL,
        banned_until INTEGER,       -- milliseconds since the epoch
        first     INTEGER NOT NULL, -- milliseconds since the epoch
        last      INTEGER NOT NULL, -- milliseconds since the epoch
        wait      INTEGER NOT NULL, -- nanoseconds
        PRIMARY KEY (begin, width, source, scope, plan, lim, unit, rate, reason, monitored)
    ) STRICT, WITHOUT ROWID;
    -- How much of what the source table counts of whom is in `violations`.
    CREATE TABLE IF NOT EXISTS baselines (
        who     BLOB    PRIMARY KEY, -- address, region, scope
        refused INTEGER NOT NULL,
        packets INTEGER NOT NULL,    -- dropped
        bytes   INTEGER NOT NULL,
        ban     INTEGER NOT NULL,    -- the datapath's word
        at      INTEGER NOT NULL     -- monotonic nanoseconds
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS facts (
        name  TEXT    PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// Makes the tables of an empty database.
pub(super) fn create(connection: &Connection) -> Result<()> {
    connection.execute_batch(LAYOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // In one transaction: half a database must not be taken for a whole one.
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT"
    ))
}
