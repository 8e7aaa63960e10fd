//! The writer's side.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::baseline::{self, Baseline, Key};
use super::fault::Fault;
use super::{Violation, schema};

const ADD: &str = "
    INSERT INTO violations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)
    ON CONFLICT DO UPDATE SET
        sources = max(sources, excluded.sources),
        packets = packets + excluded.packets,
        bytes = bytes + excluded.bytes,
        estimated = max(estimated, excluded.estimated),
        banned_packets = banned_packets + excluded.banned_packets,
        banned_bytes = banned_bytes + excluded.banned_bytes,
        bans = bans + excluded.bans,
        banned_until = max(coalesce(banned_until, excluded.banned_until), coalesce(excluded.banned_until, banned_until)),
        first = min(first, excluded.first),
        last = max(last, excluded.last),
        wait = max(wait, excluded.wait)";

/// What every file of SQLite's begins with (sqlite.org/fileformat.html).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How long to wait for whoever holds the database.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of the file beside the database, once what it held is in there.
const MOST_JOURNAL: i64 = 4 << 20;

/// The fact that says of which source table the baselines are.
const TABLE: &str = "table";
/// The fact that says up to when minutes were merged into hours, seconds since the epoch.
pub(super) const MERGED: &str = "merged_until";

/// The database of an interface, for its one writer.
pub struct Store {
    pub(super) connection: Connection,
    path: PathBuf,
    /// Which file it is, as long as it has its name.
    inode: u64,
}

/// How large a database is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Bytes of the file.
    pub size: u64,
    /// Begin of the oldest slice, seconds since the epoch.
    pub oldest: Option<i64>,
}

impl Store {
    /// Opens the database, and makes it where there is none.
    ///
    /// # Errors
    /// It cannot be opened, or is no database of this version.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        let number = |name: &str| {
            connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i32>(0))
        };
        let (application, version) = (number("application_id")?, number("user_version")?);
        match (application, version) {
            (0, 0) => {}
            (schema::APPLICATION_ID, schema::VERSION) => {}
            (schema::APPLICATION_ID, other) => return Err(Fault::Version(other)),
            _ => {
                let what = "another program's database".to_owned();
                return Err(Fault::Corrupt(what));
            }
        }
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "journal_size_limit", MOST_JOURNAL)?;
        schema::create(&connection)?;
        let inode = fs::metadata(path).map(|file| file.ino());
        Ok(Self {
            inode: inode.map_err(|error| Fault::Io(error.to_string()))?,
            connection,
            path: path.to_owned(),
        })
    }

    /// Reads the whole file and looks whether it holds together: about a second for 256 MB.
    ///
    /// # Errors
    /// It does not, or cannot be read.
    pub fn check(&self) -> Result<(), Fault> {
        let found: String = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        match found.as_str() {
            "ok" => Ok(()),
            _ => Err(Fault::Corrupt(found)),
        }
    }

    /// Whether the file still has its name, and its first bytes: what is written to one that has not is read by nobody, and
    /// SQLite, which has them in memory, does not look.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        let same = |mut file: fs::File| -> io::Result<bool> {
            let mut magic = [0; MAGIC.len()];
            file.read_exact(&mut magic)?;
            Ok(file.metadata()?.ino() == self.inode && magic == *MAGIC)
        };
        fs::File::open(&self.path).and_then(same).unwrap_or(false)
    }

    /// Adds to what is there, all of it or nothing. What is of the same slice and key is summed up.
    ///
    /// # Errors
    /// SQLite's; nothing is added then.
    pub fn add(&mut self, violations: &[Violation]) -> Result<()> {
        self.write(violations, &[])
    }

    /// The same, and in the same transaction up to where the source table's counts are in it; `None` forgets whom.
    ///
    /// # Errors
    /// As [`Store::add`].
    pub fn write(
        &mut self,
        violations: &[Violation],
        baselines: &[(Key, Option<Baseline>)],
    ) -> Result<()> {
        let merged = self.fact(MERGED)?.unwrap_or(0);
        let transaction = self.connection.transaction()?;
        put(&transaction, violations, merged)?;
        baseline::save(&transaction, baselines)?;
        transaction.commit()
    }

    /// Baselines of the source table with this identity, and the whole of them; those of another table are forgotten unless
    /// its counts `go_on` in this one.
    ///
    /// # Errors
    /// SQLite's.
    pub fn baselines(&mut self, table: i64, go_on: bool) -> Result<Vec<(Key, Baseline)>> {
        let known = self.fact(TABLE)?;
        if known != Some(table) {
            let transaction = self.connection.transaction()?;
            if !go_on {
                transaction.execute("DELETE FROM baselines", [])?;
            }
            set_fact(&transaction, TABLE, table)?;
            transaction.commit()?;
        }
        baseline::load(&self.connection)
    }

    /// How large it is.
    ///
    /// # Errors
    /// SQLite's.
    pub fn extent(&self) -> Result<Extent> {
        let oldest = "SELECT min(begin) FROM violations";
        Ok(Extent {
            size: self.size()?,
            oldest: self.connection.query_row(oldest, [], |row| row.get(0))?,
        })
    }

    pub(super) fn size(&self) -> Result<u64> {
        let number = |name: &str| {
            let query = format!("PRAGMA {name}");
            self.connection
                .query_row(&query, [], |row| row.get::<_, i64>(0))
        };
        Ok((number("page_count")? * number("page_size")?).cast_unsigned())
    }

    pub(super) fn fact(&self, name: &str) -> Result<Option<i64>> {
        let mut query = self
            .connection
            .prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
        query.query_row([name], |row| row.get(0)).optional()
    }
}

pub(super) fn set_fact(connection: &Connection, name: &str, value: i64) -> Result<()> {
    let mut put = connection.prepare_cached("INSERT OR REPLACE INTO facts VALUES (?1, ?2)")?;
    put.execute(params![name, value]).map(drop)
}

/// Writes slices; those of a time whose minutes are merged already as hours.
pub(super) fn put(connection: &Connection, violations: &[Violation], merged: i64) -> Result<()> {
    let mut add = connection.prepare_cached(ADD)?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    for one in violations {
        let (begin, width) = match one.begin < merged {
            true => (one.begin - one.begin.rem_euclid(super::HOUR), super::HOUR),
            false => (one.begin, i64::from(one.width)),
        };
        add.execute(params![
            begin,
            width,
            one.source.to_string(),
            one.scope,
            text(&one.plan),
            text(&one.limit),
            text(&one.unit),
            text(&one.rate),
            one.reason,
            one.monitored,
            number(one.sources),
            number(one.refused.packets),
            number(one.refused.bytes),
            one.estimated,
            number(one.banned.packets),
            number(one.banned.bytes),
            number(one.bans),
            one.banned_until,
            one.first,
            one.last,
            i64::try_from(one.wait.as_nanos()).unwrap_or(i64::MAX),
        ])?;
    }
    Ok(())
}
