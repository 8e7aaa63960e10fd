//! From an address to its class.

use crate::abi::{Addr, CLASS_KEY_LEAD, ClassKey, PolicyHead, head_flag};
use crate::class::{self, Kind, Word};
use crate::parse::Packet;
use crate::policy::Policies;

#[inline(always)]
fn class_key(bank: u8, packet: &Packet, addr: Addr, prefix: u32) -> ClassKey {
    ClassKey {
        prefix_len: CLASS_KEY_LEAD + prefix,
        bank,
        family: packet.family().number(),
        reserved: [0; 2],
        addr,
    }
}

/// The class of a source: of the longest prefix that covers all of it.
#[inline(always)]
pub(crate) fn resolve<P: Policies>(
    policy: &P,
    head: &PolicyHead,
    packet: &Packet,
    addr: Addr,
    now: u64,
) -> Word {
    if head.flags & head_flag::SOURCES == 0 {
        return Word::new(head.tag, Kind::Plan, 0, 0);
    }
    let prefix = head.source_prefix[packet.family().index()];
    let key = class_key(policy.bank(), packet, addr, prefix);
    class::resolve(policy.class(&key), head.tag, now)
}

/// The class of a packet's own address, for a source of several classes.
#[inline(always)]
pub(crate) fn resolve_address<P: Policies>(
    policy: &P,
    head: &PolicyHead,
    packet: &Packet,
    now: u64,
) -> Word {
    let key = class_key(policy.bank(), packet, packet.source, packet.family().bits());
    match policy.class(&key) {
        Some(chain) => class::resolve_steps(chain, head.tag, now),
        None => Word::new(head.tag, Kind::Plan, 0, 0),
    }
}
