//! Bans of the datapath: whose are on, and the end of one.
//!
//! The datapath tells of an end with the source's next packet, which may never come. It marks the ban as told of by a swap
//! of its word before it tells. Whoever reads here swaps the same word: of the two only one tells, also across restarts.

use ipnet::IpNet;
use throttler_common::abi::{Addr, PARENT_PREFIX, WAYS, region};
use throttler_common::ban::{Ban, MOMENT_SHIFT, moment};
use throttler_common::class::Word;
use throttler_common::table::{Way, Words as _, header, layout};

use super::super::reader::{bytes, ip};
use super::View;
use crate::host::HostWords;

/// Attempts at marking a ban as told of: its word changes with every ban and when it is taken back, which is rare.
const ATTEMPTS: usize = 4;

/// Whose ban it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BanId {
    /// A parent prefix, banned for its sources.
    pub prefix: bool,
    /// 0: IPv4, 1: IPv6.
    pub family: u8,
    /// The address in network order, masked.
    pub addr: [u8; 16],
    /// The scope.
    pub scope: u8,
}

/// What has become of a ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BanEnd {
    /// It is on until then, in monotonic nanoseconds.
    On(u64),
    /// It is over, and whoever asked is the first to know; the plan of the source (0: none).
    Over(u16),
    /// Somebody has told of its end.
    Told,
    /// The source has lost its place in the table, as it may once its ban is over.
    Gone,
}

impl BanId {
    fn region(&self) -> usize {
        usize::from(self.family & 1)
            + if self.prefix {
                region::PARENTS
            } else {
                region::SOURCES
            }
    }
}

impl View {
    /// Whom a ban is for, as a prefix.
    #[must_use]
    pub fn banned_net(&self, id: &BanId) -> Option<IpNet> {
        let family = usize::from(id.family & 1);
        let bits = match id.prefix {
            true => PARENT_PREFIX[family],
            false => self.attachment.generation.head.source_prefix[family] as u8,
        };
        IpNet::new(ip(family, Addr::from_bytes(id.addr)), bits).ok()
    }

    /// The identity of a ban of a source (or of a prefix) in a scope of this name.
    #[must_use]
    pub fn ban_id(&self, net: IpNet, prefix: bool, scope: &str) -> Option<BanId> {
        let (family, addr) = bytes(net.trunc().addr());
        let scopes = &self.attachment.description.scopes;
        let scope = scopes.iter().find(|known| known.name == scope)?.id;
        Some(BanId {
            prefix,
            family: family as u8,
            addr: addr.to_bytes(),
            scope,
        })
    }

    /// Hands over every ban that is on with its end in monotonic nanoseconds, and every one that is over and was not told
    /// of: those that ended while nobody looked.
    pub fn bans(&self, mut each: impl FnMut(BanId, u64)) {
        let sources = &self.attachment.tables.sources;
        let at = moment(self.now());
        for index in region::SOURCES..region::PARENTS + 2 {
            let region = sources.head.regions[index];
            for set in (region.first..region.first + region.sets).filter_map(|set| sources.set(set))
            {
                for way in 0..WAYS {
                    let found = set.load(layout::header(way));
                    let ban = Ban(set.load(layout::ban(way)));
                    if found & header::LIVE == 0 || !(ban.is_on(at) || ban.is_over_untold(at)) {
                        continue;
                    }
                    let addr = Addr {
                        words: [
                            set.load(layout::address(way, 0)),
                            set.load(layout::address(way, 1)),
                        ],
                    };
                    let id = BanId {
                        prefix: index >= region::PARENTS,
                        family: (index % 2) as u8,
                        addr: addr.to_bytes(),
                        scope: header::scope(found),
                    };
                    each(id, ban.until() << MOMENT_SHIFT);
                }
            }
        }
    }

    /// What has become of a ban; one that is over is marked as told of.
    #[must_use]
    pub fn end_ban(&self, id: &BanId) -> BanEnd {
        let at = moment(self.now());
        for _ in 0..ATTEMPTS {
            let Some(way) = self.way(id) else {
                return BanEnd::Gone;
            };
            let ban = way.ban();
            if ban.is_on(at) {
                return BanEnd::On(ban.until() << MOMENT_SHIFT);
            }
            if !ban.is_over_untold(at) {
                return BanEnd::Told;
            }
            if way.replace_ban(ban, ban.told()) {
                return BanEnd::Over(Word(way.class().0).plan());
            }
        }
        BanEnd::Told
    }

    fn way(&self, id: &BanId) -> Option<Way<HostWords<'_>>> {
        let sources = &self.attachment.tables.sources;
        sources.way(id.region(), &Addr::from_bytes(id.addr), id.scope)
    }
}
