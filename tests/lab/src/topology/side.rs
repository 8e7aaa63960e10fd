//! Setting one side of the link up: sysctls, addresses, routes, neighbours.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    net::{IpAddr, Ipv6Addr},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{link, netns::Netns};

const CARRIER_LIMIT: Duration = Duration::from_secs(5);
const ADDRESS_LIMIT: Duration = Duration::from_secs(5);
/// Frames that may wait in front of an interface.
const QUEUE: u32 = 16_384;

/// Set in each namespace before the veth exists, so that it starts out with them.
const SYSCTLS: [(&str, &str); 12] = [
    ("ipv6/conf/default/addr_gen_mode", "1"), // 1: no link-local address
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv6/conf/default/autoconf", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/router_solicitations", "0"),
    ("ipv6/conf/all/forwarding", "0"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/ip_forward", "0"),
    // A burst of connects must be limited by the program under test, not by the queues behind it.
    ("core/somaxconn", "16384"),
    ("ipv4/tcp_max_syn_backlog", "16384"),
    ("ipv4/ip_local_port_range", "10240 65535"),
];

/// One side of the link, as setting it up needs it.
pub(super) struct Side<'a> {
    pub(super) netns: &'a Netns,
    pub(super) iface: &'static str,
    pub(super) addresses: [IpAddr; 2],
    pub(super) gateways: [IpAddr; 2],
    pub(super) gateway_mac: [u8; 6],
}

impl Side<'_> {
    pub(super) fn set_up(&self) -> Result<()> {
        self.netns.run(|| link::disable_offloads(self.iface))?;
        let iface = self.iface;
        let mut lines = vec!["link set lo up".to_owned(), format!("link set {iface} up")];
        lines.extend(self.addresses.map(add_address));
        for (gateway, own) in self.gateways.into_iter().zip(self.addresses) {
            let everything = if gateway.is_ipv4() {
                "0.0.0.0/0"
            } else {
                "::/0"
            };
            lines.push(format!(
                "neigh add {gateway} lladdr {} dev {iface} nud permanent",
                mac(self.gateway_mac)
            ));
            lines.push(format!("route add {gateway} dev {iface} src {own}"));
            lines.push(format!(
                "route add {everything} via {gateway} dev {iface} src {own}"
            ));
        }
        ip_batch(self.netns, &lines)?;
        self.queue()?;
        wait_local(self.netns, self.addresses)
    }

    /// Lets frames wait where the peer is late to take them. A veth has a ring of 256 frames and, as it comes, no queue
    /// before it: a burst that falls into a busy moment loses frames. With one, Linux 6.16 and later hold them back
    /// (veth_xmit in drivers/net/veth.c); older ones lose them as before.
    fn queue(&self) -> Result<()> {
        let limit = QUEUE.to_string();
        let output = self
            .netns
            .command("tc")
            .args(["qdisc", "add", "dev", self.iface, "root", "pfifo", "limit"])
            .arg(&limit)
            .output()
            .context("cannot run tc; install iproute2")?;
        ensure!(
            output.status.success(),
            "tc in {} failed: {}",
            self.netns.name(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    pub(super) fn wait_running(&self) -> Result<()> {
        self.netns
            .run(|| link::wait_running(self.iface, CARRIER_LIMIT))
    }
}

pub(super) fn add_address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(_) => format!("addr add {address}/32 dev lo"),
        IpAddr::V6(_) => format!("addr add {address}/128 dev lo nodad"),
    }
}

/// Waits until packets for the addresses are taken in.
///
/// For IPv6 that is later than the end of `ip addr add`, also with `nodad`: the local route is made by a work queue
/// (addrconf_dad_work in net/ipv6/addrconf.c). Until then a socket can be bound and send, but what comes back is
/// answered with an ICMPv6 error. Polled, for the route is there within milliseconds, and once.
pub(super) fn wait_local(netns: &Netns, addresses: impl IntoIterator<Item = IpAddr>) -> Result<()> {
    let mut missing: BTreeSet<Ipv6Addr> = addresses
        .into_iter()
        .filter_map(|address| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(v6),
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let end = Instant::now() + ADDRESS_LIMIT;
    netns.run(|| {
        loop {
            let table = fs::read_to_string("/proc/thread-self/net/ipv6_route")
                .context("cannot read /proc/thread-self/net/ipv6_route")?;
            for address in table.lines().filter_map(local_address) {
                missing.remove(&address);
            }
            if missing.is_empty() {
                return Ok(());
            }
            ensure!(
                Instant::now() < end,
                "no local routes after {ADDRESS_LIMIT:?}: {missing:?}"
            );
            thread::sleep(Duration::from_millis(1));
        }
    })
}

/// The address of a local route. Columns: destination, its length, source, its length, gateway, metric, references,
/// uses, flags, device; numbers are hexadecimal (rt6_native_seq_show in net/ipv6/route.c).
fn local_address(row: &str) -> Option<Ipv6Addr> {
    const LOCAL: u32 = 0x8000_0000; // RTF_LOCAL
    let columns: Vec<&str> = row.split_whitespace().collect();
    let flags = u32::from_str_radix(columns.get(8)?, 16).ok()?;
    if flags & LOCAL == 0 || *columns.get(1)? != "80" {
        return None;
    }
    let address = u128::from_str_radix(columns.first()?, 16).ok()?;
    Some(Ipv6Addr::from_bits(address))
}

pub(super) fn mac(octets: [u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}

/// Sets what makes a namespace quiet; before it has interfaces.
pub(super) fn set_sysctls(netns: &Netns) -> Result<()> {
    netns.run(|| {
        SYSCTLS.iter().try_for_each(|(key, value)| {
            fs::write(format!("/proc/sys/net/{key}"), value)
                .with_context(|| format!("cannot set net/{key} to {value}"))
        })
    })
}

/// Runs `ip -batch` inside a namespace, one command a line.
pub(super) fn ip_batch(netns: &Netns, lines: &[String]) -> Result<()> {
    let mut child = netns
        .command("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run ip; install iproute2")?;
    if let Some(mut stdin) = child.stdin.take() {
        // A failed write means that ip ended early; its stderr says why.
        let _ = stdin.write_all((lines.join("\n") + "\n").as_bytes());
    }
    let output = child.wait_with_output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "ip in {} failed: {}\nin:\n{}",
        netns.name(),
        stderr.trim(),
        lines.join("\n")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_routes_are_told_from_others() {
        let zero = "0".repeat(32);
        let row = |destination: &str, length, flags| {
            format!(
                "{destination} {length} {zero} 00 {zero} 00000000 00000001 00000000 {flags}       lo"
            )
        };
        let own = "20010db8000000000000000000000005";
        let wanted = "2001:db8::5".parse().expect("an address");
        assert_eq!(local_address(&row(own, "80", "80200001")), Some(wanted));
        assert_eq!(local_address(&row(own, "80", "00000001")), None);
        assert_eq!(local_address(&row(own, "40", "80200001")), None);
        assert_eq!(local_address(""), None);
    }
}
