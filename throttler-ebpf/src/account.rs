//! Counters and events.

use throttler_common::{
    Reason,
    abi::{Event, Stats},
};

use crate::{maps, verifier::opaque};

/// Counts a packet under its scope and reason. The counters are this CPU's own, and an XDP program
/// is not preempted by another on its CPU: plain adds lose nothing.
#[inline(always)]
pub(crate) fn count(scope: u8, reason: Reason, length: u32) {
    // Always true; kernels up to 6.1 at least do not see it.
    let index = opaque(reason as usize);
    if index < Reason::COUNT
        && let Some(counters) = maps::COUNTERS.get_ptr_mut(u32::from(scope))
    {
        // SAFETY: a per-CPU map value, ours alone until the program ends.
        let tally = unsafe { &mut (*counters).by_reason[index] };
        tally.packets += 1;
        tally.bytes += u64::from(length);
    }
}

/// Counts a slot taken for a new source.
#[inline(always)]
pub(crate) fn claimed() {
    with_stats(|stats| stats.claimed += 1);
}

/// Counts a ban.
#[inline(always)]
pub(crate) fn banned() {
    with_stats(|stats| stats.bans += 1);
}

/// Counts a packet that passed although its source found no room.
#[inline(always)]
pub(crate) fn newcomer() {
    with_stats(|stats| stats.newcomers += 1);
}

/// Counts a packet refused because a bucket or set was too contended.
#[inline(always)]
pub(crate) fn contended() {
    with_stats(|stats| stats.contended += 1);
}

/// Counts a class resolved through the trie.
#[inline(always)]
pub(crate) fn resolved() {
    with_stats(|stats| stats.resolved += 1);
}

/// Writes an event; a full ring is counted, never waited for.
#[inline(always)]
pub(crate) fn tell(event: Event) {
    // Written where it will be read, not copied there from the stack.
    match maps::EVENTS.reserve(0) {
        Some(mut entry) => {
            entry.write(event);
            entry.submit(0);
            with_stats(|stats| stats.events_sent += 1);
        }
        None => with_stats(|stats| stats.events_lost += 1),
    }
}

#[inline(always)]
fn with_stats(change: impl FnOnce(&mut Stats)) {
    if let Some(stats) = maps::STATS.get_ptr_mut(0) {
        // SAFETY: as in `count`.
        change(unsafe { &mut *stats });
    }
}
