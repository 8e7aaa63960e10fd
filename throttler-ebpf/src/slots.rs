//! The source table of the kernel. What the core would inline here lies behind [`crate::calls`].

use throttler_common::{
    Clock, Notice, Packet, Policies, Slots,
    abi::{Addr, PolicyHead, Row, TableHead},
    ban::{SECOND, Strikes, moment},
    charge::{self, Refused},
    class::Word,
    global::{self, Share},
    lookup::{Source, Who},
    pressure,
    refuse::Refusal,
    table::{Newcomer, Place, Way},
};

use crate::{account, arrival::Arrival, calls, maps, words::KernelWords};

/// Events that a CPU writes in a second before refusals wait for the next one: a hundred thousand sources
/// over their limits must cost their packets, not a hundred thousand lines of a log.
const EVENTS_A_SECOND: u64 = 4_096;

/// The table, as one packet uses it. The packet and the clock that the core hands to its functions are
/// the arrival's: handing on the arrival keeps them to five arguments.
pub(crate) struct KernelSlots<'a>(pub(crate) &'a Arrival);

impl Slots for KernelSlots<'_> {
    type Words = KernelWords;

    #[inline(always)]
    fn head(&self) -> Option<&TableHead> {
        maps::TABLE.get(0)
    }

    #[inline(always)]
    fn set(&self, index: u32) -> Option<KernelWords> {
        let set = maps::SOURCES.get_ptr_mut(index)?;
        // SAFETY: a value of the map.
        unsafe { KernelWords::from_ptr(set) }
    }

    #[inline(always)]
    fn tell<C: Clock>(&self, _: &PolicyHead, _: &Packet, _: &C, notice: &Notice) {
        let flags = u64::from(notice.kind as u8)
            | u64::from(notice.reason as u8) << 8
            | u64::from(notice.scope) << 16
            | u64::from(notice.limit) << 24
            | u64::from(notice.plan) << 32
            | u64::from(notice.monitored) << 48;
        let told = Strikes(self.0.told.get()).and_one(moment(self.0.clock.coarse()), SECOND);
        self.0.told.set(told.0);
        calls::throttler_tell(
            self.0,
            flags,
            notice.refused | notice.bans << 32,
            notice.refused_total,
            notice.retry_after,
        );
    }

    #[inline(always)]
    fn may_tell(&self, at: u64) -> bool {
        let told = Strikes(self.0.told.get());
        told.count() < EVENTS_A_SECOND || at >= told.since() + SECOND
    }

    #[inline(always)]
    fn count_contended(&self) {
        account::contended();
    }

    #[inline(always)]
    fn meet<P: Policies, C: Clock>(&self, _: &P, _: &Packet, _: &C, who: Who) -> Source {
        calls::throttler_meet(
            self.0,
            u32::from(who.scope),
            u32::from(who.parent) | u32::from(who.absent) << 1,
            who.class.0,
        );
        self.0.met.get()
    }

    #[inline(always)]
    fn search(&self, place: &Place, addr: &Addr) -> u64 {
        calls::throttler_search(place.sets[0], place.sets[1], place.wanted, addr)
    }

    #[inline(always)]
    fn claim(&self, place: &Place, newcomer: &Newcomer) -> u64 {
        calls::throttler_claim(
            u64::from(place.sets[0]) | u64::from(place.sets[1]) << 32,
            place.wanted,
            &newcomer.addr,
            newcomer.class.0,
            newcomer.now,
        )
    }

    #[inline(always)]
    fn check(&self, row: &Row, way: &Way<KernelWords>, _: &Packet, at: u64) -> Result<(), Refused> {
        charge::decode(calls::throttler_check(
            row,
            way.words.as_ptr(),
            self.0,
            way.handle,
            at,
        ))
    }

    #[inline(always)]
    fn admit<C: Clock>(
        &self,
        row: &Row,
        way: &Way<KernelWords>,
        _: &Packet,
        _: &C,
    ) -> Result<(), Refused> {
        charge::decode(calls::throttler_admit(
            row,
            way.words.as_ptr(),
            self.0,
            way.handle,
        ))
    }

    #[inline(always)]
    fn undo(&self, row: &Row, way: &Way<KernelWords>, _: &Packet) {
        calls::throttler_undo(row, way.words.as_ptr(), self.0, way.handle);
    }

    #[inline(always)]
    fn renew<P: Policies>(
        &self,
        _: &P,
        way: &Way<KernelWords>,
        base: u32,
        word: Word,
        _: u64,
    ) -> bool {
        calls::throttler_renew(way.words.as_ptr(), self.0, way.handle, base, word.0) != 0
    }

    #[inline(always)]
    fn charge_global<P: Policies, C: Clock>(
        &self,
        _: &P,
        _: &Packet,
        _: &C,
        scope: u8,
        protected: bool,
    ) -> Result<Share, Refused> {
        let protected = u32::from(protected);
        global::decode(calls::throttler_global(self.0, u32::from(scope), protected))
    }

    #[inline(always)]
    fn undo_global<P: Policies>(&self, _: &P, _: &Packet, scope: u8, share: Share) {
        calls::throttler_undo_global(self.0, u32::from(scope), share as u32);
    }

    #[inline(always)]
    fn admit_newcomer<P: Policies, C: Clock>(
        &self,
        _: &P,
        _: &Packet,
        _: &C,
        scope: u8,
        _: &Source,
    ) -> Result<(), Refused> {
        charge::decode(calls::throttler_newcomer(self.0, u32::from(scope)))
    }

    #[inline(always)]
    fn refuse_newcomer(&self, packet: &Packet, at: u64) -> (u64, u64) {
        pressure::refused(self, packet, at)
    }

    #[inline(always)]
    fn refuse<P: Policies, C: Clock>(
        &self,
        _: &P,
        way: &Way<KernelWords>,
        _: &Packet,
        _: &C,
        refusal: &Refusal,
    ) -> bool {
        let flags = u64::from(refusal.why as u8)
            | u64::from(refusal.monitored) << 8
            | u64::from(refusal.scope) << 16
            | u64::from(refusal.refused.limit) << 24
            | u64::from(refusal.plan) << 32;
        calls::throttler_refuse(
            way.words.as_ptr(),
            self.0,
            way.handle,
            flags,
            refusal.refused.wait,
        ) != 0
    }

    #[inline(always)]
    fn strike<P: Policies>(&self, _: &P, way: &Way<KernelWords>, at: u64) -> u64 {
        calls::throttler_strike(way.words.as_ptr(), self.0, way.handle, at)
    }

    #[inline(always)]
    fn widen<P: Policies, C: Clock>(&self, _: &P, _: &Packet, _: &C, scope: u8) {
        calls::throttler_widen(self.0, u32::from(scope));
    }

    #[inline(always)]
    fn is_prefix_banned<P: Policies, C: Clock>(&self, _: &P, _: &Packet, _: &C, scope: u8) -> bool {
        calls::throttler_prefix_banned(self.0, u32::from(scope)) != 0
    }
}
