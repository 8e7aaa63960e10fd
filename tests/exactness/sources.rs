//! Who sends, and what.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use throttler_lab::frames;

use crate::harness::Rng;
use crate::policy::Unit;

/// Sources of a policy.
pub(crate) const SOURCES: usize = 6;
const IPV4_SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5));
const IPV6_SERVER: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5));

/// Addresses that no other case of the same table has: each is alone in its /24 or /56.
pub(crate) fn addresses(case: u64) -> Vec<IpAddr> {
    let number = (case % 4_096) as u16;
    (0..SOURCES as u16)
        .map(|source| match source % 3 {
            2 => Ipv6Addr::new(0x2001, 0xdb8, 0x1000 + number, source << 8, 0, 0, 0, 7).into(),
            _ => {
                let bits = 10 << 24 | u32::from(number) << 11 | u32::from(source) << 8 | 7;
                Ipv4Addr::from_bits(bits).into()
            }
        })
        .collect()
}

/// A packet, and what it is to a limiter.
pub(crate) struct Packet {
    pub(crate) source: usize,
    /// Index of the scope that it is sent to.
    pub(crate) scope: usize,
    /// L3 length.
    pub(crate) bytes: u64,
    /// Opens a TCP connection.
    pub(crate) syn: bool,
    pub(crate) frame: Vec<u8>,
}

impl Packet {
    /// Any packet; `most` is the largest payload.
    pub(crate) fn draw(
        rng: &mut Rng,
        (source, address): (usize, IpAddr),
        (scope, port): (usize, u16),
        most: u64,
    ) -> Self {
        let server = if address.is_ipv4() {
            IPV4_SERVER
        } else {
            IPV6_SERVER
        };
        let header = if address.is_ipv4() { 20 } else { 40 };
        let packet = |bytes, syn, frame| Self {
            source,
            scope,
            bytes: header + bytes,
            syn,
            frame,
        };
        match rng.below(8) {
            0 | 1 => packet(20, true, frames::tcp_syn(address, server, 40_000, port)),
            2 => packet(20, false, frames::tcp_ack(address, server, 40_000, port)),
            _ => {
                let payload = rng.below(most + 1);
                let frame = frames::udp(address, server, 40_000, port, payload as usize);
                packet(8 + payload, false, frame)
            }
        }
    }

    /// Units that a limit charges for it; 0: it does not.
    pub(crate) fn units(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Packets => 1,
            Unit::Bytes => self.bytes,
            Unit::Connections => u64::from(self.syn),
        }
    }
}
