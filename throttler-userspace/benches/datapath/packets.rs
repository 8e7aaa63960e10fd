//! The frames that cases send; the driver puts the source in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use throttler_lab::frames::{self, odd};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Packet {
    Udp,
    Icmp,
    /// Not the first one: the ports are not in it.
    Fragment,
    /// Its IP header is cut off.
    Malformed,
}

pub(crate) const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const DESTINATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1);
const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2);

impl Packet {
    pub(crate) fn frame(self, family: u8) -> Vec<u8> {
        let (source, destination): (IpAddr, IpAddr) = if family == 6 {
            (SOURCE_V6.into(), DESTINATION_V6.into())
        } else {
            (SOURCE.into(), DESTINATION.into())
        };
        let udp = |payload| frames::udp(source, destination, 4000, 4000, payload);
        match self {
            Self::Udp => udp(22),
            Self::Icmp => frames::icmp_echo(source, destination),
            Self::Fragment => odd::fragment(&udp(64), odd::Part::Last),
            // The source address is still there, so that it can be drawn as for the others.
            Self::Malformed => odd::truncate(&udp(22), frames::ETHERNET_LEN + 16),
        }
    }
}
