//! The source table: an array of sets of eight ways, found by a keyed hash.
//!
//! A source has two sets ([`Place`]) and lies in one way of one of them. The kernel's own LRU hash
//! costs several times as much, forgets sources in debt, and hands a CPU's entry to another source
//! while that CPU still uses it. Here is what makes the table exact:
//!
//! **Words.** A way is 16 words ([`layout`]); its *header* ([`header`]) says whose it is. The header's
//! *identity* is its live bit, scope, tag and a version that every claim counts up.
//!
//! **Lock.** One bit of way 0's header is the set's lock. Rare things are done under it: *claim* (a way
//! is given to a new source), *renew* (the class is replaced and the buckets converted), *ban*, and
//! *undo* (a charge is taken back). It is tried a bounded number of times; not to get it is a named
//! outcome ([`Unavailable::Busy`], a contended packet), never a wait without end.
//!
//! **Find.** Read the header; if scope and tag fit, read the address, the class and the ban, then the
//! header again. If its identity is the same, all that was read was that source's. So no key is torn
//! and no class stale: a claim changes the header before it writes anything else, and publishes a new
//! identity after all of it.
//!
//! **Charge.** Without the lock: read an arrival time, compare-and-swap it for the next one, then read
//! the header once more. If its identity is still the one found, the charge counts. If not, the packet
//! is refused as contended, and the charge lies where nobody will read it: a claim leaves no arrival time
//! as it was. Nobody is admitted without having been charged.
//!
//! **Claim.** A source's claims all hold the lock of its first set, so that two CPUs cannot give it two
//! ways; the set is searched again under the lock, and so is the second one, under its own, where the source may lie there. A way may be taken if it is free, or if its source
//! says nothing: every arrival time is past, no ban is on, and it was seen once only or not for
//! [`header::KEPT`]. (A class in a slot is a copy of what the trie says, and no loss.) To take it: swap
//! the header for one that is not live, read the arrival times again, and give the way back unchanged if
//! one has meanwhile been charged. Swap and re-reading on this side, swap and re-reading of the header
//! on the charging side, each with full barriers (Dekker's pattern): at least one of the two CPUs sees
//! the other. So either the charge keeps the source's way, or the packet is not admitted.
//!
//! **Order of renewal.** The buckets are converted first and the class is written last. A CPU of the
//! new generation that finds the old class waits for the lock, and so never holds the old times against
//! the new limits.
//!
//! **Lifting a ban** is userspace's, and takes no lock: a way is not taken while its ban is on, so a swap of the word that
//! was read, after the header, ends that source's ban and no other.
//!
//! What may go astray, because nothing is promised of it: a packet counted, a strike or an event's time
//! of a source whose way is taken at that very moment may be its successor's.
//!
//! `tests/loom` checks this with two and three threads over every interleaving; `--test datapath`
//! has two CPUs hammer one set of the kernel's table.

mod claim;
mod find;
pub mod header;
pub mod layout;
mod lock;
mod place;
mod record;
mod way;
mod words;

pub use claim::{Newcomer, claim};
pub use find::{ABSENT, Found, at_home, found, search};
pub use lock::{SPINS, lock, unlock};
pub use place::Place;
pub use record::{fixed_record, live_ways, record};
pub use way::{Advance, Way};
pub use words::Words;

/// Why a source has no way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// Other CPUs held the set's lock for all attempts.
    Busy,
    /// Every way of both sets is somebody's who may not be displaced.
    Full,
}

/// A [`Way`]'s handle and set in one word, as the kernel's functions answer: identity (upper half, with
/// the live bit), way (3 bits), and whether it lies in the second set.
pub mod answer {
    use super::Unavailable;

    /// Bit of an answer: the way lies in the second set.
    pub const SECOND: u64 = 8;
    const BUSY: u64 = 1;

    /// Encodes.
    #[inline(always)]
    #[must_use]
    pub const fn encode(result: Result<u64, Unavailable>) -> u64 {
        match result {
            Ok(handle) => handle,
            Err(Unavailable::Busy) => BUSY,
            Err(Unavailable::Full) => 0,
        }
    }

    /// Decodes.
    ///
    /// # Errors
    /// What was encoded.
    #[inline(always)]
    pub const fn decode(word: u64) -> Result<u64, Unavailable> {
        if word & super::header::LIVE != 0 {
            Ok(word)
        } else if word == BUSY {
            Err(Unavailable::Busy)
        } else {
            Err(Unavailable::Full)
        }
    }
}
