//! Source addresses as the policy files group them, for both families.

use std::net::{IpAddr, Ipv4Addr};

use throttler_lab::topology::{SERVER_V4, SERVER_V6};

/// An address family; tests run their core over both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// A source of the group that the files call 10.77.`group`.0/24 and fd77:`group`::/48. Each IPv6 host has a /64
    /// of its own, which is what the throttler calls a source.
    pub(crate) fn member(self, group: u8, host: u8) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 77, group, host).into(),
            // The digits are the same in both families: fd77:11::/48 goes with 10.77.11.0/24.
            Self::V6 => address(&format!("fd77:{group}:0:{host}::1")),
        }
    }

    /// A source that no file names.
    pub(crate) fn stranger(self, host: u8) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(192, 0, 2, host).into(),
            Self::V6 => address(&format!("2001:db8:0:{host}::1")),
        }
    }

    /// The server's address.
    pub(crate) fn server(self) -> IpAddr {
        match self {
            Self::V4 => SERVER_V4.into(),
            Self::V6 => SERVER_V6.into(),
        }
    }

    /// The family of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() {
            Self::V4
        } else {
            Self::V6
        }
    }
}

/// An address out of its text.
pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The source of an address as `dump` prints it: the policies keep the default prefix lengths.
pub(crate) fn source_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("{v4}/32"),
        IpAddr::V6(v6) => {
            let network = v6.to_bits() >> 64 << 64;
            format!("{}/64", std::net::Ipv6Addr::from_bits(network))
        }
    }
}
