//! `global` limits: one bucket for all sources of a scope together.
//!
//! The bucket is a way of the table like any other, so that it is exact on any number of CPUs and goes
//! on across generations. Where the scope has `protected` plans, a share of every limit is kept for
//! them in a bucket of its own: they are served from it first, and from the common one once it is
//! empty. Both together admit what the limit says.

use crate::abi::{PolicyHead, region};
use crate::charge::{self, Refused};
use crate::class::{Kind, Word};
use crate::clock::Clock;
use crate::gcra;
use crate::parse::Packet;
use crate::policy::Policies;
use crate::slot::Slots;
use crate::table::Way;

/// Which bucket was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Share {
    /// Everybody's.
    Common = 0,
    /// The protected plans'.
    Reserved = 1,
}

/// A result in one word, for the kernel's calls between functions.
#[inline(always)]
#[must_use]
pub const fn encode(result: Result<Share, Refused>) -> u64 {
    match result {
        Ok(share) => share as u64,
        // Never 0 or 1: a mark lies above the limit's index.
        Err(refused) => charge::encode(Err(refused)),
    }
}

/// The other way.
///
/// # Errors
/// What was encoded.
#[inline(always)]
pub const fn decode(word: u64) -> Result<Share, Refused> {
    match word {
        0 => Ok(Share::Common),
        1 => Ok(Share::Reserved),
        _ => match charge::decode(word) {
            Ok(()) => Ok(Share::Common),
            Err(refused) => Err(refused),
        },
    }
}

/// Charges a packet to its scope's `global` limits.
///
/// # Errors
/// Which limit refused; nothing is charged then.
#[inline(always)]
pub fn charge<P: Policies, S: Slots, C: Clock>(
    policy: &P,
    slots: &S,
    packet: &Packet,
    clock: &C,
    scope: u8,
    protected: bool,
) -> Result<Share, Refused> {
    if protected && admit(policy, slots, packet, clock, scope, Share::Reserved).is_ok() {
        return Ok(Share::Reserved);
    }
    admit(policy, slots, packet, clock, scope, Share::Common).map(|()| Share::Common)
}

/// Takes back what [`charge`] charged.
#[inline(always)]
pub fn undo<P: Policies, S: Slots>(
    policy: &P,
    slots: &S,
    packet: &Packet,
    scope: u8,
    share: Share,
) {
    if let Some(head) = policy.head()
        && let Some(row) = policy.row(row_index(head, scope, share))
        && let Some(way) = bucket(slots, scope, share)
    {
        slots.undo(row, &way, packet);
    }
}

/// The index of the row of a share's limits.
#[inline(always)]
#[must_use]
pub fn row_index(head: &PolicyHead, scope: u8, share: Share) -> u32 {
    let first = match share {
        Share::Common => head.global_rows,
        Share::Reserved => head.reserved_rows,
    };
    first + u32::from(scope)
}

#[inline(always)]
fn admit<P: Policies, S: Slots, C: Clock>(
    policy: &P,
    slots: &S,
    packet: &Packet,
    clock: &C,
    scope: u8,
    share: Share,
) -> Result<(), Refused> {
    let head = policy.head().ok_or(Refused::CONTENDED)?;
    let index = row_index(head, scope, share);
    let row = policy.row(index).ok_or(Refused::CONTENDED)?;
    let way = bucket(slots, scope, share).ok_or(Refused::CONTENDED)?;
    let class = way.class();
    if class.tag() != head.tag {
        let word = Word::new(head.tag, Kind::Plan, 0, 0);
        if !slots.renew(policy, &way, index, word, gcra::ticks(clock.coarse())) {
            return Err(Refused::CONTENDED);
        }
    }
    slots.admit(row, &way, packet, clock)
}

/// The way that a share is kept in: its header stays 0, nobody claims it.
#[inline(always)]
fn bucket<S: Slots>(slots: &S, scope: u8, share: Share) -> Option<Way<S::Words>> {
    let head = slots.head()?;
    let set = head.regions[region::GLOBALS].first + u32::from(scope);
    Some(Way {
        words: slots.set(set)?,
        handle: share as u64,
    })
}
