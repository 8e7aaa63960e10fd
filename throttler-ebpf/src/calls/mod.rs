//! Functions with global linkage. The verifier checks each once, for any arguments, instead of once
//! for every way that leads to it: that keeps the program far below its limit of a million steps.
//! It takes pointer arguments for possibly null, and wants that case handled.

mod judge;
mod limits;
mod refusals;
mod shared;
mod sources;

pub(crate) use self::{
    judge::{throttler_judge, throttler_trace},
    limits::{
        throttler_admit, throttler_check, throttler_convert, throttler_renew, throttler_undo,
    },
    refusals::{
        throttler_prefix_banned, throttler_refuse, throttler_strike, throttler_tell,
        throttler_widen,
    },
    shared::{throttler_global, throttler_newcomer, throttler_undo_global},
    sources::{ABSENT, PARENT, throttler_claim, throttler_meet, throttler_search},
};

use throttler_common::charge::{Refused, encode};

/// The answer where an argument is null, which the verifier wants handled and no caller passes.
const UNREACHABLE: u64 = encode(Err(Refused::CONTENDED));
