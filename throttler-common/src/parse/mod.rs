//! Frame to packet: every step checks its bounds, nothing is believed that the frame does not hold.

mod ipv4;
mod ipv6;
mod link;
mod transport;

use crate::abi::Addr;

/// Read access to a frame.
pub trait Frame {
    /// Length of the whole frame in bytes, also where only its start is in reach. Asked for only where
    /// [`Frame::reach`] does not answer: the kernel's is a call.
    fn length(&self) -> u32;
    /// Bytes of the frame that are in reach, and so at least its length.
    fn reach(&self) -> u32;
    /// `N` bytes from `offset` on, if they are in reach. The kernel keeps every header in reach; a
    /// frame of several buffers ([xdp frags]) keeps only its payload elsewhere.
    ///
    /// [xdp frags]: https://docs.kernel.org/bpf/redirect.html
    fn get<const N: usize>(&self, offset: u32) -> Option<&[u8; N]>;
}

/// Address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// 0 for IPv4, 1 for IPv6: the index into per-family arrays of the map ABI.
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::V4 => 0,
            Self::V6 => 1,
        }
    }

    /// 4 or 6.
    #[inline(always)]
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }
    }

    /// Bits of an address: 32 or 128.
    #[inline(always)]
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// What the datapath needs to know of a frame. Flat, `repr(C)` and without padding: the XDP program
/// hands it to a function that the verifier checks on its own, and that wants every byte written.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Source address.
    pub source: Addr,
    /// Destination address.
    pub destination: Addr,
    /// L3 length in bytes: what the IP header claims, without the padding of the link. For frames
    /// that are not IP or malformed, the bytes behind the link header.
    pub length: u32,
    /// Destination port; 0 without [`packet_flag::PORT`].
    pub port: u16,
    /// IP protocol number of the transport (behind IPv6 extension headers).
    pub protocol: u8,
    /// A [`Kind`].
    pub kind: Kind,
    /// Bits of [`packet_flag`].
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<Packet>() == 48);

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Neither IPv4 nor IPv6.
    NotIp = 0,
    /// Shorter than its own headers claim, or contradicting itself.
    Malformed = 1,
    /// IPv4.
    V4 = 4,
    /// IPv6.
    V6 = 6,
}

/// Bits of [`Packet::flags`].
pub mod packet_flag {
    /// TCP or UDP: `port` is read.
    pub const PORT: u32 = 1;
    /// A TCP segment with SYN and without ACK.
    pub const SYN: u32 = 2;
    /// A non-first fragment, or no readable transport header: charged to the `default` scope.
    pub const OPAQUE: u32 = 4;
}

impl Packet {
    #[inline(always)]
    const fn blank(kind: Kind, length: u32) -> Self {
        Self {
            source: Addr { words: [0; 2] },
            destination: Addr { words: [0; 2] },
            length,
            port: 0,
            protocol: 0,
            kind,
            flags: 0,
            reserved: 0,
        }
    }

    /// Whether a bit of [`packet_flag`] is set.
    #[inline(always)]
    #[must_use]
    pub const fn is(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// The address family; IPv4 for what is not IP.
    #[inline(always)]
    #[must_use]
    pub const fn family(&self) -> Family {
        match self.kind {
            Kind::V6 => Family::V6,
            Kind::NotIp | Kind::Malformed | Kind::V4 => Family::V4,
        }
    }
}

/// A frame that its own headers contradict.
pub(crate) struct Truncated;

/// Parses a frame from its Ethernet header on.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F) -> Packet {
    let (ether_type, offset) = match link::walk(frame) {
        Ok(found) => found,
        Err(Truncated) => return Packet::blank(Kind::Malformed, behind(frame, link::HEADER)),
    };
    let parsed = match ether_type {
        link::IPV4 => ipv4::parse(frame, offset),
        link::IPV6 => ipv6::parse(frame, offset),
        _ => return Packet::blank(Kind::NotIp, behind(frame, offset)),
    };
    match parsed {
        Ok(packet) => packet,
        Err(Truncated) => Packet::blank(Kind::Malformed, behind(frame, offset)),
    }
}

/// Bytes of the frame from `offset` on.
#[inline(always)]
fn behind<F: Frame>(frame: &F, offset: u32) -> u32 {
    frame.length().saturating_sub(offset)
}

/// Whether the frame holds `length` bytes from `offset` on.
#[inline(always)]
fn holds<F: Frame>(frame: &F, offset: u32, length: u32) -> bool {
    offset + length <= frame.reach() || offset + length <= frame.length()
}
