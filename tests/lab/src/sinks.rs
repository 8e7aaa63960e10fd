//! Servers in the server's namespace that count what reaches them, by source address.

mod tcp;
mod udp;

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};

pub use self::{tcp::TcpSink, udp::UdpSink};

const READY: i16 = libc::POLLIN | libc::POLLHUP | libc::POLLERR;

/// What both sinks offer: counts kept by a thread that serves until its stop pipe closes.
#[derive(Debug)]
pub struct Sink {
    ports: Vec<u16>,
    tally: Arc<Tally>,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Sink {
    /// The ports, in the order asked for.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// How many came from one address so far.
    pub fn count(&self, src: IpAddr) -> u64 {
        self.tally.lock().get(&src).copied().unwrap_or(0)
    }

    /// How many came so far, by source address.
    pub fn counts(&self) -> BTreeMap<IpAddr, u64> {
        self.tally.lock().clone()
    }

    /// How many came in all so far.
    pub fn total(&self) -> u64 {
        self.tally.lock().values().sum()
    }

    /// Waits until `n` came in all; false if the time was over first.
    pub fn wait_for(&self, n: u64, timeout: Duration) -> bool {
        self.tally.wait_for(n, timeout)
    }

    fn start(
        ports: Vec<u16>,
        serve: impl FnOnce(&Tally, &UnixStream) -> io::Result<()> + Send + 'static,
    ) -> Result<Self> {
        let (stop, stopped) = UnixStream::pair().context("cannot make a stop pipe")?;
        let tally = Arc::<Tally>::default();
        let shared = Arc::clone(&tally);
        let thread = thread::Builder::new()
            .name("lab-sink".to_owned())
            .spawn(move || serve(&shared, &stopped))
            .context("cannot start a sink thread")?;
        Ok(Self {
            ports,
            tally,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.stop.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => eprintln!("throttler-lab: a sink failed: {error}"),
            Some(Err(_)) => eprintln!("throttler-lab: a sink panicked"),
            Some(Ok(Ok(()))) | None => {}
        }
    }
}

/// Counts by source, and who waits for them.
#[derive(Debug, Default)]
struct Tally {
    counts: Mutex<BTreeMap<IpAddr, u64>>,
    changed: Condvar,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, from: SocketAddr) {
        // A socket of both families shows IPv4 sources as ::ffff:a.b.c.d.
        *self.lock().entry(from.ip().to_canonical()).or_default() += 1;
        self.changed.notify_all();
    }

    fn wait_for(&self, n: u64, timeout: Duration) -> bool {
        let missing = |counts: &mut BTreeMap<IpAddr, u64>| counts.values().sum::<u64>() < n;
        let (_guard, result) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, missing)
            .unwrap_or_else(PoisonError::into_inner);
        !result.timed_out()
    }
}

/// None where there is nothing more to take for now; a connection that was reset in the queue is passed over.
fn unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
