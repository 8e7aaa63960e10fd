//! What the clients send, and the servers that count what reaches them.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use throttler_lab::{
    Injector, Lab, TcpSink, UdpSink, frames, ping, tcp_connect_attempts,
    topology::{SERVER_V4, SERVER_V6},
    udp_burst,
};

use super::{
    clients::{CLIENTS, COUNT, Client, Load},
    policy::{DNS_PORT, WEB_PORT},
};

/// Less than the second after which the kernel sends a SYN again; who is answered does not wait for it.
const ANSWER_LIMIT: Duration = Duration::from_millis(900);
const FIRST_PORT: u16 = 10_000;

/// The clients at work.
pub(super) struct Traffic<'a> {
    lab: &'a Lab,
    injector: Injector,
    dns: UdpSink,
    _web: TcpSink,
    sent: [AtomicU64; COUNT],
}

impl<'a> Traffic<'a> {
    pub(super) fn new(lab: &'a Lab) -> Result<Self> {
        let real = CLIENTS.iter().filter(|client| client.real);
        lab.add_clients(real.flat_map(Client::addresses))?;
        Ok(Self {
            lab,
            injector: Injector::new(lab)?,
            dns: UdpSink::new(lab, DNS_PORT)?,
            _web: TcpSink::new(lab, &[WEB_PORT])?,
            sent: Default::default(),
        })
    }

    /// Packets sent so far, by client.
    pub(super) fn sent(&self) -> [u64; COUNT] {
        self.sent
            .each_ref()
            .map(|sent| sent.load(Ordering::Relaxed))
    }

    /// Datagrams that the server has received so far, by client.
    pub(super) fn received(&self) -> [u64; COUNT] {
        CLIENTS.each_ref().map(|client| {
            let counts = client.addresses().map(|address| self.dns.count(address));
            counts.iter().sum()
        })
    }

    /// Lets every client send one second's load from both its addresses, all at once.
    pub(super) fn second(&self, second: u32) -> Result<()> {
        thread::scope(|scope| {
            let mut senders = Vec::new();
            for (client, sent) in CLIENTS.iter().zip(&self.sent) {
                for src in client.addresses() {
                    senders.push(scope.spawn(move || {
                        let packets = if client.real {
                            self.converse(src, client.load)
                        } else {
                            self.inject(src, client.load, second)
                        };
                        packets.map(|packets| sent.fetch_add(packets, Ordering::Relaxed))
                    }));
                }
            }
            senders.into_iter().try_for_each(|sender| {
                let result = sender.join().map_err(|_| anyhow!("a sender panicked"))?;
                result.map(drop).context("cannot send")
            })
        })
    }

    /// Real sockets, of clients that nothing is to be refused to; gives the packets that went out.
    fn converse(&self, src: IpAddr, load: Load) -> Result<u64> {
        let server = server_of(src);
        let [web, dns] = [WEB_PORT, DNS_PORT].map(|port| SocketAddr::new(server, port));
        udp_burst(self.lab, src, dns, load.datagrams.into(), b"who is it?")?;
        let answered = ping(self.lab, src, server, load.pings, ANSWER_LIMIT)?;
        let connects =
            tcp_connect_attempts(self.lab, src, web, load.connects.into(), ANSWER_LIMIT)?;
        let connected = connects.iter().filter(|connected| **connected).count();
        ensure!(
            answered == usize::from(load.pings) && connected == usize::from(load.connects),
            "contradicts the policy: {src} had {answered} of {} pings answered and {connected} of {} connections made",
            load.pings,
            load.connects
        );
        // A connection is a SYN, an ACK and at last a RST.
        Ok(u64::from(load.datagrams) + u64::from(load.pings) + 3 * u64::from(load.connects))
    }

    /// Frames, from addresses that no kernel answers for.
    fn inject(&self, src: IpAddr, load: Load, second: u32) -> Result<u64> {
        let server = server_of(src);
        // Other ports each second: for the server, a SYN from the same port would be the same connection again.
        let first = FIRST_PORT + u16::try_from(second)? * load.connects;
        let mut sent = 0;
        sent += self.injector.send_many(
            (first..first + load.connects).map(|port| frames::tcp_syn(src, server, port, WEB_PORT)),
        )?;
        let datagram = frames::udp(src, server, FIRST_PORT, DNS_PORT, 32);
        sent += self
            .injector
            .send_many((0..load.datagrams).map(|_| &datagram))?;
        let echo = frames::icmp_echo(src, server);
        sent += self.injector.send_many((0..load.pings).map(|_| &echo))?;
        Ok(sent as u64)
    }
}

fn server_of(src: IpAddr) -> IpAddr {
    match src {
        IpAddr::V4(_) => SERVER_V4.into(),
        IpAddr::V6(_) => SERVER_V6.into(),
    }
}
