//! Raw frames by the million: gathered, and sent many a system call.

use std::{
    io,
    net::UdpSocket,
    os::fd::AsFd,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{sys, topology::Lab, traffic};

/// A link that takes no frame for so long is broken.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends frames in the order in which they were pushed; what is not flushed is lost with it.
#[derive(Debug)]
pub struct Volley {
    socket: UdpSocket,
    bytes: Vec<u8>,
    /// Where each frame ends.
    ends: Vec<usize>,
    sent: u64,
}

impl Volley {
    /// Opens a raw socket on the client's interface.
    ///
    /// # Errors
    /// If the kernel refuses the socket.
    pub fn new(lab: &Lab) -> Result<Self> {
        Ok(Self {
            socket: traffic::raw_socket(lab)?,
            bytes: Vec::new(),
            ends: Vec::with_capacity(sys::mmsg::MOST),
            sent: 0,
        })
    }

    /// Takes a frame on, and sends all that are waiting once they fill a call.
    ///
    /// # Errors
    /// As [`Volley::flush`].
    pub fn push(&mut self, frame: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(frame);
        self.ends.push(self.bytes.len());
        if self.ends.len() == sys::mmsg::MOST {
            self.flush()?;
        }
        Ok(())
    }

    /// Sends what is waiting. A frame that a full queue refuses is sent again: each is put on the link exactly once.
    ///
    /// # Errors
    /// If a frame is shorter than an Ethernet header or longer than the MTU, or the queue stays full for five seconds.
    pub fn flush(&mut self) -> Result<()> {
        let mut stuck = None;
        let (mut first, mut from) = (0, 0);
        while first < self.ends.len() {
            let ends: Vec<usize> = self.ends[first..].iter().map(|end| end - from).collect();
            match sys::mmsg::send(self.socket.as_fd(), &self.bytes[from..], &ends) {
                Ok(sent) => {
                    ensure!(sent > 0, "the kernel took no frame and said nothing");
                    first += sent;
                    from = self.ends[first - 1];
                    self.sent += sent as u64;
                    stuck = None;
                }
                Err(error) if is_full(&error) => {
                    let since = stuck.get_or_insert_with(Instant::now);
                    ensure!(
                        since.elapsed() < PATIENCE,
                        "the link took no frame for {PATIENCE:?}"
                    );
                    thread::yield_now();
                }
                Err(error) => return Err(error).context("cannot send frames"),
            }
        }
        self.bytes.clear();
        self.ends.clear();
        Ok(())
    }

    /// Frames put on the link so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOBUFS | libc::EAGAIN | libc::EINTR)
    )
}
