//! Frames and addresses that the tests share.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use throttler_common::Verdict;
use throttler_lab::frames;

use crate::harness::Program;

/// The protected host.
pub(crate) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5));
/// The same for IPv6.
pub(crate) const SERVER6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5));

/// An address from its text.
pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The server of an address's family.
pub(crate) fn server_of(source: IpAddr) -> IpAddr {
    if source.is_ipv4() { SERVER } else { SERVER6 }
}

/// A UDP datagram to the server with `payload` bytes; its L3 length is 28 (IPv6: 48) more.
pub(crate) fn udp(source: IpAddr, port: u16, payload: usize) -> Vec<u8> {
    frames::udp(source, server_of(source), 40_000, port, payload)
}

/// A SYN to the server.
pub(crate) fn syn(source: IpAddr, port: u16) -> Vec<u8> {
    frames::tcp_syn(source, server_of(source), 40_000, port)
}

/// An ACK to the server.
pub(crate) fn ack(source: IpAddr, port: u16) -> Vec<u8> {
    frames::tcp_ack(source, server_of(source), 40_000, port)
}

/// How many of `sent` copies of a frame pass at `now`.
pub(crate) fn passing(program: &Program, now: u64, frame: &[u8], sent: usize) -> usize {
    (0..sent)
        .filter(|_| program.run(now, frame).reason.verdict() == Verdict::Pass)
        .count()
}
