//! Whose counts in the source table are looked at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use throttler_common::abi::{Addr, PARENT_PREFIX, SlotRecord, region};

use crate::compile::Description;
use crate::history::Key;
use crate::kernel::sources::Sources;

/// A source or parent prefix in a scope; or, in the region of newcomers, all of a family that found no room: its index is
/// the scope then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Who {
    pub(super) addr: Addr,
    /// A [`region`] of the table.
    pub(super) region: u8,
    pub(super) scope: u8,
}

impl Who {
    pub(super) fn source(family: usize, addr: Addr, scope: u8) -> Self {
        Self {
            addr,
            region: (region::SOURCES + family) as u8,
            scope,
        }
    }

    pub(super) fn parent(family: usize, addr: Addr, scope: u8) -> Self {
        Self {
            addr,
            region: (region::PARENTS + family) as u8,
            scope,
        }
    }

    pub(super) fn newcomers(family: usize) -> Self {
        Self {
            addr: Addr::default(),
            region: region::NEWCOMERS as u8,
            scope: family as u8,
        }
    }

    pub(super) fn are_newcomers(&self) -> bool {
        usize::from(self.region) == region::NEWCOMERS
    }

    pub(super) fn family(&self) -> usize {
        if self.are_newcomers() {
            usize::from(self.scope)
        } else {
            usize::from(self.region) % 2
        }
    }

    /// What the table has of it.
    pub(super) fn read(&self, sources: &Sources) -> Option<SlotRecord> {
        let family = self.family();
        if self.are_newcomers() {
            Some(sources.newcomers(family))
        } else if usize::from(self.region) >= region::PARENTS {
            sources.parent(family, &self.addr, self.scope)
        } else {
            sources.get(family, &self.addr, self.scope)
        }
    }

    /// As people write it.
    pub(super) fn prefix(&self, description: &Description) -> IpNet {
        let bytes = self.addr.to_bytes();
        let family = self.family();
        let (ip, of_sources) = if family == 0 {
            let [a, b, c, d, ..] = bytes;
            (
                IpAddr::from(Ipv4Addr::new(a, b, c, d)),
                description.ipv4_prefix,
            )
        } else {
            (IpAddr::from(Ipv6Addr::from(bytes)), description.ipv6_prefix)
        };
        let bits = match usize::from(self.region) {
            region::NEWCOMERS => 0,
            parents if parents >= region::PARENTS => PARENT_PREFIX[family],
            _ => of_sources,
        };
        IpNet::new(ip, bits).map_or_else(|_| IpNet::from(ip), |net| net.trunc())
    }

    pub(super) fn key(&self) -> Key {
        let mut key = [0; 18];
        key[..16].copy_from_slice(&self.addr.to_bytes());
        key[16] = self.region;
        key[17] = self.scope;
        key
    }

    pub(super) fn of_key(key: &Key) -> Self {
        let mut addr = [0; 16];
        addr.copy_from_slice(&key[..16]);
        Self {
            addr: Addr::from_bytes(addr),
            region: key[16],
            scope: key[17],
        }
    }
}
