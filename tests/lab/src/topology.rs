//! Two namespaces joined by a veth pair, set up so that an idle link is silent.
//!
//! Counters of the program under test must hold test traffic and nothing else. So: the addresses sit on `lo` and are
//! reached by routes (an IPv6 address on the veth would join a solicited-node group and send MLD reports), no
//! link-local address is made (no DAD, no router solicitations), and each side has one permanent neighbour, the other
//! one, as gateway of its default route (no ARP, no NDP). As a result any address whatever can be a client or a server.

mod side;

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;

use self::side::Side;
use crate::{
    link::{self, LinkStats},
    netns::Netns,
};

/// The server's interface, which the throttler attaches to.
pub const SERVER_IFACE: &str = "veth-s";
/// The client's interface.
pub const CLIENT_IFACE: &str = "veth-c";
const SERVER_INDEX: u32 = 11;
const CLIENT_INDEX: u32 = 12;
/// The hardware address of [`SERVER_IFACE`] (locally administered).
pub const SERVER_MAC: [u8; 6] = [0x02, 0x77, 0, 0, 0, 1];
/// The hardware address of [`CLIENT_IFACE`] (locally administered).
pub const CLIENT_MAC: [u8; 6] = [0x02, 0x77, 0, 0, 0, 2];
/// The server's first IPv4 address.
pub const SERVER_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The server's first IPv6 address.
pub const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1);
/// The client's first IPv4 address.
pub const CLIENT_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// The client's first IPv6 address.
pub const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 2);

/// A client and a server namespace joined by a veth pair; all of it goes on drop.
#[derive(Debug)]
pub struct Lab {
    client: Arc<Netns>,
    server: Arc<Netns>,
    added: Mutex<BTreeSet<(&'static str, IpAddr)>>,
}

impl Lab {
    /// Makes both namespaces and waits until the link between them is up; `tag` goes into their names.
    ///
    /// # Errors
    /// Without root or iproute2, or if the kernel refuses a step, which the error names.
    pub fn new(tag: &str) -> Result<Self> {
        let client = Arc::new(Netns::new(&format!("{tag}-c"))?);
        let server = Arc::new(Netns::new(&format!("{tag}-s"))?);
        for netns in [&client, &server] {
            side::set_sysctls(netns)?;
        }
        // The indices differ, or the kernel would take each end for a device of its own and report
        // its carrier up to a second late (linkwatch_urgent_event in net/core/link_watch.c).
        let pair = format!(
            "link add {CLIENT_IFACE} index {CLIENT_INDEX} address {} mtu 1500 type veth \
             peer name {SERVER_IFACE} index {SERVER_INDEX} address {} mtu 1500 netns {}",
            side::mac(CLIENT_MAC),
            side::mac(SERVER_MAC),
            server.name()
        );
        side::ip_batch(&client, &[pair])?;
        let ends = [
            Side {
                netns: &client,
                iface: CLIENT_IFACE,
                addresses: [CLIENT_V4.into(), CLIENT_V6.into()],
                gateways: [SERVER_V4.into(), SERVER_V6.into()],
                gateway_mac: SERVER_MAC,
            },
            Side {
                netns: &server,
                iface: SERVER_IFACE,
                addresses: [SERVER_V4.into(), SERVER_V6.into()],
                gateways: [CLIENT_V4.into(), CLIENT_V6.into()],
                gateway_mac: CLIENT_MAC,
            },
        ];
        for end in &ends {
            end.set_up()?;
        }
        for end in &ends {
            end.wait_running()?;
        }
        Ok(Self {
            client,
            server,
            added: Mutex::default(),
        })
    }

    /// The namespace that traffic comes from.
    pub fn client(&self) -> &Netns {
        &self.client
    }

    /// The namespace that the throttler protects.
    pub fn server(&self) -> &Netns {
        &self.server
    }

    /// The same, for a guard that must keep the namespace alive.
    pub(crate) fn shared_server(&self) -> Arc<Netns> {
        Arc::clone(&self.server)
    }

    /// Gives the client one more address of any network; the server answers it through the veth. Again is fine.
    ///
    /// # Errors
    /// If the address cannot be added.
    pub fn add_client(&self, address: IpAddr) -> Result<()> {
        self.add_clients([address])
    }

    /// As [`Lab::add_client`] for many addresses, with one run of `ip`.
    ///
    /// # Errors
    /// If one of the addresses cannot be added.
    pub fn add_clients(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<()> {
        self.add(&self.client, CLIENT_IFACE, addresses)
    }

    /// Gives the server one more address of any network, such as the destination prefix of a scope.
    ///
    /// # Errors
    /// If the address cannot be added.
    pub fn add_server_address(&self, address: IpAddr) -> Result<()> {
        self.add(&self.server, SERVER_IFACE, [address])
    }

    /// What [`CLIENT_IFACE`] counted; `tx_dropped` must be 0 for a test that counts packets to mean anything.
    ///
    /// # Errors
    /// If /proc cannot be read.
    pub fn client_stats(&self) -> Result<LinkStats> {
        self.client.run(|| link::stats(CLIENT_IFACE))
    }

    /// What [`SERVER_IFACE`] counted.
    ///
    /// # Errors
    /// If /proc cannot be read.
    pub fn server_stats(&self) -> Result<LinkStats> {
        self.server.run(|| link::stats(SERVER_IFACE))
    }

    fn add(
        &self,
        netns: &Netns,
        iface: &'static str,
        wanted: impl IntoIterator<Item = IpAddr>,
    ) -> Result<()> {
        let first = [
            CLIENT_V4.into(),
            CLIENT_V6.into(),
            SERVER_V4.into(),
            SERVER_V6.into(),
        ];
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        let new: BTreeSet<IpAddr> = wanted
            .into_iter()
            .filter(|address| !first.contains(address) && !added.contains(&(iface, *address)))
            .collect();
        if !new.is_empty() {
            side::ip_batch(
                netns,
                &new.iter()
                    .copied()
                    .map(side::add_address)
                    .collect::<Vec<_>>(),
            )?;
            side::wait_local(netns, new.iter().copied())?;
        }
        added.extend(new.into_iter().map(|address| (iface, address)));
        Ok(())
    }
}
