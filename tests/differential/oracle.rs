//! The parser against etherparse: where etherparse accepts a frame, both read the same of it, but for the differences
//! that [`Difference`] lists.

use std::collections::BTreeMap;

use etherparse::{LinkExtSlice, NetSlice, SlicedPacket, TransportSlice, ether_type, ip_number};
use throttler::host::SliceFrame;
use throttler_common::abi::Addr;
use throttler_common::parse::{Kind, Packet, packet_flag, parse};

use crate::census::Census;
use crate::generator::frame;
use crate::harness::Rng;

/// Where the two may read a frame differently, and why ours is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// etherparse walks three tags and then stops without a word; we walk four, and call more malformed.
    ManyTags,
    /// etherparse steps into MACsec (0x88e5); it is not IP to us, as it is to the kernel's stack before its own
    /// MACsec device has unpacked it.
    Macsec,
    /// etherparse takes the rest of the frame for the payload of any IPv6 packet that claims none. RFC 2675 gives such a
    /// length a meaning together with hop-by-hop options alone; otherwise the packet is its header.
    EmptyIpv6,
    /// etherparse leaves every fragment's payload alone. A first fragment has its transport header, and its port is
    /// read, or a scope could be left by fragmenting; so it may also be found broken.
    Fragment,
    /// etherparse walks on behind a fragment header that is not the first fragment's; what follows there is payload.
    LaterFragment,
    /// etherparse walks any number of extension headers; the program's walk is bounded, and charges `default` beyond.
    LongChain,
    /// Mobility, HIP and shim6 headers end etherparse's walk; ours steps over them (RFC 6275, 7401, 5533).
    OtherExtensions,
    /// etherparse steps over an authentication header of IPv4, too; to us it is protocol 51. Its ports are not read:
    /// AH of IPv4 is a tunnel's, and to be named by its protocol.
    Ipv4Authentication,
}

impl Difference {
    /// But MACsec: too rare to be asked for.
    const ALL: [Self; 7] = [
        Self::ManyTags,
        Self::EmptyIpv6,
        Self::Fragment,
        Self::LaterFragment,
        Self::LongChain,
        Self::OtherExtensions,
        Self::Ipv4Authentication,
    ];
}

/// What the two made of a frame.
pub(crate) enum Outcome {
    Refused,
    Same { port: bool },
    Accepted(Difference),
}

/// Holds our packet against etherparse's.
///
/// # Errors
/// What differs without a reason.
pub(crate) fn compare(bytes: &[u8]) -> Result<Outcome, String> {
    let Ok(theirs) = SlicedPacket::from_ethernet(bytes) else {
        return Ok(Outcome::Refused);
    };
    let ours = parse(&SliceFrame(bytes));
    if theirs
        .link_exts
        .iter()
        .any(|link| matches!(link, LinkExtSlice::Macsec(_)))
    {
        return Ok(Outcome::Accepted(Difference::Macsec));
    }
    match &theirs.net {
        None if theirs.link_exts.is_full() && ends_in_tag(&theirs) => {
            Ok(Outcome::Accepted(Difference::ManyTags))
        }
        None | Some(NetSlice::Arp(_)) => {
            same("kind", ours.kind, Kind::NotIp)?;
            Ok(Outcome::Same { port: false })
        }
        Some(NetSlice::Ipv4(ip)) => {
            let header = ip.header();
            if ours.kind == Kind::Malformed && ip.payload().fragmented {
                return Ok(Outcome::Accepted(Difference::Fragment));
            }
            same("kind", ours.kind, Kind::V4)?;
            same("source", ours.source, Addr::from_v4(header.source()))?;
            same(
                "destination",
                ours.destination,
                Addr::from_v4(header.destination()),
            )?;
            same("length", ours.length, u32::from(header.total_len()))?;
            same("protocol", ours.protocol, header.protocol().0)?;
            if header.protocol() == ip_number::AUTH {
                same("port of AH", ours.is(packet_flag::PORT), false)?;
                return Ok(Outcome::Accepted(Difference::Ipv4Authentication));
            }
            transport(&ours, &theirs, ip.payload().fragmented)
        }
        Some(NetSlice::Ipv6(ip)) => {
            let (header, payload) = (ip.header(), ip.payload());
            let jumbogram = header.next_header() == ip_number::IPV6_HEADER_HOP_BY_HOP;
            let empty = header.payload_length() == 0 && !jumbogram;
            if ours.kind == Kind::Malformed && (payload.fragmented || empty) {
                let why = if empty {
                    Difference::EmptyIpv6
                } else {
                    Difference::Fragment
                };
                return Ok(Outcome::Accepted(why));
            }
            let others = matches!(payload.ip_number.0, 135 | 139 | 140);
            if ours.kind == Kind::Malformed && others {
                return Ok(Outcome::Accepted(Difference::OtherExtensions));
            }
            same("kind", ours.kind, Kind::V6)?;
            same("source", ours.source, Addr::from_bytes(header.source()))?;
            same(
                "destination",
                ours.destination,
                Addr::from_bytes(header.destination()),
            )?;
            if header.payload_length() != 0 || empty {
                same(
                    "length",
                    ours.length,
                    40 + u32::from(header.payload_length()),
                )?;
            }
            if empty {
                same("port of nothing", ours.is(packet_flag::PORT), false)?;
                return Ok(Outcome::Accepted(Difference::EmptyIpv6));
            }
            if others {
                return Ok(Outcome::Accepted(Difference::OtherExtensions));
            }
            let walked = ip.extensions().clone().into_iter().count();
            if ours.is(packet_flag::OPAQUE) && payload.fragmented {
                return Ok(Outcome::Accepted(Difference::LaterFragment));
            }
            if walked > 8 {
                same("long chain", ours.is(packet_flag::OPAQUE), true)?;
                return Ok(Outcome::Accepted(Difference::LongChain));
            }
            same("protocol", ours.protocol, payload.ip_number.0)?;
            transport(&ours, &theirs, payload.fragmented)
        }
    }
}

/// Port and SYN of what both read.
fn transport(
    ours: &Packet,
    theirs: &SlicedPacket<'_>,
    fragmented: bool,
) -> Result<Outcome, String> {
    let (port, syn) = match &theirs.transport {
        Some(TransportSlice::Tcp(tcp)) => (Some(tcp.destination_port()), tcp.syn() && !tcp.ack()),
        Some(TransportSlice::Udp(udp)) => (Some(udp.destination_port()), false),
        _ if fragmented && ours.is(packet_flag::PORT) => {
            return Ok(Outcome::Accepted(Difference::Fragment));
        }
        _ => (None, false),
    };
    same(
        "port",
        ours.is(packet_flag::PORT).then_some(ours.port),
        port,
    )?;
    same("SYN", ours.is(packet_flag::SYN), syn)?;
    Ok(Outcome::Same {
        port: port.is_some(),
    })
}

fn ends_in_tag(theirs: &SlicedPacket<'_>) -> bool {
    let Some(LinkExtSlice::Vlan(last)) = theirs.link_exts.last() else {
        return false;
    };
    let next = last.ether_type();
    let tags = [
        ether_type::VLAN_TAGGED_FRAME,
        ether_type::PROVIDER_BRIDGING,
        ether_type::VLAN_DOUBLE_TAGGED_FRAME,
        ether_type::MACSEC,
    ];
    tags.contains(&next)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, theirs: T) -> Result<(), String> {
    if ours == theirs {
        Ok(())
    } else {
        Err(format!("{what}: ours is {ours:?}, etherparse's {theirs:?}"))
    }
}

#[test]
fn the_parser_reads_what_etherparse_reads() {
    let (seed, frames) = (crate::seed(), crate::frames());
    let (mut rng, mut census) = (Rng::new(seed), Census::default());
    let (mut refused, mut alike, mut ports) = (0, 0, 0);
    let mut differences = BTreeMap::<Difference, u64>::new();
    for number in 0..frames {
        let frame = frame(&mut rng, &mut census);
        match compare(&frame) {
            Ok(Outcome::Refused) => refused += 1,
            Ok(Outcome::Same { port }) => {
                alike += 1;
                ports += u64::from(port);
            }
            Ok(Outcome::Accepted(why)) => *differences.entry(why).or_default() += 1,
            Err(what) => panic!("frame {number} of seed {seed}: {what}; {frame:02x?}"),
        }
    }
    println!("{frames} frames of seed {seed:#x}: {alike} read alike, {ports} of them with a port");
    println!("  {refused} refused by etherparse; accepted differences {differences:?}");
    census.hold(frames, &["several buffers", "reach ends in headers"]);
    let seen = |why| differences.contains_key(&why);
    assert!(
        frames < 100_000 || Difference::ALL.into_iter().all(seen),
        "a difference that is accepted and never occurs: {differences:?}"
    );
    assert!(
        alike * 4 > frames,
        "only {alike} of {frames} frames could be compared"
    );
    assert!(
        ports * 10 > frames,
        "only {ports} of {frames} frames had a port to compare"
    );
}
