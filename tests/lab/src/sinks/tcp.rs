//! The sink for connections.

use std::{
    io,
    net::{Ipv6Addr, TcpListener, TcpStream},
    ops::Deref,
    os::{fd::AsFd, unix::net::UnixStream},
};

use anyhow::{Context, Result};

use super::{READY, Sink, Tally, unless_blocked};
use crate::{sys, topology::Lab};

/// Connections that may wait for the sink's thread to accept them.
const BACKLOG: i32 = 16_384;
/// Data that a peer sends is left unread, so that only its end closes a connection.
const ENDED: i16 = libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR;

/// Counts connections on some ports, of both families, and keeps each until its peer ends it; stops on drop.
#[derive(Debug)]
pub struct TcpSink(Sink);

impl TcpSink {
    /// Listens on the ports on all addresses of the server; port 0 takes a free one.
    ///
    /// # Errors
    /// If a port cannot be bound.
    pub fn new(lab: &Lab, ports: &[u16]) -> Result<Self> {
        let open = |&port: &u16| {
            let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))?;
            sys::set_backlog(listener.as_fd(), BACKLOG)?;
            listener.set_nonblocking(true)?;
            Ok::<_, io::Error>((listener.local_addr()?.port(), listener))
        };
        let opened = lab
            .server()
            .run(|| ports.iter().map(open).collect::<io::Result<Vec<_>>>());
        let (ports, listeners): (_, Vec<_>) = opened
            .with_context(|| format!("cannot listen on TCP ports {ports:?}"))?
            .into_iter()
            .unzip();
        let serve = move |tally: &Tally, stop: &UnixStream| serve_tcp(&listeners, tally, stop);
        Ok(Self(Sink::start(ports, serve)?))
    }
}

impl Deref for TcpSink {
    type Target = Sink;

    fn deref(&self) -> &Sink {
        &self.0
    }
}

fn serve_tcp(listeners: &[TcpListener], tally: &Tally, stop: &UnixStream) -> io::Result<()> {
    let mut streams: Vec<TcpStream> = Vec::new();
    loop {
        let mut entries = vec![sys::poll_entry(stop.as_fd(), READY)];
        entries.extend(
            listeners
                .iter()
                .map(|listener| sys::poll_entry(listener.as_fd(), READY)),
        );
        entries.extend(
            streams
                .iter()
                .map(|stream| sys::poll_entry(stream.as_fd(), ENDED)),
        );
        sys::poll(&mut entries, None)?;
        if entries[0].revents != 0 {
            return Ok(());
        }
        // A connection closed here first would make the number of packets of a test depend on timing.
        let mut ended = entries[1 + listeners.len()..]
            .iter()
            .map(|entry| entry.revents != 0);
        streams.retain(|_| !ended.next().unwrap_or(false));
        for listener in listeners {
            while let Some((stream, from)) = unless_blocked(listener.accept())? {
                tally.add(from);
                streams.push(stream);
            }
        }
    }
}
