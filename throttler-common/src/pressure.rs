//! When a source finds no room in the table.
//!
//! Every way of its two sets is then somebody's who is in debt, banned, or known. What is known stays.
//! The newcomer's packet is charged to the bucket of its parent prefix (/24, /48) in its scope, which
//! has the scope's own limits, and to one bucket of all such newcomers of the
//! family, so that what they get in all is bounded too. What either refuses, or finds no bucket for,
//! is `table_full`. Nobody known pays for it: a flood of invented sources is held to what one
//! source a prefix may send.

use crate::abi::{Addr, PARENT_MASK, TableHead, region};
use crate::charge::Refused;
use crate::clock::Clock;
use crate::gcra;
use crate::lookup::Source;
use crate::parse::Packet;
use crate::policy::Policies;
use crate::slot::Slots;
use crate::table::{Place, Way};

/// Charges a newcomer's packet to its parent and to the newcomers. Layers are not charged.
///
/// # Errors
/// There is no room for it.
#[inline(always)]
pub fn admit<P: Policies, S: Slots, C: Clock>(
    policy: &P,
    slots: &S,
    packet: &Packet,
    clock: &C,
    scope: u8,
    parent: &Source,
) -> Result<(), Refused> {
    let none = Refused::CONTENDED;
    if parent.handle == 0 || parent.contended != 0 {
        return Err(none);
    }
    let table = slots.head().ok_or(none)?;
    // The scope's own limits, whatever the source's plan: the bucket is shared by sources of any.
    let row = policy.row(u32::from(scope)).ok_or(none)?;
    let all = newcomers(slots, table, packet.family().index()).ok_or(none)?;
    let parent = Way {
        words: slots.set(parent.set).ok_or(none)?,
        handle: parent.handle,
    };
    slots.check(row, &parent, packet, gcra::ticks(clock.exact()))?;
    slots.admit(&table.admission, &all, packet, clock)?;
    slots.admit(row, &parent, packet, clock)?;
    parent.count_passed(u64::from(packet.length));
    all.count_passed(u64::from(packet.length));
    Ok(())
}

/// Counts a newcomer's refusal; how many there were since pressure was last told of, and in all, at most
/// once a second; 0 otherwise.
#[inline(always)]
pub fn refused<S: Slots>(slots: &S, packet: &Packet, at: u64) -> (u64, u64) {
    let Some(table) = slots.head() else {
        return (0, 0);
    };
    let Some(all) = newcomers(slots, table, packet.family().index()) else {
        return (0, 0);
    };
    all.count_dropped(u64::from(packet.length));
    all.claim_event(at).unwrap_or((0, 0))
}

/// The bucket of all newcomers of a family. Its ban word is the end of the family's latest wider ban.
#[inline(always)]
pub(crate) fn newcomers<S: Slots>(
    slots: &S,
    table: &TableHead,
    family: usize,
) -> Option<Way<S::Words>> {
    let set = table.regions[region::NEWCOMERS].first + family as u32;
    Some(Way {
        words: slots.set(set)?,
        handle: 0,
    })
}

/// Where the parent prefix of a packet's source has its bucket.
#[inline(always)]
pub(crate) fn place(table: &TableHead, packet: &Packet, scope: u8) -> (Place, Addr) {
    let family = packet.family().index();
    let addr = packet.source.masked(PARENT_MASK[family]);
    let region = &table.regions[region::PARENTS + family];
    (Place::of(table, region, &addr, scope), addr)
}
