//! Throttler's decision core and map ABI.
//!
//! [`decide`] is one pure step, parse -> classify -> limit -> verdict. It has no clock, no map and no
//! I/O inside: the XDP program runs it over BPF maps, the host runs the same code over memory in
//! tests, in the differential check and in `throttler explain`. The seams are small traits: [`Frame`]
//! (packet access), [`Clock`], [`Policies`] (one published generation), and [`Slots`] over
//! [`table::Words`] (per-source state).
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod abi;
pub mod abuse;
pub mod ban;
pub mod charge;
pub mod class;
mod clock;
pub mod decide;
pub mod gcra;
pub mod global;
pub mod lookup;
pub mod notice;
pub mod parse;
mod policy;
pub mod pressure;
mod reason;
pub mod refuse;
mod resolve;
pub mod scope;
mod slot;
pub mod swift;
pub mod table;

pub use clock::Clock;
pub use decide::{Decision, decide, decide_packet};
pub use notice::Notice;
pub use parse::{Family, Frame, Packet};
pub use policy::Policies;
pub use reason::{Reason, Verdict};
pub use slot::Slots;
