//! Packet to scope: table reads alone, whatever the number of scopes.
//!
//! Userspace cuts the destinations, the protocols and the ports into classes of which every member is
//! treated alike; the three classes of a packet name a cell, the cell its scope.

use crate::abi::{Addr, MAX_DESTINATIONS, PolicyHead};
use crate::parse::{Family, Packet, packet_flag};
use crate::policy::Policies;

/// The scope of a packet. Non-first fragments and packets without a readable transport header have
/// no ports to go by: they are the `default` scope's (0).
#[inline(always)]
pub fn classify<P: Policies>(policy: &P, head: &PolicyHead, packet: &Packet) -> u8 {
    if packet.is(packet_flag::OPAQUE) {
        return 0;
    }
    let protocol = u32::from(head.protocol_class[usize::from(packet.protocol)]);
    let port = if packet.is(packet_flag::PORT) {
        u32::from(policy.port_class(packet.port))
    } else {
        0
    };
    let destination = destination_class(policy, head, packet.family(), packet.destination);
    policy.cell(destination * head.destination_stride + protocol * head.protocol_stride + port)
}

#[inline(always)]
fn destination_class<P: Policies>(
    policy: &P,
    head: &PolicyHead,
    family: Family,
    address: Addr,
) -> u32 {
    let listed = head.destinations[family.index()];
    let mut i = 0;
    while i < MAX_DESTINATIONS as u32 {
        if i >= listed {
            break;
        }
        if let Some(entry) = policy.destination(family, i)
            && address.masked(entry.mask) == entry.network
        {
            return entry.class;
        }
        i += 1;
    }
    0
}
