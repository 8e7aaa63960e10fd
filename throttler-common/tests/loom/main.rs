//! The protocol of the source table under every interleaving of two and three CPUs, as the memory model
//! of the language allows them (<https://docs.rs/loom>). [`throttler_common::table`] says what it is.
//!
//! Small sets: only the ways in play are modelled, the others are sources that keep theirs. The sources
//! of a scenario have the same tag and scope, so that nothing but address and version tells them apart.
//! Each scenario ends with [`valid::is_valid`].
//!
//! Every path that swaps, adds or locks, and where it is tried. Without a number all orders are tried; with one,
//! those of so many changes from one CPU to another (`THROTTLER_CHANGES` adds to it).
//!
//! | path | two CPUs | three CPUs |
//! |---|---|---|
//! | charge (`admit`, `admit_lone`: swap, header again) against charges | charges: `two_cpus_use_up..` | `three_cpus_use_up..` 3 |
//! | charge against claim | charges: `a_found_..`, `a_new_..` 3 | `a_charge_and_two_claims..`, `two_charges_and_a_claim..` 3 |
//! | undo of a charge | undoing: `two_cpus_take_back..`, `nothing_is_..` | `three_cpus_take_back..` 3, `..amid_a_charge_and_a_claim` 2 |
//! | claim of a free way, by one source and several | claims: `two_cpus_..`, `two_sources_..` | `three_cpus_..`, `three_sources_..` 2 |
//! | replace: claim of another's way, given back where it was charged | claims: `two_newcomers_..` | `three_newcomers_..` 2 |
//! | second set, and its mark | claims, second_set | `three_cpus_.._second_set`, `..three_first_sets..` 2 |
//! | re-resolve: class of the same generation | renewals: `two_cpus_resolve..` | `three_cpus_resolve..` 3 |
//! | renew: buckets, then class | renewals: `two_cpus_convert..` and others | `three_cpus_..` 2, `a_renewal_amid..` 2 |
//! | strikes (swap) and the ban that the last one gives | bans: `every_refusal..`, `the_refusal_..`, `two_cpus_..` | the same with three, 2 to 3 |
//! | ban renewed | bans: `a_ban_is_renewed_once` | the same, 2 |
//! | ban against claims | bans: `a_ban_never_lands..` | `a_ban_keeps_the_way..` 2 |
//! | ban's end told of (swap), also against a new ban | bans: `an_end_..` | the same, 3 |
//! | ban lifted from outside (swap), also against a new ban and a claim | bans: `a_ban_is_lifted..`, `what_is_lifted_..` | the same, 3 |
//! | event (swap) and counters (add) | bans: `an_event_..`; charges | the same, 3; `three_cpus_count..` 3 |
//! | wider ban and the family's mark | whole: `two_cpus_ban_a_prefix..` 3 | `three_cpus_ban_a_prefix..` 2 |
//! | global: charge, taken back, reserve, renewal | globals | globals 2 to 3 |
//! | pressure: prefix and all newcomers | globals: `two_cpus_admit_no_newcomer..` 4 | `three_cpus_..` 2 |
//! | layer, and global with a source's own limits (whole packets) | whole 2 | whole 1 |
//! | lock: got, given up, guarded | locking | locking 3 |
//! | header marked as seen (swap) beside the lock | locking: `marking_..` | `marking_..amid_a_claim..` 3 |
//! | find, and record from outside, against claims | reads: `a_record_..`; others 3 | `two_readers_..` 2 |
mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
}
mod bans;
mod charges;
mod claims;
mod globals;
mod locking;
#[expect(dead_code, reason = "shared with tests/shuttle")]
#[path = "../support/policy.rs"]
mod policy;
mod reads;
mod renewals;
#[path = "../support/seat.rs"]
mod seat;
mod second_set;
#[expect(dead_code, reason = "shared with tests/shuttle")]
#[path = "../support/set.rs"]
mod set;
#[path = "../../../tests/harness/setting.rs"]
mod setting;
#[path = "../support/source.rs"]
mod source;
mod undoing;
#[path = "../support/valid.rs"]
mod valid;
mod whole;
mod world;
#[expect(dead_code, reason = "shared with tests/shuttle")]
#[path = "../support/world.rs"]
mod worlds;

/// Monotonic nanoseconds of most that happens.
pub(crate) const NOW: u64 = 1_000_000_000_000;
/// Enough to fail, and to succeed after a failure; each more is a round of the same.
pub(crate) const SPINS: usize = 2;
