//! Per-source state, as the datapath uses it.

use crate::abi::{MAX_LIMITS, Row, Scale, SourceKey};
use crate::charge::{self, Change, Refused};
use crate::class::Word;
use crate::decide::Refusal;
use crate::gcra;
use crate::parse::{Family, Packet};
use crate::policy::Policies;

/// The source table.
pub trait Slots {
    /// A handle on one slot.
    type Slot: Slot;
    /// The slot of a known source.
    fn find(&self, family: Family, key: &SourceKey) -> Option<Self::Slot>;
    /// Tells of refusals; called where [`Slot::claim_event`] gave the right to.
    fn tell(&self, refusal: &Refusal);
    /// Takes a slot for a source that is not known; `None` where none can be had. Where another CPU
    /// took one for the same source first, that one.
    fn claim(&self, family: Family, key: &SourceKey) -> Option<Self::Slot>;
}

/// One slot. Every access is atomic; other CPUs use the same slot at the same time.
pub trait Slot {
    /// Theoretical arrival time of limit `index` (below 4), in ticks.
    fn tat(&self, index: usize) -> u64;
    /// Replaces it if it still is `current`; whether it was.
    fn advance(&self, index: usize, current: u64, next: u64) -> bool;
    /// Takes `ticks` back that [`Slot::advance`] added.
    fn retreat(&self, index: usize, ticks: u64);
    /// The resolved class.
    fn class(&self) -> Word;
    /// Replaces the resolved class if it still is `current`; whether it was.
    fn replace_class(&self, current: Word, next: Word) -> bool;
    /// Counts a packet that passed.
    fn count_passed(&self, bytes: u64, now: u64);
    /// Counts a packet that was refused, and whether it was dropped (or spared by monitor mode).
    fn count_refused(&self, bytes: u64, now: u64, dropped: bool);
    /// Takes the right to tell of this source's refusals, at most once a second; if this caller got
    /// it, the refusals not yet told of and those in all.
    fn claim_event(&self, now: u64) -> Option<(u64, u64)>;

    /// Whether all limits of the row hold at `now` (ticks); charges nothing.
    ///
    /// # Errors
    /// Which limit would refuse.
    #[inline(always)]
    fn check(&self, row: &Row, packet: &Packet, now: u64) -> Result<(), Refused>
    where
        Self: Sized,
    {
        charge::check(row, self, packet, now)
    }

    /// Charges all limits of the row at `now` (ticks), or none. The kernel's slot puts this and its
    /// siblings behind a call, so that the verifier checks them once.
    ///
    /// # Errors
    /// Which limit refused.
    #[inline(always)]
    fn admit(&self, row: &Row, packet: &Packet, now: u64) -> Result<(), Refused>
    where
        Self: Sized,
    {
        charge::admit(row, self, packet, now)
    }

    /// Turns the buckets of a source whose limits have changed into buckets of the limits in force;
    /// see [`charge::rebase`].
    #[inline(always)]
    fn rebase<P: Policies>(&self, policy: &P, change: Change, now: u64)
    where
        Self: Sized,
    {
        charge::rebase(policy, self, change, now);
    }

    /// [`gcra::convert`].
    #[inline(always)]
    fn convert(ticks: u64, from: &Scale, to: &Scale, most: u64) -> u64 {
        gcra::convert(ticks, from, to, most)
    }

    /// Units that ticks bought, rounded down: [`gcra::convert`] to one tick a unit.
    #[inline(always)]
    fn units(ticks: u64, scale: &Scale) -> u64 {
        gcra::convert(ticks, scale, &Scale::ONE, ticks)
    }

    /// Takes back what [`Slot::admit`] charged.
    #[inline(always)]
    fn undo(&self, row: &Row, packet: &Packet)
    where
        Self: Sized,
    {
        charge::undo(row, self, packet, MAX_LIMITS);
    }
}
