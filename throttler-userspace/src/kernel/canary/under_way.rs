//! What a canary that is under way will have counted, so that it is known of one whose daemon was killed meanwhile.
//!
//! Before it runs, one word says which reason the program will count it as, how many packets of that reason there were,
//! and how many of them were canaries. Whoever finds the word left so can tell: where no more packets are counted, it has
//! not run; where one more canary is, all is done; otherwise it has run. Only where it has not, and somebody else's
//! packets of that reason have come since, is it taken for one of these: at most one packet a kill is counted too few,
//! none too many, and what was read never goes back.

use anyhow::Result;
use throttler_common::Reason;
use throttler_common::abi::active;

use super::SCOPE;
use crate::kernel::tables::Tables;

/// What canaries are counted as.
pub(super) const REASONS: [Reason; 4] = [
    Reason::Malformed,
    Reason::Blocked,
    Reason::Monitored,
    Reason::Paused,
];

const OURS_AT: u32 = 3;
const OURS: u64 = 0xff;
const SEQUENCE_AT: u32 = 11;
const SEQUENCE: u64 = 0x1fff;
const PACKETS_AT: u32 = 24;
const PACKETS: u64 = (1 << 40) - 1;

/// [`active::CANARY`]: whether one is under way (1 bit), the index in [`REASONS`] of what it will be counted as (2),
/// canaries (8) that were counted so, a sequence number (13), packets (40) that were counted so; of both counts the low
/// bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnderWay(u64);

impl UnderWay {
    pub(super) fn read(tables: &Tables) -> Result<Self> {
        Ok(Self(tables.active.get(&active::CANARY)?.unwrap_or(0)))
    }

    /// Whether one is.
    pub(super) fn is(self) -> bool {
        self.0 & 1 == 1
    }

    /// Says that one is from now on, after what a killed daemon has left was counted.
    pub(super) fn begin(tables: &Tables, reason: Reason) -> Result<Self> {
        let found = Self::read(tables)?;
        for reason in REASONS.into_iter().filter(|_| found.is()) {
            let canaries = ours(tables, reason)?;
            if found.is_uncounted(reason, packets(tables, reason)?, canaries) {
                tables
                    .active
                    .set(&word(reason), &canaries.wrapping_add(1))?;
            }
        }
        let index = REASONS.iter().position(|one| *one == reason).unwrap_or(0) as u64;
        let sequence = (found.0 >> SEQUENCE_AT).wrapping_add(1) & SEQUENCE;
        let begun = Self(
            1 | index << 1
                | (ours(tables, reason)? & OURS) << OURS_AT
                | sequence << SEQUENCE_AT
                | (packets(tables, reason)? & PACKETS) << PACKETS_AT,
        );
        tables.active.set(&active::CANARY, &begun.0)?;
        Ok(begun)
    }

    /// Says that it no longer is.
    pub(super) fn end(self, tables: &Tables) -> Result<()> {
        let sequence = self.0 & SEQUENCE << SEQUENCE_AT;
        Ok(tables.active.set(&active::CANARY, &sequence)?)
    }

    /// Whether one has run that is not among the canaries counted of its reason.
    pub(super) fn is_uncounted(self, reason: Reason, packets: u64, canaries: u64) -> bool {
        self.is()
            && REASONS[(self.0 >> 1 & 3) as usize] == reason
            && self.0 >> OURS_AT & OURS == canaries & OURS
            && self.0 >> PACKETS_AT != packets & PACKETS
    }
}

/// Where canaries are counted that the program counts so.
pub(super) const fn word(reason: Reason) -> u32 {
    match reason {
        Reason::Blocked => active::CANARIES_BLOCKED,
        Reason::Monitored => active::CANARIES_MONITORED,
        Reason::Paused => active::CANARIES_PAUSED,
        _ => active::CANARIES_MALFORMED,
    }
}

/// Canaries that were counted so.
pub(super) fn ours(tables: &Tables, reason: Reason) -> Result<u64> {
    Ok(tables.active.get(&word(reason))?.unwrap_or(0))
}

/// Packets that were counted so, canaries included.
fn packets(tables: &Tables, reason: Reason) -> Result<u64> {
    let values = tables.counters.get_per_cpu(&u32::from(SCOPE))?;
    let of = values
        .iter()
        .map(|one| one.by_reason[reason as usize].packets);
    Ok(of.fold(0, u64::wrapping_add))
}
