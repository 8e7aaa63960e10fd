//! Two CPUs at the same time, and what they send.

use std::net::{IpAddr, Ipv4Addr};

use throttler_common::Reason;
use throttler_common::abi::{Addr, region};
use throttler_common::table::Place;
use throttler_lab::frames;

use crate::harness::{self, Program};

/// L3 length of what [`from`] sends.
pub(crate) const BYTES: u64 = 38;

/// Runs `work` on two threads at the same time, each kept on a CPU of its own.
pub(crate) fn on_two_cpus(work: impl Fn(usize) + Sync) {
    harness::on_two_cpus(true, work);
}

/// Source `number`.
pub(crate) fn source(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(10 << 24 | number).into()
}

/// A datagram of a source.
pub(crate) fn from(source: IpAddr) -> Vec<u8> {
    let server = Ipv4Addr::new(203, 0, 113, 5).into();
    frames::udp(source, server, 40_000, 53, 10)
}

/// As many sources as one set of the table has room for, all in one set.
pub(crate) fn of_one_set(program: &Program) -> Vec<IpAddr> {
    let head = &program.tables().sources.head;
    let region = &head.regions[region::SOURCES];
    let set = |number: &u32| {
        let addr = Addr::from_v4((10 << 24 | number).to_be_bytes());
        Place::of(head, region, &addr, 0).sets[0]
    };
    let first = set(&0);
    let sharing = (0..).filter(|number| set(number) == first).map(source);
    sharing.take(throttler_common::abi::WAYS).collect()
}

/// Packets that ended in a reason, over all scopes.
pub(crate) fn count(program: &Program, reason: Reason) -> u64 {
    let counters = program.counters();
    let of_reason = counters.iter().filter(|((_, why), _)| *why == reason);
    of_reason.map(|(_, (packets, _))| packets).sum()
}

/// Not one more than `most`, and less than 0.1 % below it.
pub(crate) fn is_exact(what: &str, admitted: u64, most: u64) {
    println!("{what}: {admitted} of {most} admitted");
    assert!(
        admitted <= most,
        "{what}: {admitted} admitted, {most} allowed"
    );
    assert!(
        (most - admitted) * 1_000 < most,
        "{what}: {admitted} admitted, {most} possible"
    );
}
