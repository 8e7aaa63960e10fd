//! All limits of a scope hold, or none is charged.
//!
//! Each limit is one word, and no instruction swaps four of them at once. So all are read first, and
//! a packet that one of them refuses writes nothing at all. Only when all would hold are they
//! advanced, one compare-and-swap each; where another CPU has meanwhile used a limit up, what was
//! advanced is taken back. In between, another packet of the same source may be refused that a global
//! order would have admitted; none is admitted too many.

mod rebase;
mod refused;

pub use self::rebase::{Change, rebase};
pub use self::refused::{Refused, decode, encode};
use crate::abi::{LimitParams, MAX_LIMITS, NO_LIMIT, Row, unit};
use crate::class::{self, Word};
use crate::clock::Clock;
use crate::gcra;
use crate::parse::{Packet, packet_flag};
use crate::policy::Policies;
use crate::table::{Advance, Way, Words};

/// Attempts of one compare-and-swap. A failed one means that another CPU charged the same source in
/// the few nanoseconds between: sixteen in a row need as many CPUs on one bucket.
pub const ATTEMPTS: usize = 16;

/// Units that a limit charges for the packet; 0: it does not.
#[inline(always)]
fn units(limit: &LimitParams, packet: &Packet) -> u64 {
    match limit.unit {
        unit::PACKETS => 1,
        unit::BYTES => u64::from(packet.length),
        unit::CONNECTIONS => u64::from(packet.is(packet_flag::SYN)),
        _ => 0,
    }
}

/// Whether any limit of the row charges the packet.
#[inline(always)]
#[must_use]
pub fn charges(row: &Row, packet: &Packet) -> bool {
    let mut mask = 1 << unit::PACKETS | 1 << unit::BYTES;
    if packet.is(packet_flag::SYN) {
        mask |= 1 << unit::CONNECTIONS;
    }
    row.units & mask != 0
}

/// Holds all limits of the row against the packet at `at` (ticks); charges nothing. The time from which
/// on all of them hold, or less.
///
/// # Errors
/// Which limit refuses at `at`, and how long from then.
#[inline(always)]
pub fn check<W: Words>(row: &Row, way: &Way<W>, packet: &Packet, at: u64) -> Result<u64, Refused> {
    let mut from = 0;
    let mut i = 0;
    while i < MAX_LIMITS {
        let limit = &row.limits[i];
        let units = units(limit, packet);
        if units != 0 {
            let tat = way.tat(i);
            let cost = gcra::cost(limit, units);
            match gcra::step(tat, at, cost, limit.depth) {
                Ok(_) => {
                    let holds = (tat + cost).saturating_sub(limit.depth);
                    if holds > from {
                        from = holds;
                    }
                }
                Err(wait) => return Err(refused(i, wait)),
            }
        }
        i += 1;
    }
    Ok(from)
}

/// Charges all limits of the row, or none.
///
/// What a limit refuses at the latest time that it may be is refused without reading the clock: a
/// refusal writes nothing, and an earlier time would refuse it as well. A charge is made at the exact
/// time, so that none is admitted early.
///
/// # Errors
/// Which limit refused; nothing is charged then.
#[inline(always)]
pub fn admit<W: Words, C: Clock>(
    row: &Row,
    way: &Way<W>,
    packet: &Packet,
    clock: &C,
) -> Result<(), Refused> {
    let (coarse, lag) = (clock.coarse(), clock.lag());
    let holds =
        check(row, way, packet, gcra::ticks(coarse + lag)).map_err(|refused| refused.later(lag))?;
    let exact = clock.exact();
    let now = gcra::ticks(exact);
    // A lone limit needs no further look: its own swap is the check.
    let charged = if row.count > 1 && holds > now {
        match check(row, way, packet, now) {
            Ok(_) => commit(row, way, packet, now),
            Err(refused) => Err(refused),
        }
    } else {
        commit(row, way, packet, now)
    };
    charged.map_err(|refused| match refused.limit {
        NO_LIMIT => refused,
        _ => refused.later(exact.saturating_sub(coarse)),
    })
}

/// [`admit`] for a row of one limit, which needs no look ahead and no way back.
///
/// # Errors
/// It refused; nothing is charged then.
#[inline(always)]
pub fn admit_lone<W: Words, C: Clock>(
    row: &Row,
    way: &Way<W>,
    packet: &Packet,
    clock: &C,
) -> Result<(), Refused> {
    let index = usize::from(row.lone) & (MAX_LIMITS - 1);
    let limit = &row.limits[index];
    let units = units(limit, packet);
    if units == 0 {
        return Ok(());
    }
    let (coarse, lag) = (clock.coarse(), clock.lag());
    let cost = gcra::cost(limit, units);
    let latest = gcra::ticks(coarse + lag);
    if let Err(wait) = gcra::step(way.tat(index), latest, cost, limit.depth) {
        return Err(refused(index, wait).later(lag));
    }
    let exact = clock.exact();
    commit_one(limit, way, index, units, gcra::ticks(exact)).map_err(|refused| {
        match refused.limit {
            NO_LIMIT => refused,
            _ => refused.later(exact.saturating_sub(coarse)),
        }
    })
}

#[inline(always)]
fn commit<W: Words>(row: &Row, way: &Way<W>, packet: &Packet, now: u64) -> Result<(), Refused> {
    let mut i = 0;
    while i < MAX_LIMITS {
        let limit = &row.limits[i];
        let units = units(limit, packet);
        if units != 0
            && let Err(refused) = commit_one(limit, way, i, units, now)
        {
            if i > 0 {
                undo(row, way, packet, i);
            }
            return Err(refused);
        }
        i += 1;
    }
    Ok(())
}

#[inline(always)]
fn commit_one<W: Words>(
    limit: &LimitParams,
    way: &Way<W>,
    index: usize,
    units: u64,
    now: u64,
) -> Result<(), Refused> {
    let cost = gcra::cost(limit, units);
    let mut attempt = 0;
    while attempt < ATTEMPTS {
        let tat = way.tat(index);
        match gcra::step(tat, now, cost, limit.depth) {
            Ok(next) => match way.advance(index, tat, next) {
                Advance::Done => return Ok(()),
                Advance::Changed => {}
                Advance::Lost => return Err(Refused::CONTENDED),
            },
            Err(wait) => return Err(refused(index, wait)),
        }
        attempt += 1;
    }
    Err(Refused::CONTENDED)
}

#[inline(always)]
const fn refused(index: usize, wait: u64) -> Refused {
    Refused {
        limit: index as u8,
        wait: gcra::nanos_ceil(wait),
    }
}

/// Takes back what the limits with an index below `below` were charged for the packet: under the
/// set's lock, since the time that is turned back must not be another source's. Where the lock is not
/// to be had, the source stays charged for a packet that it did not get.
#[inline(always)]
pub fn undo<W: Words>(row: &Row, way: &Way<W>, packet: &Packet, below: usize) {
    way.locked(|way| {
        if way.class().tag() != row.tag {
            // The bucket has been converted since: what was charged is no longer what it holds.
            return;
        }
        let mut i = 0;
        while i < MAX_LIMITS {
            if i < below {
                let limit = &row.limits[i];
                let units = units(limit, packet);
                if units != 0 {
                    way.retreat(i, gcra::cost(limit, units));
                }
            }
            i += 1;
        }
    });
}

/// Gives a way its newly resolved class, and turns the buckets of the limits that it was last charged by
/// into those of the limits in force. `base` is the index of the row of plan 0. Whether it is done, by
/// this CPU or another: not where the set's lock was not to be had.
#[inline(always)]
pub fn renew<P: Policies, W: Words>(
    policy: &P,
    way: &Way<W>,
    base: u32,
    word: Word,
    now: u64,
) -> bool {
    way.locked(|way| {
        let old = way.class();
        if old.tag() != 0 && old.age(word.tag()) >= class::NEWER {
            // A packet that began under an earlier generation than the slot's: nothing is turned back.
            return;
        }
        // Another CPU may have done it; to do it twice would count the change twice. A bucket that no
        // generation has used is full, whatever the limits were.
        if old.0 != word.0 && old.tag() != 0 {
            let stride = policy.head().map_or(0, |head| head.row_stride);
            let change = Change {
                row: u32::from(word.plan()) * stride + base,
                from: u32::from(old.plan()) * stride + base,
                age: old.age(word.tag()),
            };
            rebase(policy, way, change, now);
        }
        way.set_class(word);
    })
}
