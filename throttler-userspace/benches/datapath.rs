//! Nanoseconds a packet, through `BPF_PROG_TEST_RUN`: the real program, loaded and published to as the
//! daemon does it, beside the floor of a program that drops at once. A driver program in front draws
//! the source address and tail-calls the program under test, so that 100,000 sources cost what they
//! cost; the floor is measured behind the same driver.
//!
//! Machines are noisy: every case is measured in several rounds that take turns with the others, and
//! the least of them counts. Compare ratios of one run, not times of two.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aya::EbpfLoader;
use aya::programs::Xdp;
use throttler::kernel::load::{self, PROGRAM};
use throttler::kernel::map::Map;
use throttler::kernel::pins::Pins;
use throttler::kernel::{checks, monotonic, publish, sys};
use throttler::{compile, config};
use throttler_lab::frames;

static PROGRAMS: &[u8] = aya::include_bytes_aligned!(env!("THROTTLER_BENCH_OBJECT"));

const ROUNDS: usize = 5;
const PACKETS: u32 = 400_000;
const MANY: u32 = 100_000;

/// A case: what the policy says, and what kind of packet meets it.
struct Case {
    name: &'static str,
    policy: &'static str,
    v6: bool,
    sources: u32,
}

const PASS: &str =
    "[scopes.default.limits]\nflood = { rate = \"1000000000/s\", burst = 1000000000 }\n";
const DROP: &str = "[scopes.default.limits]\nflood = { rate = \"1/day\" }\n";
const PASS4: &str = "[scopes.default.limits]\n\
    a = { rate = \"1000000000/s\", burst = 1000000000 }\n\
    b = { rate = \"1000000000/s\", burst = 1000000000 }\n\
    c = { rate = \"1000000000/s\", burst = 1000000000 }\n\
    d = { rate = \"1000000000/s\", burst = 1000000000 }\n";
const BLOCK: &str = "[[sources]]\nfrom = [\"0.0.0.0/0\", \"::/0\"]\nblock = true\n";
const EXEMPT: &str = "[[sources]]\nfrom = [\"0.0.0.0/0\", \"::/0\"]\nexempt = true\n";

const fn case(name: &'static str, policy: &'static str, v6: bool, sources: u32) -> Case {
    Case {
        name,
        policy,
        v6,
        sources,
    }
}

const CASES: [Case; 13] = [
    case("pass, 1 limit", PASS, false, 1),
    case("pass, 1 limit", PASS, false, MANY),
    case("pass, 1 limit", PASS, true, 1),
    case("pass, 1 limit", PASS, true, MANY),
    case("drop, over limit", DROP, false, 1),
    case("drop, over limit", DROP, false, MANY),
    case("drop, over limit", DROP, true, 1),
    case("drop, over limit", DROP, true, MANY),
    case("pass, 4 limits", PASS4, false, 1),
    case("drop, blocked", BLOCK, false, 1),
    case("drop, blocked", BLOCK, false, MANY),
    case("pass, exempt", EXEMPT, false, 1),
    case("pass, no limit set", "", false, 1),
];

fn main() -> Result<()> {
    checks::privilege("the benchmark")?;
    let dir = PinDir::new();
    checks::bpffs(&dir.0)?;
    let driver = Driver::load(&dir.0)?;
    let mut subjects = Vec::new();
    for (index, case) in CASES.iter().enumerate() {
        subjects.push(subject(case, &dir.0.join(index.to_string()))?);
    }
    let mut best = vec![u32::MAX; CASES.len()];
    let mut best_floor = [u32::MAX; 2];
    for round in 0..=ROUNDS {
        for (least, v6) in best_floor.iter_mut().zip([false, true]) {
            let nanos = driver.measure(&driver.floor, v6, 1)?;
            *least = nanos.min(*least);
        }
        for (least, (case, subject)) in best.iter_mut().zip(CASES.iter().zip(&subjects)) {
            let nanos = driver.measure(subject, case.v6, case.sources)?;
            // The first round makes the sources known.
            if round > 0 {
                *least = nanos.min(*least);
            }
        }
    }
    print(&best, best_floor);
    Ok(())
}

fn print(best: &[u32], floor: [u32; 2]) {
    println!(
        "floor (driver and an empty XDP_DROP): {} ns IPv4, {} ns IPv6",
        floor[0], floor[1]
    );
    println!();
    println!("| case | family | sources | ns/packet | net of floor | ratio to floor |");
    println!("|---|---|--:|--:|--:|--:|");
    for (case, nanos) in CASES.iter().zip(best) {
        let floor = floor[usize::from(case.v6)];
        println!(
            "| {} | {} | {} | {nanos} | {} | {:.2} |",
            case.name,
            if case.v6 { "IPv6" } else { "IPv4" },
            case.sources,
            nanos.saturating_sub(floor),
            f64::from(*nanos) / f64::from(floor.max(1)),
        );
    }
    println!();
    println!("least of {ROUNDS} rounds of {PACKETS} packets a case, the cases taking turns");
}

/// A loaded program with the case's policy published to it.
fn subject(case: &Case, bpffs: &Path) -> Result<OwnedFd> {
    let config = config::parse(
        case.name,
        case.policy,
        Path::new(""),
        jiff::Timestamp::now(),
    )?;
    let loaded = load::load(&Pins::of(bpffs, "bench"), PROGRAM, config.max_sources)?;
    let policy = compile::compile(&config, None, monotonic::now())?;
    publish::publish(&loaded.tables, &policy)?;
    Ok(loaded.program)
}

/// The driver program and its maps.
struct Driver {
    driver: OwnedFd,
    floor: OwnedFd,
    sources: Map<u32, u32>,
    target: Map<u32, u32>,
}

impl Driver {
    fn load(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let mut object = EbpfLoader::new()
            .load(PROGRAMS)
            .context("loading the driver")?;
        let mut program = |name: &str| -> Result<OwnedFd> {
            let xdp: &mut Xdp = object
                .program_mut(name)
                .context("a program is missing")?
                .try_into()?;
            xdp.load()?;
            Ok(xdp.fd()?.as_fd().try_clone_to_owned()?)
        };
        let (driver, floor) = (program("driver")?, program("floor")?);
        let map = |name: &str| -> Result<Map<u32, u32>> {
            let path = dir.join(name);
            object.map(name).context("a map is missing")?.pin(&path)?;
            Map::open(&path)
        };
        Ok(Self {
            driver,
            floor,
            sources: map("SOURCES")?,
            target: map("TARGET")?,
        })
    }

    /// Mean nanoseconds a packet of one run.
    fn measure(&self, target: &OwnedFd, v6: bool, sources: u32) -> Result<u32> {
        self.target.set(&0, &(target.as_raw_fd() as u32))?;
        self.sources.set(&0, &sources)?;
        let frame = if v6 {
            frames::udp("fd77::2".parse()?, "fd77::1".parse()?, 4000, 4000, 22)
        } else {
            frames::udp("10.77.0.2".parse()?, "10.77.0.1".parse()?, 4000, 4000, 22)
        };
        Ok(sys::test_run(self.driver.as_fd(), &frame, PACKETS)?.nanos)
    }
}

/// The benchmark's own pins, removed at its end.
struct PinDir(PathBuf);

impl PinDir {
    fn new() -> Self {
        Self(PathBuf::from(format!(
            "/sys/fs/bpf/thr-bench-{}",
            std::process::id()
        )))
    }
}

impl Drop for PinDir {
    fn drop(&mut self) {
        for index in 0..CASES.len() {
            let bpffs = self.0.join(index.to_string());
            let pins = Pins::of(&bpffs, "bench");
            if pins.exist()
                && let Err(error) = pins.remove()
            {
                eprintln!("cleaning up: {error:#}");
            }
            for dir in [pins.dir.parent(), Some(&*bpffs)].into_iter().flatten() {
                let _ = std::fs::remove_dir(dir);
            }
        }
        for map in ["SOURCES", "TARGET"] {
            let _ = std::fs::remove_file(self.0.join(map));
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}
