//! Traffic from the client's namespace: raw frames, and real sockets of the kernel there.
//!
//! Raw frames are best given source addresses that the client does not have: then the client's kernel ignores what the
//! server answers, while for an address of its own it would send a RST to each SYN-ACK, which is traffic too.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::{AsFd, OwnedFd},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, Ipv4Header};

use crate::{
    netns::Netns,
    sys,
    topology::{CLIENT_IFACE, Lab},
};

/// Sends raw frames out of the client's interface.
#[derive(Debug)]
pub struct Injector {
    /// An AF_PACKET socket; std's type serves as `send` over it.
    socket: UdpSocket,
}

impl Injector {
    /// Opens the raw socket.
    ///
    /// # Errors
    /// If the kernel refuses the socket.
    pub fn new(lab: &Lab) -> Result<Self> {
        Ok(Self {
            socket: raw_socket(lab)?,
        })
    }

    /// As [`Injector::new`], out of any interface of a namespace.
    ///
    /// # Errors
    /// If there is no such interface, or the kernel refuses the socket.
    pub fn on(netns: &Netns, interface: &str) -> Result<Self> {
        Ok(Self {
            socket: raw_socket_on(netns, interface)?,
        })
    }

    /// Sends one frame; once this returns, the XDP program has seen it or is about to.
    ///
    /// A frame that a full ring refuses is sent again, so that each call puts exactly one frame on the wire.
    ///
    /// # Errors
    /// If the frame is shorter than an Ethernet header or longer than the MTU, or the ring stays full for a second.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(1);
        loop {
            match self.socket.send(frame) {
                Err(error)
                    if error.raw_os_error() == Some(libc::ENOBUFS) && Instant::now() < end =>
                {
                    thread::yield_now();
                }
                result => {
                    let sent = result
                        .with_context(|| format!("cannot send a frame of {} bytes", frame.len()))?;
                    ensure!(
                        sent == frame.len(),
                        "only {sent} of {} bytes of a frame were sent",
                        frame.len()
                    );
                    return Ok(());
                }
            }
        }
    }

    /// Sends frames in order; gives how many.
    ///
    /// # Errors
    /// As [`Injector::send`].
    pub fn send_many<F: AsRef<[u8]>>(&self, frames: impl IntoIterator<Item = F>) -> Result<usize> {
        let mut sent = 0;
        for frame in frames {
            self.send(frame.as_ref())?;
            sent += 1;
        }
        Ok(sent)
    }
}

/// A socket that puts whole frames on the client's interface.
pub(crate) fn raw_socket(lab: &Lab) -> Result<UdpSocket> {
    raw_socket_on(lab.client(), CLIENT_IFACE)
}

fn raw_socket_on(netns: &Netns, interface: &str) -> Result<UdpSocket> {
    let open = || {
        let socket = sys::socket(libc::AF_PACKET, libc::SOCK_RAW, 0)?;
        sys::bind_packet(socket.as_fd(), sys::interface_index(interface)?)?;
        Ok::<_, io::Error>(UdpSocket::from(socket))
    };
    netns
        .run(open)
        .with_context(|| format!("cannot open a raw socket on {interface}"))
}

/// Sends `n` datagrams from one socket bound to `src`, which becomes an address of the client.
///
/// # Errors
/// If the address cannot be added or the socket refuses.
pub fn udp_burst(lab: &Lab, src: IpAddr, dst: SocketAddr, n: usize, payload: &[u8]) -> Result<()> {
    lab.add_client(src)?;
    lab.client()
        .run(|| {
            let socket = UdpSocket::bind((src, 0))?;
            // Not connected: an ICMP error for one datagram must not fail the next.
            (0..n).try_for_each(|_| socket.send_to(payload, dst).map(drop))
        })
        .with_context(|| format!("cannot send UDP from {src} to {dst}"))
}

/// Sends `n` echo requests from `src` at once; gives how many were answered before the deadline.
///
/// # Errors
/// If the address cannot be added, the families differ, or the socket refuses.
pub fn ping(lab: &Lab, src: IpAddr, dst: IpAddr, n: u16, deadline: Duration) -> Result<usize> {
    static IDENTIFIER: AtomicU16 = AtomicU16::new(1);
    lab.add_client(src)?;
    let id = IDENTIFIER.fetch_add(1, Ordering::Relaxed);
    lab.client()
        .run(|| {
            let socket = UdpSocket::from(icmp_socket(src, dst)?);
            for seq in 0..n {
                socket.send(&echo_request(dst, IcmpEchoHeader { id, seq }))?;
            }
            let end = Instant::now() + deadline;
            let mut replies = 0;
            let mut buffer = [0; 2048];
            while replies < usize::from(n) {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                socket.set_read_timeout(Some(left))?;
                match socket.recv(&mut buffer) {
                    Ok(len) if is_reply(src, &buffer[..len], id) => replies += 1,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            Ok(replies)
        })
        .with_context(|| format!("cannot ping {dst} from {src}"))
}

fn icmp_socket(src: IpAddr, dst: IpAddr) -> io::Result<OwnedFd> {
    let socket = match src {
        IpAddr::V4(_) => sys::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)?,
        IpAddr::V6(_) => sys::socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6)?,
    };
    sys::bind(socket.as_fd(), &SocketAddr::new(src, 0))?;
    sys::connect(socket.as_fd(), &SocketAddr::new(dst, 0))?;
    Ok(socket)
}

/// The ICMP message; for ICMPv6 the kernel fills the checksum in (RFC 3542, section 3.1).
fn echo_request(dst: IpAddr, echo: IcmpEchoHeader) -> Vec<u8> {
    match dst {
        IpAddr::V4(_) => Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(echo), &[])
            .to_bytes()
            .to_vec(),
        IpAddr::V6(_) => Icmpv6Header::new(Icmpv6Type::EchoRequest(echo))
            .to_bytes()
            .to_vec(),
    }
}

/// Whether a message from a raw socket is the answer to one of ours; only IPv4 sockets give the IP header, too.
fn is_reply(src: IpAddr, message: &[u8], id: u16) -> bool {
    let echo = match src {
        IpAddr::V4(_) => Ipv4Header::from_slice(message)
            .ok()
            .and_then(|(_, icmp)| Icmpv4Header::from_slice(icmp).ok())
            .and_then(|(header, _)| {
                if let Icmpv4Type::EchoReply(echo) = header.icmp_type {
                    Some(echo)
                } else {
                    None
                }
            }),
        IpAddr::V6(_) => Icmpv6Header::from_slice(message)
            .ok()
            .and_then(|(header, _)| {
                if let Icmpv6Type::EchoReply(echo) = header.icmp_type {
                    Some(echo)
                } else {
                    None
                }
            }),
    };
    echo.is_some_and(|echo| echo.id == id)
}
