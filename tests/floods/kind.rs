//! The floods.

use std::net::IpAddr;

use throttler_lab::{
    frames::{self, odd},
    topology::{SERVER_V4, SERVER_V6},
};

use crate::ground::Source;

/// What the spoofed sources send, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// UDP from all of IPv4. What one packet charges is soon paid: ways are given and taken all the time.
    Everywhere,
    /// UDP from the honest sources' own /24s.
    Neighbours,
    /// Fragments other than the first.
    Fragments,
    /// SYNs, limited as connections.
    Syns,
    /// IPv6, each source in another /48. Soon paid, too.
    Ipv6,
    /// IPv6 from the honest sources' own /48s.
    Ipv6Neighbours,
}

/// The port of scope 0; the others follow.
const PORT: u64 = 10_000;
/// Untagged Ethernet, then the header.
const V4_SOURCE: usize = 14 + 12;
const V6_SOURCE: usize = 14 + 8;
/// UDP's destination port over IPv4 without options.
const V4_PORT: usize = 14 + 20 + 2;

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Everywhere,
        Self::Neighbours,
        Self::Fragments,
        Self::Syns,
        Self::Ipv6,
        Self::Ipv6Neighbours,
    ];

    pub(crate) fn is_v6(self) -> bool {
        matches!(self, Self::Ipv6 | Self::Ipv6Neighbours)
    }

    /// Whether a spoofed source has soon paid for its packet, so that the table does not stay full.
    pub(crate) fn is_soon_paid(self) -> bool {
        matches!(self, Self::Everywhere | Self::Ipv6)
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Syns => "connections",
            _ => "packets",
        }
    }

    fn udp(self, payload: usize) -> Vec<u8> {
        let (client, server): (IpAddr, IpAddr) = if self.is_v6() {
            ([0; 16].into(), SERVER_V6.into())
        } else {
            ([0; 4].into(), SERVER_V4.into())
        };
        frames::udp(client, server, 1_024, PORT as u16, payload)
    }

    /// What a spoofed source sends.
    pub(crate) fn spoofed(self) -> Template {
        self.template(match self {
            Self::Fragments => odd::fragment(&self.udp(PAYLOAD), odd::Part::Middle),
            Self::Syns => syn(0),
            _ => self.udp(PAYLOAD),
        })
    }

    /// What an honest one sends, so many bytes longer: the counters of bytes tell whose packets were counted.
    pub(crate) fn honest(self, longer: usize) -> Template {
        self.template(match self {
            Self::Syns => syn(longer),
            _ => self.udp(PAYLOAD + longer),
        })
    }

    fn template(self, frame: Vec<u8>) -> Template {
        Template {
            frame,
            has_scopes: self == Self::Neighbours,
        }
    }

    /// L3 bytes of a spoofed packet.
    pub(crate) fn length(self) -> u64 {
        (self.spoofed().frame.len() - frames::ETHERNET_LEN) as u64
    }
}

/// Bytes: the frame is then as short as Ethernet has them.
const PAYLOAD: usize = 18;

/// A SYN with data, as TCP Fast Open has it (RFC 7413), where it is to be longer.
fn syn(longer: usize) -> Vec<u8> {
    let (client, server) = ([0; 4].into(), SERVER_V4.into());
    let mut frame = frames::tcp_syn(client, server, 1_024, PORT as u16);
    frame.resize(frame.len() + longer, 0);
    let total = (frame.len() - frames::ETHERNET_LEN) as u16;
    frame[16..18].copy_from_slice(&total.to_be_bytes());
    frame
}

/// The port of a scope.
pub(crate) fn port(scope: u64) -> u64 {
    PORT + scope
}

/// A frame whose source is filled in. Its checksums are then wrong, which the program does not ask and the kernel
/// behind it does: what passed is dropped there, and answered by nobody.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    frame: Vec<u8>,
    /// Its port says which scope it is for.
    has_scopes: bool,
}

impl Template {
    pub(crate) fn of(&mut self, source: Source) -> &[u8] {
        match source.addr {
            IpAddr::V4(v4) => {
                self.frame[V4_SOURCE..V4_SOURCE + 4].copy_from_slice(&v4.octets());
                if self.has_scopes {
                    let port = port(source.scope) as u16;
                    self.frame[V4_PORT..V4_PORT + 2].copy_from_slice(&port.to_be_bytes());
                }
            }
            IpAddr::V6(v6) => self.frame[V6_SOURCE..V6_SOURCE + 16].copy_from_slice(&v6.octets()),
        }
        &self.frame
    }
}
