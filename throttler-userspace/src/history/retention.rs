//! What becomes of old slices: minutes are merged into hours, and the oldest go once they are too old or the file is too
//! large. In steps of some milliseconds, between which the writer does what is waiting.

use rusqlite::{Result, params};

use super::archive::violation;
use super::bounds::{Folded, NETWORKS, SOURCES, fold};
use super::store::{MERGED, put, set_fact};
use super::{HOUR, MINUTE, Store, Violation};

/// Minutes that are as old as this are merged, in seconds.
const MINUTES_KEPT: i64 = 48 * HOUR;
/// The same while the file is too large.
const MINUTES_KEPT_AT_LEAST: i64 = HOUR;
/// Pages given back to the file system in a step.
const PAGES: u32 = 256;

/// Rows of a slice that has not been brought within the bounds, at most.
const BOUND: usize = SOURCES + NETWORKS;

const COLUMNS: &str = "begin, width, source, scope, plan, lim, unit, rate, reason, monitored, sources, packets, bytes, \
     estimated, banned_packets, banned_bytes, bans, banned_until, first, last, wait";

impl Store {
    /// Does one step of what there is to do at `now` (seconds since the epoch); whether there may be more. `keep` is in
    /// seconds, `max_size` in bytes.
    ///
    /// # Errors
    /// SQLite's; the step is not done then.
    pub fn tidy(&mut self, now: i64, keep: i64, max_size: u64) -> Result<bool> {
        if self.forget_before(now - keep)? || self.merge_before(now - MINUTES_KEPT)? {
            return Ok(true);
        }
        if self.give_back()? {
            return Ok(true);
        }
        if self.size()? <= max_size {
            return Ok(false);
        }
        Ok(self.merge_before(now - MINUTES_KEPT_AT_LEAST)? || self.forget_before(i64::MAX)?)
    }

    /// Deletes the oldest slice, if it ended before then.
    fn forget_before(&mut self, then: i64) -> Result<bool> {
        let oldest: Option<(i64, i64)> = {
            let mut query = self.connection.prepare_cached(
                "SELECT begin, max(width) FROM violations WHERE begin = (SELECT min(begin) FROM violations) GROUP BY begin",
            )?;
            let mut rows = query.query([])?;
            rows.next()?
                .map(|row| Ok::<_, rusqlite::Error>((row.get(0)?, row.get(1)?)))
                .transpose()?
        };
        let Some((begin, _)) = oldest.filter(|(begin, width)| begin.saturating_add(*width) <= then)
        else {
            return Ok(false);
        };
        let delete = "DELETE FROM violations WHERE begin = ?1";
        self.connection.execute(delete, [begin])?;
        Ok(true)
    }

    /// Merges the oldest minute into its hour, if it ended before then.
    fn merge_before(&mut self, then: i64) -> Result<bool> {
        let merged = self.fact(MERGED)?.unwrap_or(0);
        let next = "SELECT min(begin) FROM violations WHERE begin >= ?1 AND width = ?2";
        let next: Option<i64> = self
            .connection
            .query_row(next, [merged, MINUTE], |row| row.get(0))?;
        let Some(begin) = next.filter(|begin| begin + MINUTE <= then) else {
            return Ok(false);
        };
        let hour = begin - begin.rem_euclid(HOUR);
        let minutes = self.slices(begin, MINUTE)?;
        let transaction = self.connection.transaction()?;
        // What is before this goes into hours.
        put(&transaction, &minutes, begin + 1)?;
        let delete = "DELETE FROM violations WHERE begin = ?1 AND width = ?2";
        transaction.execute(delete, [begin, MINUTE])?;
        set_fact(&transaction, MERGED, begin + MINUTE)?;
        transaction.commit()?;
        if hour > merged - merged.rem_euclid(HOUR) && merged > 0 {
            self.bound_hour(merged - merged.rem_euclid(HOUR), BOUND)?;
        }
        // Before it is whole, not after every minute.
        self.bound_hour(hour, 2 * BOUND)?;
        Ok(true)
    }

    /// Sums up what an hour has beyond the bounds on its rows, if it has more than `most`.
    fn bound_hour(&mut self, hour: i64, most: usize) -> Result<()> {
        let count = "SELECT count(*) FROM violations WHERE begin = ?1 AND width = ?2";
        let count: i64 = self
            .connection
            .query_row(count, params![hour, HOUR], |row| row.get(0))?;
        if count.cast_unsigned() <= most as u64 {
            return Ok(());
        }
        let Folded { kept, folded } = fold(self.slices(hour, HOUR)?);
        if !folded {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        let delete = "DELETE FROM violations WHERE begin = ?1 AND width = ?2";
        transaction.execute(delete, [hour, HOUR])?;
        put(&transaction, &kept, 0)?;
        transaction.commit()
    }

    fn slices(&self, begin: i64, width: i64) -> Result<Vec<Violation>> {
        let query = format!("SELECT {COLUMNS} FROM violations WHERE begin = ?1 AND width = ?2");
        let mut query = self.connection.prepare_cached(&query)?;
        let rows = query.query_map([begin, width], violation)?;
        rows.collect()
    }

    /// Gives pages that are free back to the file system; whether there were enough to look again.
    fn give_back(&mut self) -> Result<bool> {
        let free: u32 = self
            .connection
            .query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
        // Some are used again soon.
        if free < PAGES {
            return Ok(false);
        }
        // A row a page: all of them have to be fetched.
        let mut step = self
            .connection
            .prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let mut rows = step.query([])?;
        while rows.next()?.is_some() {}
        Ok(true)
    }
}
