//! The protocol of the source table under every interleaving of two and three CPUs, as the memory model
//! of the language allows them (<https://docs.rs/loom>). [`throttler_common::table`] says what it is.
//!
//! Small sets: only the ways in play are modelled, the others are sources that keep theirs. The sources
//! of a scenario have the same tag and scope, so that nothing but address and version tells them apart.

mod bans;
mod charges;
mod claims;
mod locking;
#[path = "../support/policy.rs"]
mod policy;
mod reads;
mod renewals;
mod second_set;
mod set;
#[path = "../support/source.rs"]
mod source;
mod undoing;
mod world;
