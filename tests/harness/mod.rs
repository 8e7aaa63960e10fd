//! The XDP program in the kernel, driven frame by frame at chosen times through `BPF_PROG_TEST_RUN`.
//!
//! `throttler_at` takes the time from its input and answers with the whole decision, so that a test says what the time
//! is, and sees which scope and which limit decided.

mod buffers;
mod counters;
mod cpus;
mod pins;
mod program;
mod rng;

pub(crate) use buffers::{REACH, can_split};
pub(crate) use counters::{Counters, moved};
pub(crate) use cpus::on_two_cpus;
pub(crate) use program::{Answer, Program, wall};
pub(crate) use rng::Rng;

/// A second in nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;
/// A minute in nanoseconds.
pub(crate) const MINUTE: u64 = 60 * SECOND;
/// The monotonic time at which tests begin. Late enough that a day's bucket can be empty, which 0 would not be.
pub(crate) const START: u64 = 200_000 * SECOND;
