//! Which buckets to print, and in what order.

use std::cmp::Reverse;

use ipnet::IpNet;
use throttler_common::abi::{Addr, PARENT_PREFIX, region};
use throttler_common::table::{Words as _, layout};

use super::reader::Reader;
use super::sweep::{Spot, sweep};

/// Which buckets to print.
#[derive(Clone, Debug, Default)]
pub struct BucketFilter {
    /// Those whose source lies in (or holds) this prefix.
    pub source: Option<IpNet>,
    /// The worst so many: most dropped first, then most passed.
    pub top: Option<usize>,
}

impl BucketFilter {
    /// Whether a source lies in what is asked for, or holds it.
    pub(super) fn wants(&self, net: &IpNet) -> bool {
        self.source
            .is_none_or(|within| within.contains(net) || net.contains(&within))
    }
}

/// A bucket's place in the order of printing, in 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ranked {
    dropped: Reverse<u64>,
    passed: Reverse<u64>,
    /// The first 64 bits of the address as a number; IPv4 first.
    addr: u64,
    pub(super) spot: Spot,
    /// Index of the interface.
    pub(super) iface: u16,
}

/// The buckets of an interface that the filter lets through, the worst first.
pub(super) fn rank(reader: &Reader<'_>, iface: u16, filter: &BucketFilter) -> Vec<Ranked> {
    let wanted = Wanted::new(reader, filter.source);
    let sources = &reader.attachment.tables.sources;
    let found = sweep(sources, |kept: &mut Vec<Ranked>, spot, set, way| {
        let word = |index| set.load(index);
        let region = spot.region(&sources.head);
        let addr = Addr {
            words: [word(layout::address(way, 0)), word(layout::address(way, 1))],
        };
        if wanted.wants(region, addr) {
            kept.push(Ranked {
                dropped: Reverse(word(layout::dropped(way))),
                passed: Reverse(word(layout::passed(way))),
                addr: number(region % 2, addr),
                spot,
                iface,
            });
        }
    });
    let mut parts = found.into_iter();
    let mut all = parts.next().unwrap_or_default();
    parts.for_each(|part| all.extend(part));
    let top = filter.top.unwrap_or(usize::MAX);
    if top < all.len() {
        all.select_nth_unstable(top);
        all.truncate(top);
        all.shrink_to_fit();
    }
    all.sort_unstable();
    all
}

fn number(family: usize, addr: Addr) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = addr.to_bytes();
    if family == 0 {
        u64::from(u32::from_be_bytes([a, b, c, d]))
    } else {
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// A filter by prefix: what must be equal, by region of the table.
pub(super) struct Wanted([Option<(Addr, Addr)>; region::NEWCOMERS]);

impl Wanted {
    pub(super) fn new(reader: &Reader<'_>, source: Option<IpNet>) -> Self {
        let everything = Some((Addr::default(), Addr::default()));
        let Some(net) = source else {
            return Self([everything; region::NEWCOMERS]);
        };
        let (family, network) = super::reader::bytes(net.network());
        Self(std::array::from_fn(|region| {
            let bits = match region {
                region::PARENTS.. => u32::from(PARENT_PREFIX[region % 2]),
                _ => reader.head().source_prefix[region % 2],
            };
            // The shorter of the two prefixes must hold the other.
            let mask = Addr::mask(net.prefix_len().min(bits as u8));
            (region % 2 == family).then(|| (network.masked(mask), mask))
        }))
    }

    pub(super) fn wants(&self, region: usize, addr: Addr) -> bool {
        self.0[region].is_some_and(|(network, mask)| addr.masked(mask) == network)
    }
}
