//! The driver program: draws the source address of each packet and tail-calls the program under test.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use aya::EbpfLoader;
use aya::programs::Xdp;
use throttler::kernel::map::Map;
use throttler::kernel::sys::{self, TestRun};
use throttler_lab::{Netns, PinDir};

use crate::figures::{Draw, zipf};
use crate::settings::{self, mode};
use crate::sys::pin_to;

static PROGRAMS: &[u8] = aya::include_bytes_aligned!(env!("THROTTLER_BENCH_OBJECT"));
/// The index of `lo` in every network namespace.
const LOOPBACK: u32 = 1;

/// A program to measure.
pub(crate) struct Subject {
    pub(crate) program: OwnedFd,
    /// Whether it knows nothing of frames of several buffers.
    pub(crate) linear: bool,
}

/// The benchmark's own programs and their maps.
pub(crate) struct Driver {
    drivers: [OwnedFd; 2],
    pub(crate) floor: Subject,
    pub(crate) clock: Subject,
    pub(crate) cache_line: Subject,
    pub(crate) lru_gcra: Subject,
    pub(crate) flood: OwnedFd,
    settings: Map<u32, u32>,
    zipf: Map<u32, u64>,
    targets: [Map<u32, u32>; 2],
    /// How many sources the Zipf table is for.
    zipf_sources: AtomicU32,
    _links: [OwnedFd; 2],
    _netns: [Netns; 2],
}

impl Driver {
    pub(crate) fn load(pins: &PinDir) -> Result<Self> {
        let mut object = EbpfLoader::new()
            .load(PROGRAMS)
            .context("loading the benchmark's programs")?;
        let mut program = |name: &str| -> Result<OwnedFd> {
            let xdp: &mut Xdp = object
                .program_mut(name)
                .context("a program is missing")?
                .try_into()?;
            xdp.load().with_context(|| format!("loading `{name}`"))?;
            Ok(xdp.fd()?.as_fd().try_clone_to_owned()?)
        };
        let drivers = [program("driver")?, program("driver_linear")?];
        let [floor, clock, cache_line, lru_gcra] =
            ["floor", "clock", "cache_line", "lru_gcra"].map(&mut program);
        let subject = |program: Result<OwnedFd>| -> Result<Subject> {
            Ok(Subject {
                program: program?,
                linear: false,
            })
        };
        let flood = program("flood")?;
        let (netns, links) = attached(&drivers)?;
        let pinned = |name: &str| -> Result<_> {
            let path = pins.path().join(name);
            object.map(name).context("a map is missing")?.pin(&path)?;
            Ok(path)
        };
        Ok(Self {
            drivers,
            floor: subject(floor)?,
            clock: subject(clock)?,
            cache_line: subject(cache_line)?,
            lru_gcra: subject(lru_gcra)?,
            flood,
            settings: Map::open(&pinned("SETTINGS")?)?,
            zipf: Map::open(&pinned("ZIPF")?)?,
            targets: [
                Map::open(&pinned("TARGET")?)?,
                Map::open(&pinned("TARGET_LINEAR")?)?,
            ],
            zipf_sources: AtomicU32::new(0),
            _links: links,
            _netns: netns,
        })
    }

    /// Sets how sources are drawn.
    pub(crate) fn draw(&self, draw: Draw) -> io::Result<()> {
        match draw {
            Draw::One => self.mode(mode::UNIFORM, 1),
            Draw::OneEach => self.mode(mode::OWN, 1),
            Draw::Uniform(sources) => self.mode(mode::UNIFORM, sources),
            Draw::EverNew => self.mode(mode::EVER_NEW, 1),
            Draw::Zipf(sources) => {
                if self.zipf_sources.swap(sources, Ordering::Relaxed) != sources {
                    let table = zipf::table(sources, settings::ZIPF_RUNS);
                    let words: Vec<u64> = table.iter().flat_map(zipf::Run::words).collect();
                    let keys: Vec<u32> = (0..).take(words.len()).collect();
                    self.zipf.set_all(&keys, &words)?;
                }
                self.mode(mode::ZIPF, sources)
            }
        }
    }

    fn mode(&self, mode: u32, sources: u32) -> io::Result<()> {
        self.settings.set(&settings::MODE, &mode)?;
        self.settings.set(&settings::SOURCES, &sources)
    }

    /// Where the flood goes, and nanoseconds between its bursts.
    pub(crate) fn aim(&self, interface: u32, gap: u32) -> io::Result<()> {
        self.settings.set(&settings::OUT, &interface)?;
        self.settings.set(&settings::GAP, &gap)
    }

    /// Runs the program once for each of the first `sources` sources.
    pub(crate) fn sweep(&self, subject: &Subject, frame: &[u8], sources: u32) -> Result<()> {
        self.mode(mode::SWEEP, sources)?;
        self.run(subject, frame, sources).map(drop)
    }

    /// Mean nanoseconds a packet, of the CPUs from 0 on, all at once; and what the program said last.
    pub(crate) fn measure(
        &self,
        subject: &Subject,
        frame: &[u8],
        draw: Draw,
        cpus: u8,
        packets: u32,
    ) -> Result<TestRun> {
        self.draw(draw)?;
        if cpus == 1 {
            return self.run(subject, frame, packets);
        }
        let start = Barrier::new(cpus.into());
        let runs: Vec<TestRun> = thread::scope(|scope| {
            let run = |cpu: u8| {
                let start = &start;
                move || {
                    let pinned = pin_to(cpu.into());
                    // Also where that failed: the others wait.
                    start.wait();
                    pinned?;
                    self.run(subject, frame, packets)
                }
            };
            let threads: Vec<_> = (0..cpus).map(|cpu| scope.spawn(run(cpu))).collect();
            let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
            joined
                .map(|run| run.map_err(|_| anyhow!("a measuring thread panicked"))?)
                .collect::<Result<_>>()
        })?;
        Ok(TestRun {
            result: runs.iter().map(|run| run.result).max().unwrap_or(0),
            nanos: runs.iter().map(|run| run.nanos).sum::<u32>() / u32::from(cpus),
        })
    }

    fn run(&self, subject: &Subject, frame: &[u8], packets: u32) -> Result<TestRun> {
        let kind = usize::from(subject.linear);
        let program = subject.program.as_raw_fd() as u32;
        // Written once a run, also by two threads at once: the same program.
        self.targets[kind].set(&0, &program)?;
        sys::test_run(self.drivers[kind].as_fd(), frame, packets).context("running the driver")
    }
}

/// Attaches the drivers where nothing passes: the kernel makes a program that is attached nowhere known
/// to its XDP dispatcher for each test run anew, which takes 25 ms and would keep two CPUs from starting
/// together (`bpf_prog_change_xdp` in net/bpf/test_run.c).
fn attached(drivers: &[OwnedFd; 2]) -> Result<([Netns; 2], [OwnedFd; 2])> {
    let netns = [Netns::new("bench-d")?, Netns::new("bench-l")?];
    let attach = |index: usize| {
        netns[index]
            .run(|| sys::attach_xdp(drivers[index].as_fd(), LOOPBACK, sys::XDP_GENERIC))
            .context("attaching the driver")
    };
    let links = [attach(0)?, attach(1)?];
    Ok((netns, links))
}
