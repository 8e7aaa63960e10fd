//! Sources in the table: met, searched, given a place.

use throttler_common::{
    abi::Addr,
    class::Word,
    lookup::{self, Who},
    table::{self, Newcomer, Place, Unavailable, answer},
};

use crate::{
    account, arrival::Arrival, maps, policy::KernelPolicy, slots::KernelSlots, words::KernelWords,
};

/// Flags of [`throttler_meet`]: [`Who::parent`], [`Who::absent`].
pub(crate) const PARENT: u32 = 1;
pub(crate) const ABSENT: u32 = 2;

/// [`lookup::meet`]; what is found is left in the arrival.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_meet(
    arrival: *const Arrival,
    scope: u32,
    flags: u32,
    class: u64,
) -> u32 {
    // SAFETY: as in `throttler_judge`.
    let Some(arrival) = (unsafe { arrival.as_ref() }) else {
        return 0;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let slots = KernelSlots(arrival);
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    let who = Who {
        scope: scope as u8,
        parent: flags & PARENT != 0,
        class: Word(class),
        absent: flags & ABSENT != 0,
    };
    let met = lookup::meet(&policy, &slots, packet, clock, who);
    arrival.met.set(met);
    0
}

/// [`table::search`], for a source that is not at home.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_search(
    first: u32,
    second: u32,
    wanted: u64,
    addr: *const Addr,
) -> u64 {
    // SAFETY: the callers pass an address on their stack.
    let Some(addr) = (unsafe { addr.as_ref() }) else {
        return 0;
    };
    let place = Place {
        sets: [first, second],
        wanted,
    };
    match set(first) {
        Some(words) => table::search(&words, || set(second), &place, addr),
        None => 0,
    }
}

/// [`table::claim`], as an [`answer`]; the second set's index is the upper half of `sets`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_claim(
    sets: u64,
    wanted: u64,
    addr: *const Addr,
    class: u64,
    now: u64,
) -> u64 {
    // SAFETY: as in `throttler_search`.
    let Some(addr) = (unsafe { addr.as_ref() }) else {
        return 0;
    };
    let place = Place {
        sets: [sets as u32, (sets >> 32) as u32],
        wanted,
    };
    let newcomer = Newcomer {
        addr: *addr,
        class: Word(class),
        now,
    };
    let Some(first) = set(place.sets[0]) else {
        return 0;
    };
    let claimed = table::claim(&first, || set(place.sets[1]), &place, &newcomer);
    match claimed {
        Ok(_) => account::claimed(),
        Err(Unavailable::Busy) => account::contended(),
        Err(Unavailable::Full) => {}
    }
    answer::encode(claimed)
}

#[inline(always)]
fn set(index: u32) -> Option<KernelWords> {
    let set = maps::SOURCES.get_ptr_mut(index)?;
    // SAFETY: a value of the map.
    unsafe { KernelWords::from_ptr(set) }
}
