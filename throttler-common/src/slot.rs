//! Per-source state, as the datapath uses it.

use crate::abi::{Addr, PolicyHead, Row, TableHead};
use crate::charge::{self, Refused};
use crate::class::Word;
use crate::clock::Clock;
use crate::global;
use crate::lookup::{self, Source, Who};
use crate::notice::Notice;
use crate::parse::Packet;
use crate::policy::Policies;
use crate::refuse::{self, Refusal};
use crate::table::{self, Newcomer, Place, Way, Words, answer};
use crate::{abuse, pressure};

/// The source table and what the datapath does to it. The kernel's implementation puts what has a
/// default here behind calls, so that the verifier checks each once.
pub trait Slots: Sized {
    /// Access to a set.
    type Words: Words + Copy;

    /// How the table is laid out; `None` where it is not there, which no loaded program sees.
    fn head(&self) -> Option<&TableHead>;
    /// A set.
    fn set(&self, index: u32) -> Option<Self::Words>;
    /// Tells the daemon, of the packet that is being decided.
    fn tell<C: Clock>(&self, head: &PolicyHead, packet: &Packet, clock: &C, notice: &Notice);

    /// Whether there is room for one more refusal to be told of now; `at` is in moments. What is not told of
    /// is told of later: the counts go on.
    #[inline(always)]
    fn may_tell(&self, at: u64) -> bool {
        let _ = at;
        true
    }

    /// Counts a packet that was refused because other CPUs held its bucket or took its way.
    #[inline(always)]
    fn count_contended(&self) {}

    /// [`lookup::meet`].
    #[inline(always)]
    fn meet<P: Policies, C: Clock>(
        &self,
        policy: &P,
        packet: &Packet,
        clock: &C,
        who: Who,
    ) -> Source {
        lookup::meet(policy, self, packet, clock, who)
    }

    /// [`table::search`].
    #[inline(always)]
    fn search(&self, place: &Place, addr: &Addr) -> u64 {
        match self.set(place.sets[0]) {
            Some(first) => table::search(&first, || self.set(place.sets[1]), place, addr),
            None => 0,
        }
    }

    /// [`table::claim`], as an [`answer`].
    #[inline(always)]
    fn claim(&self, place: &Place, newcomer: &Newcomer) -> u64 {
        match self.set(place.sets[0]) {
            Some(first) => answer::encode(table::claim(
                &first,
                || self.set(place.sets[1]),
                place,
                newcomer,
            )),
            None => 0,
        }
    }

    /// [`charge::check`].
    ///
    /// # Errors
    /// Which limit would refuse.
    #[inline(always)]
    fn check(
        &self,
        row: &Row,
        way: &Way<Self::Words>,
        packet: &Packet,
        at: u64,
    ) -> Result<(), Refused> {
        charge::check(row, way, packet, at).map(|_| ())
    }

    /// [`charge::admit`].
    ///
    /// # Errors
    /// Which limit refused.
    #[inline(always)]
    fn admit<C: Clock>(
        &self,
        row: &Row,
        way: &Way<Self::Words>,
        packet: &Packet,
        clock: &C,
    ) -> Result<(), Refused> {
        charge::admit(row, way, packet, clock)
    }

    /// [`charge::undo`] of everything that [`Slots::admit`] charged.
    #[inline(always)]
    fn undo(&self, row: &Row, way: &Way<Self::Words>, packet: &Packet) {
        charge::undo(row, way, packet, crate::abi::MAX_LIMITS);
    }

    /// [`charge::renew`].
    #[inline(always)]
    fn renew<P: Policies>(
        &self,
        policy: &P,
        way: &Way<Self::Words>,
        base: u32,
        word: Word,
        now: u64,
    ) -> bool {
        charge::renew(policy, way, base, word, now)
    }

    /// [`global::charge`].
    ///
    /// # Errors
    /// Which limit refused.
    #[inline(always)]
    fn charge_global<P: Policies, C: Clock>(
        &self,
        policy: &P,
        packet: &Packet,
        clock: &C,
        scope: u8,
        protected: bool,
    ) -> Result<global::Share, Refused> {
        global::charge(policy, self, packet, clock, scope, protected)
    }

    /// [`global::undo`].
    #[inline(always)]
    fn undo_global<P: Policies>(
        &self,
        policy: &P,
        packet: &Packet,
        scope: u8,
        share: global::Share,
    ) {
        global::undo(policy, self, packet, scope, share);
    }

    /// [`pressure::admit`].
    ///
    /// # Errors
    /// The packet is one too many for its prefix or for newcomers in all.
    #[inline(always)]
    fn admit_newcomer<P: Policies, C: Clock>(
        &self,
        policy: &P,
        packet: &Packet,
        clock: &C,
        scope: u8,
        parent: &Source,
    ) -> Result<(), Refused> {
        pressure::admit(policy, self, packet, clock, scope, parent)
    }

    /// [`refuse::refuse`].
    #[inline(always)]
    fn refuse<P: Policies, C: Clock>(
        &self,
        policy: &P,
        way: &Way<Self::Words>,
        packet: &Packet,
        clock: &C,
        refusal: &Refusal,
    ) -> bool {
        refuse::refuse(policy, self, way, packet, clock, refusal)
    }

    /// [`abuse::strike`]; the ban given, or 0.
    #[inline(always)]
    fn strike<P: Policies>(&self, policy: &P, way: &Way<Self::Words>, at: u64) -> u64 {
        abuse::strike(policy, way, at).0
    }

    /// [`abuse::widen`].
    #[inline(always)]
    fn widen<P: Policies, C: Clock>(&self, policy: &P, packet: &Packet, clock: &C, scope: u8) {
        abuse::widen(policy, self, packet, clock, scope);
    }
    /// [`abuse::is_prefix_banned`].
    #[inline(always)]
    fn is_prefix_banned<P: Policies, C: Clock>(
        &self,
        policy: &P,
        packet: &Packet,
        clock: &C,
        scope: u8,
    ) -> bool {
        abuse::is_prefix_banned(policy, self, packet, clock, scope)
    }

    /// [`pressure::refused`].
    #[inline(always)]
    fn refuse_newcomer(&self, packet: &Packet, at: u64) -> (u64, u64) {
        pressure::refused(self, packet, at)
    }
}
