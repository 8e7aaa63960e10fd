//! The readers' side.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, Error, OpenFlags, Result, Row, params};
use throttler_common::abi::Tally;

use super::Violation;

const BETWEEN: &str = "
    SELECT begin, width, source, scope, plan, lim, unit, rate, reason, monitored, sources, packets, bytes, estimated,
           banned_packets, banned_bytes, bans, banned_until, first, last, wait
    FROM violations WHERE last >= ?1 AND first < ?2 ORDER BY begin";

/// The database of an interface, for whoever reads it.
pub struct Archive {
    connection: Connection,
}

impl Archive {
    /// Opens the database; `None` where there is none.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(Some(Self { connection }))
    }

    /// Hands over what was refused between two times (milliseconds since the epoch), the oldest slice first. A slice that is
    /// only partly between them is handed over whole.
    ///
    /// # Errors
    /// SQLite's.
    pub fn between(&self, since: i64, until: i64, mut each: impl FnMut(Violation)) -> Result<()> {
        let mut query = self.connection.prepare(BETWEEN)?;
        let mut rows = query.query(params![since, until])?;
        while let Some(row) = rows.next()? {
            each(violation(row)?);
        }
        Ok(())
    }

    /// Begin of the oldest slice, seconds since the epoch; `None` where nothing was refused yet.
    ///
    /// # Errors
    /// SQLite's.
    pub fn oldest(&self) -> Result<Option<i64>> {
        let query = "SELECT min(begin) FROM violations";
        self.connection.query_row(query, [], |row| row.get(0))
    }
}

fn violation(row: &Row<'_>) -> Result<Violation> {
    let text = |index| {
        let text: String = row.get(index)?;
        Ok::<_, Error>((!text.is_empty()).then_some(text))
    };
    let number = |index| {
        let number: i64 = row.get(index)?;
        Ok::<_, Error>(u64::try_from(number).unwrap_or(0))
    };
    let tally = |index| {
        Ok::<_, Error>(Tally {
            packets: number(index)?,
            bytes: number(index + 1)?,
        })
    };
    let source: String = row.get(2)?;
    let source = source
        .parse()
        .map_err(|error| Error::FromSqlConversionFailure(2, Type::Text, Box::new(error)))?;
    Ok(Violation {
        begin: row.get(0)?,
        width: row.get(1)?,
        source,
        scope: row.get(3)?,
        plan: text(4)?,
        limit: text(5)?,
        unit: text(6)?,
        rate: text(7)?,
        reason: row.get(8)?,
        monitored: row.get(9)?,
        sources: number(10)?,
        refused: tally(11)?,
        estimated: row.get(13)?,
        banned: tally(14)?,
        bans: number(16)?,
        banned_until: row.get(17)?,
        first: row.get(18)?,
        last: row.get(19)?,
        wait: Duration::from_nanos(number(20)?),
    })
}
