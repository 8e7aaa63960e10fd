//! Who sends what to whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the policy has a client be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Free,
    Pro,
    Exempt,
    Blocked,
}

/// What a client sends each second from each of its two addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) connects: u16,
    pub(super) datagrams: u16,
    pub(super) pings: u16,
}

/// A client with an address of each family.
#[derive(Debug)]
pub(super) struct Client {
    /// Two words, one above the other in the head of the table.
    pub(super) name: [&'static str; 2],
    pub(super) class: Class,
    pub(super) v4: Ipv4Addr,
    pub(super) v6: Ipv6Addr,
    pub(super) load: Load,
    /// Whether it uses the kernel's sockets, which complete their handshakes, or throws frames at the interface.
    pub(super) real: bool,
    pub(super) polite: bool,
}

impl Client {
    pub(super) fn addresses(&self) -> [IpAddr; 2] {
        [self.v4.into(), self.v6.into()]
    }

    /// As the throttler names its sources.
    pub(super) fn sources(&self) -> [String; 2] {
        [
            format!("{}/32", self.v4),
            format!("{}/64", network(self.v6)),
        ]
    }
}

fn network(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)
}

/// Within what `free` allows in every scope.
const POLITE: Load = Load {
    connects: 2,
    datagrams: 10,
    pings: 1,
};
/// Beyond what `pro` allows in every scope.
const BURST: Load = Load {
    connects: 40,
    datagrams: 200,
    pings: 30,
};

const fn v6(subnet: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, subnet, 0, 0, 0, 0, 7)
}

pub(super) const COUNT: usize = 5;

pub(super) const CLIENTS: [Client; COUNT] = [
    Client {
        name: ["polite", "(free)"],
        class: Class::Free,
        v4: Ipv4Addr::new(192, 0, 2, 7),
        v6: v6(0xf),
        load: POLITE,
        real: true,
        polite: true,
    },
    Client {
        name: ["bursty", "(free)"],
        class: Class::Free,
        v4: Ipv4Addr::new(192, 0, 2, 99),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0x99, 0, 0, 0, 7),
        load: BURST,
        real: false,
        polite: false,
    },
    Client {
        name: ["bursty", "(pro)"],
        class: Class::Pro,
        v4: Ipv4Addr::new(198, 51, 100, 7),
        v6: v6(0xa),
        load: BURST,
        real: false,
        polite: false,
    },
    Client {
        name: ["staff", "(exempt)"],
        class: Class::Exempt,
        v4: Ipv4Addr::new(10, 9, 0, 7),
        v6: v6(0xe),
        load: BURST,
        real: true,
        polite: false,
    },
    Client {
        name: ["attacker", "(blocked)"],
        class: Class::Blocked,
        v4: Ipv4Addr::new(203, 0, 113, 66),
        v6: v6(0xbad),
        load: BURST,
        real: false,
        polite: false,
    },
];
