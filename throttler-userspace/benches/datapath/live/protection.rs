//! What stands between the flood and the server.

mod rules;

use std::net::UdpSocket;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use anyhow::{Context as _, Result};
use throttler::kernel::sys;
use throttler_lab::topology::{SERVER_IFACE, SERVER_V4};
use throttler_lab::{Daemon, Lab, PinDir, link};

use self::rules::Rules;
use crate::driver::Driver;
use crate::figures::targets::live::{BARE_DROP, NFT, OURS};
use crate::filter::{Filter, Listed, MANY};
use crate::subject;

/// Where the flood goes: a socket listens, so that the server answers nothing.
const PORT: u16 = 4000;

/// What a source may send, as all limiters here are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    packets: u32,
    /// In the words of our policy, of nftables and of iptables.
    unit: [&'static str; 3],
}

impl Allowed {
    /// So that 100,000 sources, which send some ten packets a second each, are over it at once.
    pub(super) const NEXT_TO_NOTHING: Self = Self {
        packets: 1,
        unit: ["min", "minute", "min"],
    };
    /// So that an honest client is below it.
    pub(super) const A_LITTLE: Self = Self {
        packets: 10,
        unit: ["s", "second", "sec"],
    };

    fn policy(self) -> String {
        let (packets, [unit, ..]) = (self.packets, self.unit);
        format!(
            "[scopes.default.limits]\nflood = {{ rate = \"{packets}/{unit}\", burst = {packets} }}\n"
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    Drop,
    Nothing,
    Throttler,
    Filter,
    Nft,
    Iptables,
}

/// Takes it off again.
pub(super) struct Guard {
    _socket: UdpSocket,
    _kind: Kind,
}

#[expect(dead_code, reason = "held for their drop")]
enum Kind {
    Nothing,
    Link(OwnedFd),
    Daemon(Box<Daemon>),
    Rules(Rules),
}

impl Protection {
    pub(super) const ALL: [Self; 6] = [
        Self::Drop,
        Self::Nothing,
        Self::Throttler,
        Self::Filter,
        Self::Nft,
        Self::Iptables,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Drop => BARE_DROP,
            Self::Nothing => "no protection, to a UDP socket",
            Self::Throttler => OURS,
            Self::Filter => "xdp-filter, 100,000 denied",
            Self::Nft => NFT,
            Self::Iptables => "iptables, hashlimit in raw PREROUTING",
        }
    }

    pub(super) fn put(
        self,
        lab: &Lab,
        pins: &PinDir,
        driver: &Driver,
        allowed: Allowed,
    ) -> Result<Guard> {
        let socket = lab.server().run(|| UdpSocket::bind((SERVER_V4, PORT)));
        // A veth polls only for XDP or for GRO; where neither is, redirected frames find no ring.
        let polls_by_itself = matches!(self, Self::Drop | Self::Throttler | Self::Filter);
        lab.server()
            .run(|| link::set_gro(SERVER_IFACE, !polls_by_itself))?;
        let kind = match self {
            Self::Nothing => Kind::Nothing,
            Self::Drop => Kind::Link(attach(lab, driver.floor.program.as_fd())?),
            Self::Filter => {
                let filter = Filter::load(pins, Listed::Sources(MANY))?;
                Kind::Link(attach(lab, filter.subject.program.as_fd())?)
            }
            Self::Throttler => {
                let daemon = Daemon::start(
                    lab,
                    &subject::binary(),
                    &allowed.policy(),
                    &["--xdp-mode", "native"],
                )?;
                Kind::Daemon(Box::new(daemon))
            }
            Self::Nft => Kind::Rules(Rules::nft(lab, allowed)?),
            Self::Iptables => Kind::Rules(Rules::iptables(lab, allowed)?),
        };
        Ok(Guard {
            _socket: socket.context("binding the server's socket")?,
            _kind: kind,
        })
    }
}

fn attach(lab: &Lab, program: BorrowedFd<'_>) -> Result<OwnedFd> {
    let attach = || {
        let index = sys::interface_index(SERVER_IFACE).context("the veth has gone")?;
        Ok(sys::attach_xdp(program, index, sys::XDP_NATIVE)?)
    };
    lab.server().run(attach)
}
