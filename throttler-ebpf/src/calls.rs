//! Functions with global linkage. The verifier checks each once, for any arguments, instead of once
//! for every way that leads to it: that keeps the program far below its limit of a million steps.
//! It takes pointer arguments for possibly null, and wants that case handled.

use aya_log_ebpf::trace;
use throttler_common::{
    Clock as _, Notice, Reason,
    abi::{Addr, Event, MAX_LIMITS, NO_LIMIT, Row, Scale, Set},
    abuse,
    charge::{self, Refused, encode},
    class::Word,
    decide::{self, Met},
    gcra,
    global::{self, Share},
    lookup::{self, Who},
    notice::Kind,
    pressure,
    refuse::{self, Refusal},
    swift::Swift,
    table::{self, Newcomer, Place, Unavailable, Way, answer},
};

use crate::{
    account, arrival::Arrival, maps, policy::KernelPolicy, slots::KernelSlots, words::KernelWords,
};

const UNREACHABLE: u64 = encode(Err(Refused::CONTENDED));

/// [`decide::judge`], as a [`Swift`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_judge(arrival: *const Arrival, scope: u32) -> u32 {
    // SAFETY: the callers pass this CPU's arrival.
    let Some(arrival) = (unsafe { arrival.as_ref() }) else {
        return u32::MAX;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let slots = KernelSlots(arrival);
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    let met = Met {
        source: arrival.source.get(),
        parent: arrival.parent.get(),
        layer: arrival.layer.get(),
    };
    Swift::new(decide::judge(
        packet,
        scope as u8,
        &met,
        clock,
        &policy,
        &slots,
    ))
    .0
}

/// Writes an event. `flags` is kind, reason, scope, limit (8 bits each), plan (16), monitored; `counts`
/// are refusals and bans (32 bits each).
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_tell(
    arrival: *const Arrival,
    flags: u64,
    counts: u64,
    refused_total: u64,
    retry_after: u64,
) -> u32 {
    // SAFETY: as in `throttler_judge`.
    let Some(arrival) = (unsafe { arrival.as_ref() }) else {
        return 0;
    };
    let Some(head) = KernelPolicy::of_bank(arrival.bank.get()).into_head() else {
        return 0;
    };
    let kind = match flags as u8 {
        1 => Kind::Ban,
        2 => Kind::Unban,
        3 => Kind::WiderBan,
        4 => Kind::WiderUnban,
        5 => Kind::Pressure,
        _ => Kind::Refusal,
    };
    let source = Notice::new(kind, 0, 0).source(head, &arrival.packet);
    account::tell(Event {
        at: arrival.clock.exact(),
        source,
        refused: counts as u32,
        bans: (counts >> 32) as u32,
        refused_total,
        retry_after,
        generation: head.generation,
        ifindex: arrival.ifindex,
        plan: (flags >> 32) as u16,
        scope: (flags >> 16) as u8,
        limit: (flags >> 24) as u8,
        reason: (flags >> 8) as u8,
        family: arrival.packet.family().number(),
        monitored: (flags >> 48) as u8,
        kind: kind as u8,
    });
    0
}

/// A line a packet, for whoever debugs the datapath: `throttler -vv run`. The stack it needs is no one
/// else's.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_trace(decision: u32, length: u32) -> u32 {
    trace!(
        (),
        "reason {} scope {} limit {}, {} bytes",
        decision as u8,
        (decision >> 8) as u8,
        (decision >> 16) as u8,
        length
    );
    0
}

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

/// [`charge::check`], encoded.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_check(
    row: *const Row,
    set: *mut Set,
    arrival: *const Arrival,
    handle: u64,
    at: u64,
) -> u64 {
    // SAFETY: the callers pass a row and a set that are map values, and the arrival of their caller.
    let arguments = unsafe { (row.as_ref(), KernelWords::from_ptr(set), arrival.as_ref()) };
    let (Some(row), Some(words), Some(arrival)) = arguments else {
        return UNREACHABLE;
    };
    let checked = charge::check(row, &Way { words, handle }, &arrival.packet, at);
    encode(checked.map(|_| ()))
}

/// [`charge::admit`], encoded; counts attempts that ran out.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_admit(
    row: *const Row,
    set: *mut Set,
    arrival: *const Arrival,
    handle: u64,
) -> u64 {
    // SAFETY: as in `throttler_check`.
    let arguments = unsafe { (row.as_ref(), KernelWords::from_ptr(set), arrival.as_ref()) };
    let (Some(row), Some(words), Some(arrival)) = arguments else {
        return UNREACHABLE;
    };
    let way = Way { words, handle };
    let result = charge::admit(row, &way, &arrival.packet, &arrival.clock);
    if matches!(
        result,
        Err(Refused {
            limit: NO_LIMIT,
            ..
        })
    ) {
        account::contended();
    }
    encode(result)
}

/// [`charge::undo`] of all limits.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_undo(
    row: *const Row,
    set: *mut Set,
    arrival: *const Arrival,
    handle: u64,
) -> u32 {
    // SAFETY: as in `throttler_check`.
    let arguments = unsafe { (row.as_ref(), KernelWords::from_ptr(set), arrival.as_ref()) };
    if let (Some(row), Some(words), Some(arrival)) = arguments {
        charge::undo(row, &Way { words, handle }, &arrival.packet, MAX_LIMITS);
    }
    0
}

/// [`charge::renew`]; 1 where it is done.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_renew(
    set: *mut Set,
    arrival: *const Arrival,
    handle: u64,
    base: u32,
    class: u64,
) -> u32 {
    // SAFETY: as in `throttler_check`.
    let arguments = unsafe { (KernelWords::from_ptr(set), arrival.as_ref()) };
    let (Some(words), Some(arrival)) = arguments else {
        return 0;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let now = gcra::ticks(arrival.clock.coarse());
    let way = Way { words, handle };
    let done = charge::renew(&policy, &way, base, Word(class), now);
    if !done {
        account::contended();
    }
    u32::from(done)
}

/// [`gcra::convert`]; null stands for [`Scale::ONE`], since the verifier refuses a pointer to a constant.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_convert(
    ticks: u64,
    from: *const Scale,
    to: *const Scale,
    most: u64,
) -> u64 {
    // SAFETY: the callers pass scales of map values, or statics.
    let (from, to) = unsafe { (from.as_ref(), to.as_ref()) };
    gcra::convert(
        ticks,
        from.unwrap_or(&Scale::ONE),
        to.unwrap_or(&Scale::ONE),
        most,
    )
}

/// [`global::charge`], encoded.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_global(
    arrival: *const Arrival,
    scope: u32,
    protected: u32,
) -> u64 {
    // SAFETY: as in `throttler_judge`.
    let Some(arrival) = (unsafe { arrival.as_ref() }) else {
        return UNREACHABLE;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let slots = KernelSlots(arrival);
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    global::encode(global::charge(
        &policy,
        &slots,
        packet,
        clock,
        scope as u8,
        protected != 0,
    ))
}

/// [`global::undo`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_undo_global(
    arrival: *const Arrival,
    scope: u32,
    share: u32,
) -> u32 {
    // SAFETY: as in `throttler_judge`.
    if let Some(arrival) = unsafe { arrival.as_ref() } {
        let policy = KernelPolicy::of_bank(arrival.bank.get());
        let share = if share == 0 {
            Share::Common
        } else {
            Share::Reserved
        };
        let slots = KernelSlots(arrival);
        global::undo(&policy, &slots, &arrival.packet, scope as u8, share);
    }
    0
}

/// [`pressure::admit`], encoded; counts newcomers that pass.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_newcomer(arrival: *const Arrival, scope: u32) -> u64 {
    // SAFETY: as in `throttler_judge`.
    let Some(arrival) = (unsafe { arrival.as_ref() }) else {
        return UNREACHABLE;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let slots = KernelSlots(arrival);
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    let parent = arrival.parent.get();
    let result = pressure::admit(&policy, &slots, packet, clock, scope as u8, &parent);
    if result.is_ok() {
        account::newcomer();
    }
    encode(result)
}

/// [`refuse::refuse`]; 1 where the prefix is to be asked after. `flags` is reason, monitored, scope, limit (8 bits each), plan (16).
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_refuse(
    set: *mut Set,
    arrival: *const Arrival,
    handle: u64,
    flags: u64,
    wait: u64,
) -> u32 {
    // SAFETY: as in `throttler_check`.
    let arguments = unsafe { (KernelWords::from_ptr(set), arrival.as_ref()) };
    let (Some(words), Some(arrival)) = arguments else {
        return 0;
    };
    let why = match flags as u8 {
        7 => Reason::GlobalLimit,
        8 => Reason::Blocked,
        11 => Reason::TableFull,
        _ => Reason::OverLimit,
    };
    let refusal = Refusal {
        why,
        monitored: flags >> 8 & 1 != 0,
        scope: (flags >> 16) as u8,
        plan: (flags >> 32) as u16,
        refused: Refused {
            limit: (flags >> 24) as u8,
            wait,
        },
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let slots = KernelSlots(arrival);
    let way = Way { words, handle };
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    let widen = refuse::refuse(&policy, &slots, &way, packet, clock, &refusal);
    u32::from(widen)
}

/// [`abuse::strike`]: the ban given, or 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_strike(
    set: *mut Set,
    arrival: *const Arrival,
    handle: u64,
    at: u64,
) -> u64 {
    // SAFETY: as in `throttler_check`.
    let arguments = unsafe { (KernelWords::from_ptr(set), arrival.as_ref()) };
    let (Some(words), Some(arrival)) = arguments else {
        return 0;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let given = abuse::strike(&policy, &Way { words, handle }, at).0;
    if given != 0 {
        account::banned();
    }
    given
}

/// [`abuse::widen`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_widen(arrival: *const Arrival, scope: u32) -> u32 {
    // SAFETY: as in `throttler_judge`.
    if let Some(arrival) = unsafe { arrival.as_ref() } {
        let policy = KernelPolicy::of_bank(arrival.bank.get());
        let slots = KernelSlots(arrival);
        abuse::widen(
            &policy,
            &slots,
            &arrival.packet,
            &arrival.clock,
            scope as u8,
        );
    }
    0
}

/// [`abuse::is_prefix_banned`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_prefix_banned(arrival: *const Arrival, scope: u32) -> u32 {
    // SAFETY: as in `throttler_judge`.
    let Some(arrival) = (unsafe { arrival.as_ref() }) else {
        return 0;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let slots = KernelSlots(arrival);
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    u32::from(abuse::is_prefix_banned(
        &policy,
        &slots,
        packet,
        clock,
        scope as u8,
    ))
}
