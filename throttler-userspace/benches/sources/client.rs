//! Clients that ask one question after the other, each over one connection that stays open.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::crowd;

/// Clients at work.
pub(super) struct Load {
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Result<Vec<Duration>>>>,
    process: u32,
    used: Duration,
}

/// What they saw.
pub(super) struct Measured {
    /// How long each answer took, the shortest first.
    waited: Vec<Duration>,
    /// Processor time of the daemon meanwhile, of all its threads.
    pub(super) used: Duration,
}

impl Load {
    /// Starts so many; `query` follows the address.
    pub(super) fn start(socket: &Path, process: u32, clients: u64, query: &str) -> Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let used = used(process)?;
        let clients = (1..=clients).map(|seed| {
            let (over, socket, query) = (Arc::clone(&over), socket.to_owned(), query.to_owned());
            thread::spawn(move || ask(&socket, seed, &query, &over))
        });
        Ok(Self {
            clients: clients.collect(),
            over,
            process,
            used,
        })
    }

    /// Ends them.
    pub(super) fn end(self) -> Result<Measured> {
        let used = used(self.process)? - self.used;
        self.over.store(true, Ordering::Relaxed);
        let mut waited = Vec::new();
        for client in self.clients {
            waited.extend(client.join().map_err(|_| anyhow!("a client panicked"))??);
        }
        waited.sort_unstable();
        ensure!(!waited.is_empty(), "nothing was answered");
        Ok(Measured { waited, used })
    }
}

impl Measured {
    pub(super) fn answers(&self) -> usize {
        self.waited.len()
    }

    /// The time within which such a part of the answers came.
    pub(super) fn waited(&self, part: f64) -> Duration {
        let last = self.waited.len() - 1;
        self.waited[(last as f64 * part).round() as usize]
    }
}

fn ask(socket: &PathBuf, seed: u64, query: &str, over: &AtomicBool) -> Result<Vec<Duration>> {
    let mut stream = UnixStream::connect(socket)?;
    let mut random = seed;
    let (mut waited, mut answer) = (Vec::new(), vec![0; 64 * 1024]);
    while !over.load(Ordering::Relaxed) {
        // A linear congruential generator (Knuth, MMIX): addresses in no order.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let number = (random >> 33) as u32 % super::SOURCES as u32;
        let address = crowd::address(number);
        let request =
            format!("GET /v1/sources/{address}{query} HTTP/1.1\r\nhost: throttler\r\n\r\n");
        let asked = Instant::now();
        stream.write_all(request.as_bytes())?;
        read(&mut stream, &mut answer)?;
        waited.push(asked.elapsed());
    }
    Ok(waited)
}

/// Reads one answer, which must be a good one.
fn read(stream: &mut UnixStream, answer: &mut [u8]) -> Result<()> {
    let mut have = 0;
    loop {
        let more = stream.read(&mut answer[have..])?;
        ensure!(more > 0, "the daemon closed the connection");
        have += more;
        let text = &answer[..have];
        let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&text[..end])?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let mut lines = head.lines();
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("no length")?.parse()?;
        if have == end + 4 + length {
            return Ok(());
        }
    }
}

/// Processor time that a process has used, user's and kernel's, from proc(5): ticks of 10 ms.
fn used(process: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Behind the name, which may hold spaces, the state is the third field.
    let (_, rest) = stat.rsplit_once(") ").context("no name")?;
    let ticks = rest.split(' ').skip(11).take(2).map(str::parse::<u64>);
    let ticks = ticks.sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}
