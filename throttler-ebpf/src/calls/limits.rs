//! A source's own limits: checked, charged, taken back, renewed.

use throttler_common::{
    Clock as _,
    abi::{MAX_LIMITS, NO_LIMIT, Row, Scale, Set},
    charge::{self, Refused, encode},
    class::Word,
    gcra,
    table::Way,
};

use crate::{
    account, arrival::Arrival, calls::UNREACHABLE, policy::KernelPolicy, words::KernelWords,
};

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
