//! How much of what the source table counts is in the history already.

use rusqlite::{Connection, Result, params};

/// Address (16 bytes), region of the table, scope.
pub type Key = [u8; 18];

/// What was counted of one source in one scope when the history was last brought up to date with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Packets refused.
    pub refused: u64,
    /// Packets dropped that the history has.
    pub packets: u64,
    /// Bytes dropped.
    pub bytes: u64,
    /// The latest ban: a [`throttler_common::ban::Ban`].
    pub ban: u64,
    /// When, in monotonic nanoseconds.
    pub at: u64,
}

/// The bits are what matters: SQLite has no unsigned integers.
fn signed(number: u64) -> i64 {
    number.cast_signed()
}

pub(super) fn load(connection: &Connection) -> Result<Vec<(Key, Baseline)>> {
    let mut query =
        connection.prepare("SELECT who, refused, packets, bytes, ban, at FROM baselines")?;
    let rows = query.query_map([], |row| {
        let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
        Ok((
            row.get(0)?,
            Baseline {
                refused: number(1)?,
                packets: number(2)?,
                bytes: number(3)?,
                ban: number(4)?,
                at: number(5)?,
            },
        ))
    })?;
    rows.collect()
}

pub(super) fn save(connection: &Connection, all: &[(Key, Option<Baseline>)]) -> Result<()> {
    let mut put = connection
        .prepare_cached("INSERT OR REPLACE INTO baselines VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let mut forget = connection.prepare_cached("DELETE FROM baselines WHERE who = ?1")?;
    for (who, baseline) in all {
        match baseline {
            Some(one) => put.execute(params![
                who,
                signed(one.refused),
                signed(one.packets),
                signed(one.bytes),
                signed(one.ban),
                signed(one.at)
            ])?,
            None => forget.execute(params![who])?,
        };
    }
    Ok(())
}
