//! Raw Ethernet frames from the client's hardware address to the server's.
//!
//! The builders here make a whole, valid, untagged frame. [`odd`] changes such a frame into a rarer one; tags
//! ([`vlan`], [`qinq`]) go on last.

pub mod odd;

use std::net::IpAddr;

use etherparse::{EtherType, IpNumber, PacketBuilder, PacketBuilderStep, ip_number};

use crate::topology::{CLIENT_MAC, SERVER_MAC};

/// Length of an Ethernet header without tags.
pub const ETHERNET_LEN: usize = 14;
/// What both addresses take of an Ethernet header, before the tags.
const MACS_LEN: usize = 12;
const TTL: u8 = 64;
const WINDOW: u16 = 64_240;
const SEQUENCE: u32 = 0x7468_7200;
/// IEEE 802.1Q customer tag.
const ETHERTYPE_VLAN: u16 = 0x8100;
/// IEEE 802.1ad service tag.
const ETHERTYPE_SERVICE_VLAN: u16 = 0x88a8;

/// A UDP datagram with `payload_len` zero bytes.
///
/// # Panics
/// If the families of the addresses differ, or the payload is beyond the length field.
pub fn udp(src: IpAddr, dst: IpAddr, sport: u16, dport: u16, payload_len: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    ip(src, dst)
        .udp(sport, dport)
        .write(&mut frame, &vec![0; payload_len])
        .expect("a UDP payload within 64 KiB");
    frame
}

/// A TCP SYN: what `connections` charges.
///
/// # Panics
/// If the families of the addresses differ.
pub fn tcp_syn(src: IpAddr, dst: IpAddr, sport: u16, dport: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    ip(src, dst)
        .tcp(sport, dport, SEQUENCE, WINDOW)
        .syn()
        .write(&mut frame, &[])
        .expect("no payload");
    frame
}

/// A bare TCP ACK, as of a connection under way.
///
/// # Panics
/// If the families of the addresses differ.
pub fn tcp_ack(src: IpAddr, dst: IpAddr, sport: u16, dport: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    ip(src, dst)
        .tcp(sport, dport, SEQUENCE, WINDOW)
        .ack(1)
        .write(&mut frame, &[])
        .expect("no payload");
    frame
}

/// An ICMP or ICMPv6 echo request with 56 bytes of payload, as ping sends.
///
/// # Panics
/// If the families of the addresses differ.
pub fn icmp_echo(src: IpAddr, dst: IpAddr) -> Vec<u8> {
    let mut frame = Vec::new();
    let payload = [0; 56];
    match src {
        IpAddr::V4(_) => ip(src, dst)
            .icmpv4_echo_request(1, 1)
            .write(&mut frame, &payload),
        IpAddr::V6(_) => ip(src, dst)
            .icmpv6_echo_request(1, 1)
            .write(&mut frame, &payload),
    }
    .expect("a short payload");
    frame
}

/// A packet of any IP protocol, such as GRE (47), with `payload_len` zero bytes after the IP header.
///
/// # Panics
/// If the families of the addresses differ, or the payload is beyond the length field.
pub fn ip_protocol(src: IpAddr, dst: IpAddr, protocol: u8, payload_len: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    ip(src, dst)
        .write(&mut frame, IpNumber(protocol), &vec![0; payload_len])
        .expect("an IP payload within 64 KiB");
    frame
}

/// A frame of any EtherType (ARP is 0x0806, LLDP 0x88cc) with `payload_len` zero bytes.
pub fn ethertype(ethertype: u16, payload_len: usize) -> Vec<u8> {
    let mut frame = [SERVER_MAC, CLIENT_MAC].concat();
    frame.extend(ethertype.to_be_bytes());
    frame.resize(ETHERNET_LEN + payload_len, 0);
    frame
}

/// The frame with an 802.1Q tag.
///
/// # Panics
/// If the frame is shorter than two hardware addresses.
pub fn vlan(frame: Vec<u8>, vid: u16) -> Vec<u8> {
    tag(frame, ETHERTYPE_VLAN, vid)
}

/// The frame with an 802.1ad service tag outside and an 802.1Q tag inside.
///
/// # Panics
/// If the frame is shorter than two hardware addresses.
pub fn qinq(frame: Vec<u8>, outer: u16, inner: u16) -> Vec<u8> {
    tag(vlan(frame, inner), ETHERTYPE_SERVICE_VLAN, outer)
}

/// Puts a tag of the given EtherType outside of those that the frame has.
///
/// # Panics
/// If the frame is shorter than two hardware addresses.
pub fn tag(mut frame: Vec<u8>, ethertype: u16, vid: u16) -> Vec<u8> {
    let tag = [ethertype.to_be_bytes(), vid.to_be_bytes()].concat();
    frame.splice(MACS_LEN..MACS_LEN, tag);
    frame
}

fn ip(src: IpAddr, dst: IpAddr) -> PacketBuilderStep<etherparse::IpHeaders> {
    let ethernet = PacketBuilder::ethernet2(CLIENT_MAC, SERVER_MAC);
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => ethernet.ipv4(src.octets(), dst.octets(), TTL),
        (IpAddr::V6(src), IpAddr::V6(dst)) => ethernet.ipv6(src.octets(), dst.octets(), TTL),
        _ => panic!("{src} and {dst} are of different families"),
    }
}

/// The EtherType of an untagged frame.
fn ethertype_of(frame: &[u8]) -> EtherType {
    EtherType(u16::from_be_bytes([frame[MACS_LEN], frame[MACS_LEN + 1]]))
}

/// The IP protocol numbers that the lab's users need by name.
pub mod protocol {
    use super::ip_number;

    /// Generic routing encapsulation.
    pub const GRE: u8 = ip_number::GRE.0;
    /// Encapsulating security payload.
    pub const ESP: u8 = ip_number::ENCAP_SEC.0;
    /// Stream control transmission protocol.
    pub const SCTP: u8 = ip_number::SCTP.0;
}

#[cfg(test)]
mod tests;
