//! TCP connection attempts from the client's namespace.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpStream},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{sys, topology::Lab};

/// Starts `n` connects from `src` at once and waits for each until the deadline; gives which were established, in the
/// order of starting. All are reset at the end (no TIME_WAIT).
///
/// The kernel sends a SYN again after 1 s (RFC 6298), so a deadline below that, such as 700 ms, makes it one SYN an
/// attempt. An established one sends SYN, ACK and at last RST: three packets; a refused one its SYN alone.
///
/// # Errors
/// If the address cannot be added or the sockets cannot be made.
pub fn tcp_connect_attempts(
    lab: &Lab,
    src: IpAddr,
    dst: SocketAddr,
    n: usize,
    deadline: Duration,
) -> Result<Vec<bool>> {
    lab.add_client(src)?;
    lab.client()
        .run(|| {
            let sockets = (0..n)
                .map(|_| start(src, &dst))
                .collect::<io::Result<Vec<_>>>()?;
            settle(&sockets, Instant::now() + deadline)
        })
        .with_context(|| format!("cannot try TCP from {src} to {dst}"))
}

fn start(src: IpAddr, dst: &SocketAddr) -> io::Result<TcpStream> {
    let family = if src.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let socket = sys::socket(family, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    sys::reset_on_close(socket.as_fd())?;
    // The port is chosen at connect, where it needs to be unique for this destination only.
    sys::set_option(
        socket.as_fd(),
        libc::IPPROTO_IP,
        libc::IP_BIND_ADDRESS_NO_PORT,
        1,
    )?;
    sys::bind(socket.as_fd(), &SocketAddr::new(src, 0))?;
    match sys::connect(socket.as_fd(), dst) {
        // A reset that comes while connect is running is an outcome for `settle` to find, as is one that comes later.
        Err(error) if error.kind() != io::ErrorKind::ConnectionRefused => Err(error),
        _ => Ok(TcpStream::from(socket)),
    }
}

fn settle(sockets: &[TcpStream], end: Instant) -> io::Result<Vec<bool>> {
    let mut connected = vec![false; sockets.len()];
    let mut waiting: Vec<usize> = (0..sockets.len()).collect();
    while !waiting.is_empty() {
        let mut entries: Vec<_> = waiting
            .iter()
            .map(|&index| sys::poll_entry(sockets[index].as_fd(), libc::POLLOUT))
            .collect();
        let left = end.saturating_duration_since(Instant::now());
        if sys::poll(&mut entries, Some(left))? == 0 && left.is_zero() {
            break;
        }
        let settled = entries.iter().map(|entry| entry.revents != 0);
        let (done, still): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .zip(settled)
            .partition(|(_, settled)| *settled);
        for (index, _) in done {
            // An attempt that failed has an error pending, or has no peer.
            connected[index] =
                sockets[index].take_error()?.is_none() && sockets[index].peer_addr().is_ok();
        }
        waiting = still.into_iter().map(|(index, _)| index).collect();
    }
    Ok(connected)
}
