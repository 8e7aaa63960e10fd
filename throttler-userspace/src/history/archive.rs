//! The readers' side.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, Result, Row, params};
use throttler_common::abi::Tally;

use super::Violation;

const BETWEEN: &str = "
    SELECT begin, width, source, scope, plan, lim, unit, rate, reason, monitored, sources, packets, bytes, estimated,
           banned_packets, banned_bytes, bans, banned_until, first, last, wait
    FROM violations WHERE begin > ?1 / 1000 - 3600 AND last >= ?1 AND first < ?2 ORDER BY begin";

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
        let readable = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        let denied = |error: &Error| {
            let code = error.sqlite_error_code();
            matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
        };
        match readable {
            // No daemon has it open, and who may not write to the directory cannot make the files beside it, which a
            // reader of a database that nobody else has open does not need.
            Err(error) if denied(&error) && !beside(path, "-wal").exists() => {
                let flags = flags | OpenFlags::SQLITE_OPEN_URI;
                let connection = Connection::open_with_flags(unchanging(path), flags)?;
                Ok(Some(Self { connection }))
            }
            Err(error) => Err(error),
            Ok(()) => Ok(Some(Self { connection })),
        }
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

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The URI of a file that nobody changes (sqlite.org/uri.html).
fn unchanging(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            // Writing to a string does not fail.
            _ => drop(write!(uri, "%{byte:02x}")),
        }
    }
    uri + "?immutable=1"
}

pub(super) fn violation(row: &Row<'_>) -> Result<Violation> {
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
