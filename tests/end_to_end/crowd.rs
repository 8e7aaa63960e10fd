//! A source table full of sources that never sent a packet: as a flood would leave it, without the flood.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use throttler::kernel::sources::Sources;
use throttler::kernel::{monotonic, tables::Tables};
use throttler_common::abi::{Addr, WAYS, region};
use throttler_common::class::{Kind, Word};
use throttler_common::gcra::ticks;
use throttler_common::table::{Newcomer, Place, Words as _, answer, claim, layout};

/// What each of a crowd has; every hundredth of them something worth showing.
pub(crate) struct Crowd {
    /// How many in all, half of them of each family.
    pub(crate) sources: usize,
    /// Their scope.
    pub(crate) scope: u8,
    /// The tag of the generation that they were seen in.
    pub(crate) tag: u32,
}

impl Crowd {
    /// Puts them into the table, and gives their numbers: those that find no room are left out. See [`address`]
    /// and [`dropped`].
    pub(crate) fn fill(&self, tables: &Tables) -> Vec<u32> {
        let sources = &tables.sources;
        let now = monotonic::now().monotonic_ns;
        let mut numbers = Vec::new();
        for number in 0.. {
            if numbers.len() == self.sources {
                break;
            }
            let Some((set, way)) = self.take(sources, number, now) else {
                continue;
            };
            let set = sources.set(set).expect("a set");
            numbers.push(number);
            // Two units short of full an hour's limit, more or less.
            let debt = ticks(u64::from(number % 1_000) * 1_000_000_000);
            set.store(layout::tat(way, 0), ticks(now) + debt);
            set.store(layout::passed(way), u64::from(number % 7));
            set.store(layout::passed(way) + 1, u64::from(number % 7) * 60);
            set.store(layout::dropped(way), dropped(number));
            set.store(layout::dropped(way) + 1, dropped(number) * 60);
        }
        numbers
    }

    fn take(&self, sources: &Sources, number: u32, now: u64) -> Option<(u32, usize)> {
        let (family, addr) = ((number % 2) as usize, key(number));
        let region = &sources.head.regions[region::SOURCES + family];
        let place = Place::of(&sources.head, region, &addr, self.scope);
        let newcomer = Newcomer {
            addr,
            class: Word::new(self.tag, Kind::Plan, 0, 0),
            now,
        };
        let first = sources.set(place.sets[0]).expect("a set");
        let second = || sources.set(place.sets[1]);
        let handle = claim(&first, second, &place, &newcomer).ok()?;
        let choice = usize::from(handle & answer::SECOND != 0);
        Some((place.sets[choice], handle as usize % WAYS))
    }
}

/// Packets of a source that were dropped.
pub(crate) fn dropped(number: u32) -> u64 {
    if number.is_multiple_of(100) {
        u64::from(number / 100)
    } else {
        0
    }
}

/// The address of a source: IPv4 where its number is even.
pub(crate) fn address(number: u32) -> IpAddr {
    match number % 2 {
        0 => Ipv4Addr::from_bits(0x0a00_0000 + number / 2).into(),
        // A /64 each.
        _ => Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) + (u128::from(number / 2) << 64)).into(),
    }
}

/// The number of the source with this address.
pub(crate) fn number(address: IpAddr) -> Option<u32> {
    match address {
        IpAddr::V4(v4) => v4.to_bits().checked_sub(0x0a00_0000)?.checked_mul(2),
        IpAddr::V6(v6) => Some(((v6.to_bits() >> 64) as u32).checked_mul(2)? + 1),
    }
}

fn key(number: u32) -> Addr {
    match address(number) {
        IpAddr::V4(v4) => Addr::from_v4(v4.octets()),
        IpAddr::V6(v6) => Addr::from_bytes(v6.octets()),
    }
}
