//! What passes and drops now: two readings of the counters.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use super::attached::Attachment;
use super::counters::totals;
use super::output::seconds;

/// Between the two readings: long enough for tens of packets of a busy interface, too short to be waited for.
const BETWEEN: Duration = Duration::from_millis(250);

/// Packets a second of an interface.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rates {
    /// The time that they were counted for, in seconds.
    pub over_s: f64,
    /// Packets seen.
    pub packets: f64,
    /// Packets dropped.
    pub dropped: f64,
}

/// The rates of each interface now; takes a quarter of a second.
///
/// # Errors
/// The kernel's.
pub fn rates(attached: &[Attachment]) -> Result<Vec<Rates>> {
    let read = || -> Result<Vec<_>> { attached.iter().map(totals).collect() };
    let begin = Instant::now();
    let before = read()?;
    thread::sleep(BETWEEN);
    let after = read()?;
    let over = begin.elapsed();
    let per_second =
        |before: u64, after: u64| after.saturating_sub(before) as f64 / over.as_secs_f64();
    let pairs = before.iter().zip(&after);
    Ok(pairs
        .map(|(before, after)| Rates {
            over_s: seconds(u64::try_from(over.as_nanos()).unwrap_or(u64::MAX)),
            packets: per_second(before.packets, after.packets).round(),
            dropped: per_second(before.dropped, after.dropped).round(),
        })
        .collect())
}
