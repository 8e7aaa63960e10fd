//! An honest client: it asks at a low rate and waits for each answer.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use throttler_lab::Lab;
use throttler_lab::topology::SERVER_V4;

const PORT: u16 = 4001;
/// Addresses that it asks from in turn, so that each stays below the limit.
const ADDRESSES: u8 = 100;
const PAUSE: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_millis(50);

/// Answers what comes, until dropped.
pub(super) struct Server {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(lab: &Lab) -> Result<Self> {
        let bound = lab.server().run(|| UdpSocket::bind((SERVER_V4, PORT)));
        let socket = bound.context("binding the answering socket")?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let end = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&end);
        let thread = thread::spawn(move || {
            let mut bytes = [0; 64];
            while !seen.load(Ordering::Relaxed) {
                if let Ok((len, from)) = socket.recv_from(&mut bytes) {
                    // The client counts what it does not get.
                    let _ = socket.send_to(&bytes[..len], from);
                }
            }
        });
        Ok(Self {
            end,
            thread: Some(thread),
        })
    }

    /// Asks for as long as `time`.
    pub(super) fn ask(&self, lab: &Lab, time: Duration) -> Result<Trips> {
        let addresses: Vec<Ipv4Addr> = (1..=ADDRESSES).map(|n| [10, 200, 0, n].into()).collect();
        lab.add_clients(addresses.iter().copied().map(Into::into))?;
        let asked = lab.client().run(|| -> io::Result<Trips> {
            let sockets = addresses.iter().map(|address| {
                let socket = UdpSocket::bind((*address, 0))?;
                socket.set_read_timeout(Some(PATIENCE))?;
                Ok(socket)
            });
            let sockets = sockets.collect::<io::Result<Vec<_>>>()?;
            let end = Instant::now() + time;
            let mut trips = Trips::default();
            for (number, socket) in (0_u64..).zip(sockets.iter().cycle()) {
                let start = Instant::now();
                if start >= end {
                    break;
                }
                match trip(socket, number, start)? {
                    Some(time) => trips.times.push(time),
                    None => trips.lost += 1,
                }
                thread::sleep(PAUSE.saturating_sub(start.elapsed()));
            }
            trips.times.sort_unstable();
            Ok(trips)
        });
        asked.context("asking as an honest client")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Round trips in order of time, and how many questions had no answer.
#[derive(Default)]
pub(super) struct Trips {
    times: Vec<Duration>,
    pub(super) lost: usize,
}

impl Trips {
    pub(super) fn sent(&self) -> usize {
        self.times.len() + self.lost
    }

    /// Microseconds.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.times.len().checked_sub(1)?;
        let time = self.times[(last as f64 * share).round() as usize];
        Some(time.as_secs_f64() * 1e6)
    }
}

fn trip(socket: &UdpSocket, number: u64, start: Instant) -> io::Result<Option<Duration>> {
    socket.send_to(&number.to_ne_bytes(), SocketAddr::from((SERVER_V4, PORT)))?;
    let mut answer = [0; 8];
    loop {
        match socket.recv(&mut answer) {
            Ok(_) if u64::from_ne_bytes(answer) == number => return Ok(Some(start.elapsed())),
            // The answer to an earlier question, given up.
            Ok(_) if start.elapsed() < PATIENCE => {}
            Err(error)
                if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Err(error);
            }
            _ => return Ok(None),
        }
    }
}
