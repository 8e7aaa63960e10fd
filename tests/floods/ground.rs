//! Who sends from where. Every spoofed source of a flood is another one: they are counted off, and scattered by a
//! multiplication that gives no number twice.

use std::net::IpAddr;

use crate::kind::Kind;

/// 100.64.0.0/10 (RFC 6598): the honest networks of IPv4, a /24 each.
const V4: u32 = 0x6440_0000;
/// 2001:db8::/32 (RFC 3849): those of IPv6, a /48 each.
const V6: u64 = 0x2001_0db8_0000_0000;
/// The rest of IPv6 comes from 2600::/8.
const V6_FLOOD: u64 = 0x2600_0000_0000_0000;
/// Hosts of a /24.
const V4_HOSTS: u64 = 1 << 8;
/// Spoofed /64s of a /48.
const V6_SPOOFED: u64 = 2_000;
/// Networks of honest sources, where the flood does not ask for more.
const FEW: u64 = 8;
/// An odd prime: multiplication by it permutes the numbers below any bound that is no multiple of it.
const SCATTER: u64 = 0x9e37_79b1;
/// Sources that are over their limit before the flood comes.
pub(crate) const GREEDY: u64 = 50;

/// An address, and the number of its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) addr: IpAddr,
    pub(crate) scope: u64,
}

/// Where the sources of one flood lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ground {
    kind: Kind,
    spoofed: u64,
    pub(crate) honest: u64,
    /// Networks that the honest sources are spread over.
    nets: u64,
    /// A /24 has too few addresses for millions of sources; what makes a source is its address and its scope.
    pub(crate) scopes: u64,
}

impl Ground {
    pub(crate) fn new(kind: Kind, spoofed: u64, honest: u64) -> Self {
        let nets = match kind {
            Kind::Neighbours => honest,
            Kind::Ipv6Neighbours => spoofed.div_ceil(V6_SPOOFED).max(FEW),
            Kind::Everywhere | Kind::Fragments | Kind::Syns | Kind::Ipv6 => FEW,
        };
        let mut ground = Self {
            kind,
            spoofed,
            honest,
            nets,
            scopes: 1,
        };
        if kind == Kind::Neighbours {
            ground.scopes = spoofed.div_ceil(nets * (V4_HOSTS - ground.known()));
        }
        assert!(
            ground.known() < V4_HOSTS,
            "{honest} honest sources do not fit into {nets} networks"
        );
        ground
    }

    /// Hosts of each network that are not spoofed: its honest sources, and as many newcomers.
    fn known(&self) -> u64 {
        2 * self.honest.div_ceil(self.nets)
    }

    /// An honest source that is there before the flood.
    pub(crate) fn honest(&self, number: u64) -> Source {
        self.host(number % self.nets, number / self.nets, number)
    }

    /// An honest source that comes in the midst of it.
    pub(crate) fn newcomer(&self, number: u64) -> Source {
        let host = self.known() / 2 + number / self.nets;
        self.host(number % self.nets, host, number)
    }

    /// A source that was over its limit before; in a network of its own.
    pub(crate) fn greedy(&self, number: u64) -> Source {
        self.host(self.nets, number, number)
    }

    /// The spoofed sources, all different.
    pub(crate) fn spoofed(self) -> impl Iterator<Item = Source> {
        let near = match self.kind {
            Kind::Neighbours => Some(V4_HOSTS - self.known()),
            Kind::Ipv6Neighbours => Some(V6_SPOOFED),
            Kind::Everywhere | Kind::Fragments | Kind::Syns | Kind::Ipv6 => None,
        };
        let far = (0..=u64::from(u32::MAX)).map(move |number| self.far(number));
        let far = far.filter(move |_| near.is_none()).flatten();
        let total = self.nets * self.scopes * near.unwrap_or(0);
        assert!(
            total == 0 || !total.is_multiple_of(SCATTER),
            "some would come twice"
        );
        let near = (0..total).map(move |number| {
            let number = (u128::from(number) * u128::from(SCATTER) % u128::from(total)) as u64;
            let (net, rest) = (number % self.nets, number / self.nets);
            let (scope, host) = (rest % self.scopes, rest / self.scopes);
            self.host(net, self.known() + host, scope)
        });
        near.chain(far).take(self.spoofed as usize)
    }

    /// The `number`-th source out of everywhere but the honest networks.
    fn far(&self, number: u64) -> Option<Source> {
        let scattered = (number as u32).wrapping_mul(SCATTER as u32);
        let addr = match self.kind {
            // In as many /48s.
            Kind::Ipv6 => v6(V6_FLOOD | u64::from(scattered) << 16),
            _ if scattered & 0xffc0_0000 == V4 => return None,
            _ => IpAddr::V4(scattered.into()),
        };
        Some(Source { addr, scope: 0 })
    }

    fn host(&self, net: u64, host: u64, scope: u64) -> Source {
        let addr = if self.kind.is_v6() {
            v6(V6 | net << 16 | host)
        } else {
            IpAddr::V4((V4 | (net << 8 | host) as u32).into())
        };
        Source {
            addr,
            scope: scope % self.scopes,
        }
    }
}

/// A /64, and its first address.
pub(crate) fn v6(prefix: u64) -> IpAddr {
    IpAddr::V6((u128::from(prefix) << 64).into())
}

#[test]
fn no_source_is_anybody_elses() {
    for kind in Kind::ALL {
        let ground = Ground::new(kind, 300_000, 1_000);
        let mut seen = std::collections::HashSet::new();
        let mut all = 0;
        let known = (0..1_000).flat_map(|number| [ground.honest(number), ground.newcomer(number)]);
        let greedy = (0..GREEDY).map(|number| ground.greedy(number));
        for source in ground.spoofed().chain(known).chain(greedy) {
            assert!(seen.insert(source), "{kind:?}: {source:?} is there twice");
            assert!(source.scope < ground.scopes);
            all += 1;
        }
        assert_eq!(all, 300_000 + 2_000 + GREEDY, "{kind:?}");
    }
}
