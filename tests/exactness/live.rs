//! Two CPUs at full speed on the program that interfaces run, by the kernel's own clock.
//!
//! Nobody can say at which nanosecond it decided on a packet, but between which two readings of the clock all of them
//! lie. Since the start at most burst + rate * dt were admitted; and between two times at which a bucket was found empty, all that
//! came back. Nothing here depends on how fast the machine is, as long as no bucket is full again while nobody sends, which is
//! asserted too.

use std::net::IpAddr;
use std::os::fd::{AsFd as _, OwnedFd};

use throttler::kernel::sys;

use crate::cpus::{from, of_one_set, on_two_cpus, source};
use crate::harness::{Program, SECOND};
use crate::setting::setting;

/// An empty bucket takes so many seconds to fill.
const WINDOW: u64 = 60;
/// Packets without leaving the kernel: its set-up costs 25 ms.
const CHUNK: u64 = 50_000;

/// `XDP_DROP` of include/uapi/linux/bpf.h.
const DROP: u32 = 1;

struct Live {
    program: Program,
    running: OwnedFd,
    sources: Vec<IpAddr>,
    /// Units a second of each bucket.
    rate: u64,
}

/// A bucket that has less than a unit, between two readings of the clock.
struct Empty {
    between: [u64; 2],
    /// Packets that it has admitted by then.
    admitted: u64,
}

impl Live {
    fn new(program: Program, sources: Vec<IpAddr>, rate: u64) -> Self {
        Self {
            running: program.production(),
            program,
            sources,
            rate,
        }
    }

    fn send(&self, source: IpAddr, times: u64) -> u32 {
        let run = sys::test_run(self.running.as_fd(), &from(source), times as u32);
        run.expect("a test run").result
    }

    /// Sends until the bucket that charges the source is empty. Packets of `sources` are what it has admitted.
    fn drain(&self, source: IpAddr, sources: &[IpAddr]) -> Empty {
        while self.send(source, CHUNK) != DROP {}
        loop {
            let begin = sys::monotonic_ns();
            if self.send(source, 1) == DROP {
                let passed = sources
                    .iter()
                    .filter_map(|s| self.program.record(*s, "default"));
                return Empty {
                    between: [begin, sys::monotonic_ns()],
                    admitted: passed.map(|record| record.passed.packets).sum(),
                };
            }
        }
    }

    /// Both CPUs send from all sources; each of `buckets` is charged by the sources in it.
    fn admits_what_comes_back(&self, what: &str, buckets: &[&[IpAddr]]) {
        let started = sys::monotonic_ns();
        let drain = || -> Vec<Empty> { buckets.iter().map(|of| self.drain(of[0], of)).collect() };
        let first = drain();
        let chunks = setting("THROTTLER_PACKETS", 200_000).div_ceil(CHUNK) * 8;
        on_two_cpus(|cpu| {
            for chunk in 0..chunks as usize {
                self.send(self.sources[(chunk + cpu) % self.sources.len()], CHUNK);
            }
        });
        let last = drain();
        let units = |nanos: u64| u128::from(nanos) * u128::from(self.rate) / u128::from(SECOND);
        let (mut came, mut least) = (0, 0);
        for (first, last) in first.iter().zip(&last) {
            let whole = last.between[1] - started;
            assert!(
                whole < WINDOW * SECOND,
                "the machine stood still: nothing was shown"
            );
            let most = u128::from(self.rate * WINDOW) + units(whole);
            assert!(
                u128::from(last.admitted) <= most,
                "{what}: {} of {most}",
                last.admitted
            );
            came += u128::from(last.admitted - first.admitted);
            least += units(last.between[0] - first.between[1]);
        }
        println!("{what}: {came} admitted, of {least} that came back at least");
        // Less than a unit was left before, and is left now, in each bucket.
        let told = buckets.len() as u128;
        assert!(least > 100 * told, "{what}: too little came back to tell");
        assert!(
            (came + told) * 1_000 > least * 999,
            "{what}: {came} of {least}"
        );
    }
}

fn limits(kind: &str, rate: u64) -> String {
    let burst = rate * WINDOW;
    format!("[scopes.default.{kind}]\none = {{ rate = \"{rate}/s\", burst = {burst} }}\n")
}

#[test]
fn one_source() {
    let sources = [source(1)];
    let live = Live::new(
        Program::new(&limits("limits", 20_000)),
        sources.to_vec(),
        20_000,
    );
    live.admits_what_comes_back("live, one source", &[&sources]);
}

#[test]
fn all_sources_of_one_set() {
    let program = Program::new(&limits("limits", 2_000));
    let sources = of_one_set(&program);
    let buckets: Vec<_> = sources.chunks(1).collect();
    let live = Live::new(program, sources.clone(), 2_000);
    live.admits_what_comes_back("live, one set", &buckets);
}

#[test]
fn a_limit_of_all_sources_together() {
    let sources: Vec<_> = (0..16).map(source).collect();
    let live = Live::new(
        Program::new(&limits("global", 20_000)),
        sources.clone(),
        20_000,
    );
    live.admits_what_comes_back("live, a global limit", &[&sources]);
}
