//! Two CPUs hammer one set without leaving the kernel: claims, replacements, charges, bans, limits of all sources
//! together, and renewals of all classes, since generations are published meanwhile.

use std::fs;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use aya::EbpfLoader;
use aya::programs::Xdp;
use throttler::kernel::map::Map;
use throttler::kernel::sys;
use throttler_common::Reason;
use throttler_common::abi::{WAYS, map};

use self::rounds::{ADMITTED, DONE, SOURCES, setting as word};
use super::is_sound_under;
use super::sharing::sharing;
use crate::contention::{on_two_cpus, totals};
use crate::harness::{MINUTE, Program, START};
use crate::setting::setting;
use crate::traffic::{SERVER, udp};

#[path = "../../../throttler-ebpf/src/bench/rounds.rs"]
mod rounds;

static PROGRAMS: &[u8] = aya::include_bytes_aligned!(env!("THROTTLER_BENCH_OBJECT"));

/// Every round, all buckets are full again, bans are over, and ways are not kept for having been seen twice.
const STEP: u64 = 5 * MINUTE;
const PACKETS: u64 = 192;
const MAX_SOURCES: u32 = 128;
/// Sources with a limit of their own, those that are held together as well, and those that come and go.
const OWN: usize = 5;
const TOGETHER: usize = 2;
const OTHERS: usize = 1_000;
const COUNTED: usize = OWN + TOGETHER;
/// What a round admits of a source, and of those that are held together.
const BURST: u64 = 2;
const SHARED: u64 = 3;

const POLICY: &str = r#"
    [scopes.default.limits]
    own = { rate = "2/min" }
    [scopes.together]
    match = [{ protocol = "udp", ports = ["53"] }]
    limits = { own = { rate = "2/min" } }
    [scopes.together.global]
    all = { rate = "3/min" }
    [scopes.open]
    match = [{ protocol = "udp", ports = ["54"] }]
    [[sources]]
    from = ["198.51.100.0/24"]
    block = true
    [abuse]
    ban_after = { refusals = 4, within = "10s" }
    ban_for = "30s"
    ban_max = "1m"
"#;

/// The driver, loaded and aimed at a program.
struct Hammer {
    program: OwnedFd,
    settings: Map<u32, u64>,
    admitted: Map<u32, u64>,
    /// Which program it is aimed at: the kernel forgets that once nobody has the map open.
    _aim: Map<u32, u32>,
}

impl Hammer {
    fn load(target: &Program, sources: &[(IpAddr, u16, u8)]) -> Self {
        let pins = &target.pins().dir;
        let mut loader = EbpfLoader::new();
        loader.map_pin_path(map::COUNTERS, target.pins().map(map::COUNTERS));
        let mut object = loader.load(PROGRAMS).expect("the benchmark's programs");
        let program = object.program_mut("hammer").expect("the hammer");
        let program: &mut Xdp = program.try_into().expect("an XDP program");
        program.load().expect("the verifier's consent");
        let fd = program.fd().expect("loaded").as_fd();
        let program = fd.try_clone_to_owned().expect("a file descriptor");
        let open = |name: &str| {
            let path = pins.join(name);
            object.map(name).expect("a map").pin(&path).expect("a pin");
            path
        };
        let aim: Map<u32, u32> = Map::open(&open("HAMMER_TARGET")).expect("a map");
        // The same program once more, on the same maps.
        let again = target.load_again(MAX_SOURCES).program;
        aim.set(&0, &(again.as_raw_fd() as u32)).expect("aiming");
        let names: Map<u32, u64> = Map::open(&open("HAMMER_SOURCES")).expect("a map");
        for (index, (source, port, scope)) in (0..).zip(sources) {
            let IpAddr::V4(v4) = source else {
                panic!("{source} is no IPv4 address")
            };
            let word = u64::from(v4.to_bits()) | u64::from(*port) << 32 | u64::from(*scope) << 48;
            names.set(&index, &word).expect("naming a source");
        }
        let opened = |name: &str| Map::open(&open(name)).expect("a map");
        let (settings, admitted) = (opened("HAMMER_SETTINGS"), opened("HAMMER_ADMITTED"));
        for name in [
            "HAMMER_TARGET",
            "HAMMER_SOURCES",
            "HAMMER_SETTINGS",
            "HAMMER_ADMITTED",
        ] {
            fs::remove_file(pins.join(name)).expect("unpinning");
        }
        Self {
            program,
            settings,
            admitted,
            _aim: aim,
        }
    }

    fn set(&self, index: usize, value: u64) {
        let set = self.settings.set(&(index as u32), &value);
        set.expect("a setting");
    }

    /// Lets both CPUs do so many rounds; `publish` is called until they are done.
    fn swing(&self, rounds: u64, publish: impl Fn() + Sync) {
        for (index, value) in [
            (word::ROUNDS, rounds),
            (word::PACKETS, PACKETS),
            (word::START, START),
            (word::STEP, STEP),
            (word::COUNTED, COUNTED as u64),
            (word::OTHERS, OTHERS as u64 / 2),
            (word::SHARE, 160),
            (word::ARRIVED, 0),
        ] {
            self.set(index, value);
        }
        let frame = [&START.to_ne_bytes()[..], &udp(SERVER, 53, 10)].concat();
        let done = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while done.load(Ordering::Acquire) < 2 {
                    publish();
                }
            });
            on_two_cpus(true, |_| {
                loop {
                    let run = sys::test_run(self.program.as_fd(), &frame, 100_000);
                    if run.expect("a test run").result == DONE {
                        break;
                    }
                }
                done.fetch_add(1, Ordering::Release);
            });
        });
    }

    /// What a round admitted, by source.
    fn admitted(&self, round: u64) -> [u64; COUNTED] {
        std::array::from_fn(|source| {
            let index = round as usize * COUNTED + source;
            let word = self.admitted.get(&(index as u32)).expect("a map");
            word.expect("a word of it")
        })
    }
}

/// What was seen in all batches.
#[derive(Debug, Default)]
struct Seen {
    rounds: u64,
    admitted: u64,
    newcomers: u64,
    contended: u64,
    claimed: u64,
    bans: u64,
    published: u64,
}

fn batch(rounds: u64, seen: &mut Seen) {
    let program = Program::sized(POLICY, MAX_SOURCES);
    let scope = |name: &str| {
        let scopes = &program.policy().description.scopes;
        let found = scopes.iter().find(|scope| scope.name == name);
        found.expect("a scope of the policy").id
    };
    let of = |name: &str, port: u16, count| {
        let id = scope(name);
        let sources = sharing(&program, [5, 5], id, count);
        sources.into_iter().map(move |source| (source, port, id))
    };
    let mut sources: Vec<_> = of("default", 55, OWN).collect();
    sources.extend(of("together", 53, TOGETHER));
    sources.extend(of("open", 54, OTHERS));
    assert!(sources.len() == COUNTED + OTHERS && sources.len() <= SOURCES);
    assert!(COUNTED < WAYS && rounds as usize * COUNTED <= ADMITTED);
    let hammer = Hammer::load(&program, &sources);
    let published = AtomicUsize::new(0);
    let last = std::sync::Mutex::new(None);
    hammer.swing(rounds, || {
        let policy = program.publish_beside(POLICY);
        *last.lock().expect("nobody panics with it") = Some(policy);
        published.fetch_add(1, Ordering::Relaxed);
    });
    let last = last.into_inner().expect("nobody panics with it");
    let policy = last.expect("a generation was published");
    assert!(is_sound_under(
        &program,
        &policy,
        START + rounds * STEP,
        2 * PACKETS
    ));

    let stats = program.stats();
    let mut above = 0;
    for round in 0..rounds {
        let admitted = hammer.admitted(round);
        let together: u64 = admitted[OWN..].iter().sum();
        assert!(together <= SHARED, "round {round}: {admitted:?}");
        for one in admitted {
            above += one.saturating_sub(BURST);
        }
        seen.admitted += admitted.iter().sum::<u64>();
    }
    // Whoever finds no way shares its prefix's bucket, and has its own once it has a way.
    assert!(above <= stats.newcomers, "{above} too many, {stats:?}");
    let totals = totals(&program);
    for reason in [Reason::Banned, Reason::GlobalLimit] {
        assert!(totals.contains_key(&reason), "{totals:?}, {stats:?}");
    }
    seen.rounds += rounds;
    seen.newcomers += stats.newcomers;
    seen.contended += stats.contended;
    seen.claimed += stats.claimed;
    seen.bans += stats.bans;
    seen.published += published.load(Ordering::Relaxed) as u64;
}

#[test]
fn two_cpus_hammer_a_set_and_admit_nobody_too_much() {
    let begin = Instant::now();
    let (rounds, most) = (setting("THROTTLER_ROUNDS", 4_000), ADMITTED / COUNTED);
    let mut seen = Seen::default();
    while seen.rounds < rounds {
        batch((rounds - seen.rounds).min(most as u64), &mut seen);
    }
    println!("{seen:?} in {:?}", begin.elapsed());
    // As much as a round may admit, but for what was refused because the CPUs met.
    let most = seen.rounds * (OWN as u64 * BURST + SHARED);
    assert!(seen.admitted <= most + seen.newcomers && seen.admitted >= most * 9 / 10);
    // The races took place.
    assert!(seen.contended > 0 && seen.published > 2, "{seen:?}");
    assert!(
        seen.claimed > seen.rounds && seen.bans > seen.rounds,
        "{seen:?}"
    );
}
