//! Counters and events.

use throttler_common::{
    Reason, Refusal,
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

/// Counts a packet refused because a bucket was too contended.
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
pub(crate) fn tell(ifindex: u32, refusal: &Refusal) {
    let event = Event {
        at: refusal.now,
        source: refusal.source,
        refused: refusal.refused,
        refused_total: refusal.refused_total,
        retry_after: refusal.retry_after,
        generation: refusal.generation,
        ifindex,
        plan: refusal.plan,
        scope: refusal.scope,
        limit: refusal.limit,
        reason: refusal.reason as u8,
        family: refusal.family.number(),
        monitored: u8::from(refusal.monitored),
        reserved: 0,
    };
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
