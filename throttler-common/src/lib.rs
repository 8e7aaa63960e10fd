//! Throttler's decision core and map ABI.
//!
//! [`decide`] is one pure step, parse -> classify -> limit -> verdict. It has no clock, no map and no
//! I/O inside: the XDP program runs it over BPF maps, the host runs the same code over memory in
//! tests, in the differential check and in `throttler explain`. The seams are four small traits:
//! [`Frame`] (packet access), [`Policies`] (one published generation), [`Slots`] and [`Slot`]
//! (per-source state).
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod abi;
pub mod charge;
pub mod class;
mod decide;
pub mod gcra;
pub mod parse;
mod policy;
mod reason;
pub mod scope;
mod slot;

pub use decide::{Decision, Refusal, decide, decide_packet};
pub use parse::{Family, Frame, Packet};
pub use policy::Policies;
pub use reason::{Reason, Verdict};
pub use slot::{Slot, Slots};
