//! Exactness, on random policies, arrivals and reloads, and on two CPUs at full speed.
//!
//! One CPU: every policy is drawn, written as text, put in force in the kernel, and held packet by packet against a
//! reference that shares no line with the datapath ([`reference`], [`bucket`]): token buckets whose level is an exact
//! fraction. It answers with what may become of a packet. That is one thing, but where the documented rounding of a rate
//! (up to whole ticks of 1/64 ns; for bytes less than 2^-16 and a tick a packet) can have delayed a packet: then the
//! refusal is right as well, and is counted as such. What the exact fraction refuses must be refused, always: over-admission
//! is zero, without any tolerance. What was admitted is then held against the bound itself ([`interval`]): at most burst +
//! rate * dt over every interval.
//!
//! Two CPUs ([`contended`], [`live`]): at most as much, and less than 0.1 % below it.
//!
//! `THROTTLER_POLICIES` and `THROTTLER_ARRIVALS` (of each policy) say how many, `THROTTLER_SEED` which,
//! `THROTTLER_PACKETS` how many packets two CPUs send.

#[expect(dead_code, unused_imports, reason = "the datapath tests use the rest")]
#[path = "../harness/mod.rs"]
mod harness;
#[path = "../harness/setting.rs"]
mod setting;

mod arrivals;
mod bucket;
mod conduct;
mod contended;
mod cpus;
mod draw;
mod interval;
mod live;
mod one_cpu;
mod policy;
mod rational;
mod reference;
mod sources;

use setting::setting;

fn seed() -> u64 {
    setting("THROTTLER_SEED", 0x6578_6163_746c_7900)
}

fn policies() -> u64 {
    setting("THROTTLER_POLICIES", 48)
}

fn arrivals() -> u64 {
    setting("THROTTLER_ARRIVALS", 2_000)
}
