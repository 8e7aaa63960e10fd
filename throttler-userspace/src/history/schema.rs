//! Tables of the database.

use rusqlite::{Connection, Result};

/// In the file's header: a database of ours ("THRT").
pub(super) const APPLICATION_ID: i32 = 0x5448_5254;
/// In the file's header: which tables it has.
pub(super) const VERSION: i32 = 1;

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
";

/// Makes the tables of an empty database.
pub(super) fn create(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch(TABLES)
}
