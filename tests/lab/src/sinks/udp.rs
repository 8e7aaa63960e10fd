//! The sink for datagrams.

use std::{
    io,
    net::{Ipv6Addr, UdpSocket},
    ops::Deref,
    os::{fd::AsFd, unix::net::UnixStream},
};

use anyhow::{Context, Result};

use super::{READY, Sink, Tally, unless_blocked};
use crate::{sys, topology::Lab};

/// What a burst may pile up before the sink's thread runs; beyond it the kernel would drop, not the program under test.
const RECEIVE_BUFFER: i32 = 64 << 20;

/// Counts datagrams on one port, of both families; stops on drop.
#[derive(Debug)]
pub struct UdpSink(Sink);

impl UdpSink {
    /// Binds the port on all addresses of the server; port 0 takes a free one.
    ///
    /// # Errors
    /// If the port cannot be bound.
    pub fn new(lab: &Lab, port: u16) -> Result<Self> {
        let open = || {
            let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port))?;
            sys::set_option(
                socket.as_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVBUFFORCE,
                RECEIVE_BUFFER,
            )?;
            socket.set_nonblocking(true)?;
            Ok::<_, io::Error>((socket.local_addr()?.port(), socket))
        };
        let (port, socket) = lab
            .server()
            .run(open)
            .with_context(|| format!("cannot receive on UDP port {port}"))?;
        let serve = move |tally: &Tally, stop: &UnixStream| serve_udp(&socket, tally, stop);
        Ok(Self(Sink::start(vec![port], serve)?))
    }
}

impl Deref for UdpSink {
    type Target = Sink;

    fn deref(&self) -> &Sink {
        &self.0
    }
}

fn serve_udp(socket: &UdpSocket, tally: &Tally, stop: &UnixStream) -> io::Result<()> {
    let mut buffer = [0; 1];
    loop {
        let mut entries = [
            sys::poll_entry(stop.as_fd(), READY),
            sys::poll_entry(socket.as_fd(), READY),
        ];
        sys::poll(&mut entries, None)?;
        if entries[0].revents != 0 {
            return Ok(());
        }
        while let Some((_, from)) = unless_blocked(socket.recv_from(&mut buffer))? {
            tally.add(from);
        }
    }
}
