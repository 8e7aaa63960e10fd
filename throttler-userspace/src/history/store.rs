//! The writer's side.

use std::path::Path;

use rusqlite::{Connection, Result, params};

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

/// The database of an interface, for its one writer.
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the database, and makes it where there is none.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        schema::create(&connection)?;
        Ok(Self { connection })
    }

    /// Adds to what is there, all of it or nothing. What is of the same slice and key is summed up.
    ///
    /// # Errors
    /// SQLite's; nothing is added then.
    pub fn add(&mut self, violations: &[Violation]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut add = transaction.prepare_cached(ADD)?;
            for one in violations {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
                add.execute(params![
                    one.begin,
                    one.width,
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
        }
        transaction.commit()
    }
}
