//! Sources, and their packets.

use throttler_common::Packet;
use throttler_common::abi::Addr;
use throttler_common::parse::Kind;

/// An IPv4 packet of no particular kind.
pub(crate) fn packet(source: Addr) -> Packet {
    Packet {
        source,
        destination: Addr::default(),
        length: 100,
        port: 0,
        protocol: 0,
        kind: Kind::V4,
        flags: 0,
        reserved: 0,
    }
}
