//! Raw frames by the million: gathered, and sent many a system call.

use std::{
    fs::File,
    io,
    net::UdpSocket,
    os::{fd::AsFd, unix::fs::FileExt},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    link, sys,
    topology::{Lab, SERVER_IFACE},
    traffic,
};

/// A link that takes no frame for so long is broken.
const PATIENCE: Duration = Duration::from_secs(5);

/// Frames that may be under way. A veth's ring has room for 256, and Linux before 6.16 loses what does not fit.
const WINDOW: u64 = 128;

/// Sends frames in the order in which they were pushed, as fast as the server takes them in: nobody else may send to it
/// meanwhile. What is not flushed is lost with it.
#[derive(Debug)]
pub struct Volley {
    socket: UdpSocket,
    bytes: Vec<u8>,
    /// Where each frame ends.
    ends: Vec<usize>,
    sent: u64,
    /// The server's `/proc/net/dev`.
    gauge: File,
    /// What the server had taken in before, and when last asked.
    before: u64,
    taken: u64,
}

impl Volley {
    /// Opens a raw socket on the client's interface.
    ///
    /// # Errors
    /// If the kernel refuses the socket.
    pub fn new(lab: &Lab) -> Result<Self> {
        let gauge = lab.server().run(|| File::open("/proc/thread-self/net/dev"));
        let mut volley = Self {
            socket: traffic::raw_socket(lab)?,
            bytes: Vec::new(),
            ends: Vec::with_capacity(sys::mmsg::MOST),
            sent: 0,
            gauge: gauge.context("cannot open /proc/thread-self/net/dev")?,
            before: 0,
            taken: 0,
        };
        volley.before = volley.ask()?;
        volley.taken = volley.before;
        Ok(volley)
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
        self.keep_pace()
    }

    /// Waits until few enough frames are under way.
    fn keep_pace(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.before + self.sent >= self.taken + WINDOW {
            self.taken = self.ask()?;
            ensure!(
                Instant::now() < end,
                "the server took in {} of {} frames",
                self.taken - self.before,
                self.sent
            );
            thread::yield_now();
        }
        Ok(())
    }

    /// Frames that the server has taken in.
    fn ask(&self) -> Result<u64> {
        let mut text = [0; 4096];
        let length = self.gauge.read_at(&mut text, 0);
        let length = length.context("cannot read /proc/thread-self/net/dev")?;
        let table = String::from_utf8_lossy(&text[..length]);
        let stats = link::parse_stats(&table, SERVER_IFACE);
        Ok(stats.context("the server's interface has gone")?.rx_packets)
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
