//! CPUs send whole packets of many sources, time stands still, and generations change: nobody is admitted more
//! than a burst, and the table is valid whenever all are done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Plain, Ordering::Relaxed};

use shuttle::rand::{Rng as _, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner, thread};
use throttler_common::Reason;
use throttler_common::abi::{AbuseParams, NO_LIMIT, Row, WAYS, region};
use throttler_common::table::{Words, header, layout};

use crate::policy::{LAYER, Policy, limit, row};
use crate::set::{Plan, forget};
use crate::setting::setting;
use crate::valid::Account;
use crate::worlds::{World, addr, later};

/// Nanoseconds that a unit costs: between two phases every bucket is full again.
const UNIT: u64 = 6_000_000_000;
const BURST: u64 = 2;
/// Phases of an execution: ways change hands at the beginning of each but the first.
const PHASES: u64 = 2;
const PACKETS: usize = 6;
/// Packets of all sources, where they are limited together.
const SHARED: u64 = 6;

const ABUSE: AbuseParams = AbuseParams {
    refusals: 3,
    wider_sources: 2,
    within: 1 << 20,
    ban_for: 1 << 10,
    ban_max: 1 << 30,
    wider_within: 1 << 20,
};

/// What a shape has.
#[derive(Clone, Copy, Default)]
struct Shape {
    cpus: usize,
    sources: u8,
    /// Limits of all sources together.
    shared: bool,
    /// A layer, and a second limit of the scope's own, which refuses what the first was charged for.
    layered: bool,
    /// Refusals ban, and bans of sources their prefix.
    abuse: bool,
    /// Packets of all newcomers, where there is no way for them.
    newcomers: u64,
}

/// How often what was to happen happened, over all executions.
#[derive(Debug, Default)]
struct Happened {
    executions: Plain,
    conforming: Plain,
    refused: Plain,
    banned: Plain,
    full: Plain,
    contended: Plain,
    replaced: Plain,
}

/// A shape's generations: the limits are the same, and yet every class is resolved anew.
type Policies = Arc<Vec<Policy>>;

impl Shape {
    fn policies(&self) -> Policies {
        let mut policy = Policy::new(1, limit(BURST, UNIT));
        if self.layered {
            policy = Policy::new(1, limit(BURST + 1, UNIT)).and(limit(BURST, UNIT));
            policy = policy.layered(limit(BURST, UNIT));
        }
        if self.shared {
            policy = policy.shared(limit(SHARED, UNIT), limit(1, UNIT));
        }
        if self.abuse {
            policy = policy.abuse(ABUSE);
        }
        let next = |policy: &Policy| Some(policy.again());
        let policies = std::iter::successors(Some(policy), next);
        Arc::new(policies.take(PHASES as usize + 1).collect())
    }

    fn world(&self, policy: &Policy) -> Arc<World> {
        let all = || Plan::empty().watching_all();
        let classes = |plan: Plan, way| plan.holding(layout::class(way), policy.word().0);
        let globals = classes(classes(all(), 0), 1);
        let admission = Row {
            tag: policy.head.tag,
            ..row(limit(self.newcomers, UNIT))
        };
        World::new(1, admission, [all(), all(), all(), globals])
    }

    fn execute(&self, policies: &Policies, happened: &Arc<Happened>) {
        forget();
        let world = self.world(&policies[0]);
        let generation = Arc::new(AtomicUsize::new(0));
        let mut before = [[0; 2]; WAYS];
        for phase in 0..PHASES {
            let now = later(phase);
            let send = |cpu: usize| {
                let (shape, world, policies) = (*self, world.clone(), policies.clone());
                let (generation, happened) = (generation.clone(), happened.clone());
                thread::spawn(move || {
                    let mut cpu = Cpu {
                        shape,
                        publishes: cpu == 0,
                        admitted: vec![0; usize::from(shape.sources)],
                    };
                    cpu.send(&world, &policies, &generation, now, &happened);
                    cpu.admitted
                })
            };
            let cpus: Vec<_> = (0..self.cpus).map(send).collect();
            let mut admitted = vec![0; usize::from(self.sources)];
            for cpu in cpus {
                let passed = cpu.join().expect("the CPU's work does not panic");
                let both = admitted.iter_mut().zip(passed);
                both.for_each(|(sum, passed)| *sum += passed);
            }
            let generation = generation.load(SeqCst);
            // A CPU may count every refusal of its own while another that holds the lock is held up.
            let astray = (self.cpus * PACKETS) as u64;
            let rules = (now, generation as u32, astray);
            self.check(&world, &policies[generation], rules, &admitted);
            let holders = holders(&world);
            let others = before
                .iter()
                .zip(&holders)
                .filter(|(b, h)| b != h && b[0] != 0);
            happened.replaced.fetch_add(others.count() as u64, Relaxed);
            before = holders;
        }
        happened.executions.fetch_add(1, Relaxed);
    }

    fn check(&self, world: &World, policy: &Policy, rules: (u64, u32, u64), admitted: &[u64]) {
        let sum: u64 = admitted.iter().sum();
        let mut most = BURST * (WAYS as u64 + self.newcomers.min(1));
        if self.shared {
            most = most.min(SHARED);
        }
        assert!(sum <= most, "{admitted:?}");
        let strays = (self.cpus * PACKETS) as u64;
        let account = |(name, admitted): (u8, &u64), scope: u8| Account {
            addr: addr(name),
            scope,
            admitted: *admitted,
            strays,
        };
        let mut accounts = Vec::new();
        // Of newcomers that passed without a way of their own, or before they had one, nothing is kept.
        if self.newcomers == 0 {
            accounts.extend((0..).zip(admitted).map(|one| account(one, 0)));
        }
        if self.layered {
            accounts.extend((0..).zip(admitted).map(|one| account(one, LAYER)));
        }
        assert!(world.is_valid(policy, rules, &accounts), "{admitted:?}");
        if self.shared {
            let tat = world.fixed(region::GLOBALS, 0).tat(0);
            let charged = tat.saturating_sub(rules.0 << 6) / (UNIT << 6);
            assert!(
                (sum..=sum + strays).contains(&charged),
                "{charged}, {admitted:?}"
            );
        }
    }

    fn run(self) {
        let schedules = setting("THROTTLER_SCHEDULES", 500) as usize;
        let seed = setting("THROTTLER_SEED", rand_seed());
        println!("seed {seed}, {schedules} schedules by each scheduler");
        self.explore("random", RandomScheduler::new_from_seed(seed, schedules));
        for depth in [2, 4] {
            let scheduler = PctScheduler::new_from_seed(seed, depth, schedules / 2);
            self.explore("PCT", scheduler);
        }
    }

    fn explore(self, name: &str, scheduler: impl Scheduler + 'static) {
        let mut config = Config::new();
        config.silence_warnings = true;
        config.failure_persistence = FailurePersistence::Print;
        config.max_steps = MaxSteps::FailAfter(1_000_000);
        let happened = Arc::new(Happened::default());
        let (counted, policies) = (happened.clone(), self.policies());
        Runner::new(scheduler, config).run(move || self.execute(&policies, &counted));
        println!("{name}: {happened:?}");
        let count = |counter: &Plain| counter.load(Relaxed);
        assert!(count(&happened.conforming) > 0 && count(&happened.refused) > 0);
        assert!(
            !self.abuse || count(&happened.banned) > 0,
            "nobody was banned"
        );
        let more = usize::from(self.sources) > WAYS;
        let full = count(&happened.full) > 0 && count(&happened.replaced) > 0;
        assert!(!more || full, "the set was never full");
        assert!(count(&happened.contended) > 0, "the CPUs did not meet");
    }
}

/// Another for every run.
fn rand_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("a time after 1970").as_nanos() as u64 >> 10
}

/// Who has which way.
fn holders(world: &World) -> [[u64; 2]; WAYS] {
    let set = world.fixed(region::SOURCES, 0).words;
    std::array::from_fn(|way| match set.load(layout::header(way)) {
        found if found & header::LIVE == 0 => [0; 2],
        found => [
            set.load(layout::address(way, 0)),
            u64::from(header::scope(found)) + 1,
        ],
    })
}

struct Cpu {
    shape: Shape,
    /// Puts the next generation in force amid its packets.
    publishes: bool,
    /// Packets, by source.
    admitted: Vec<u64>,
}

impl Cpu {
    fn send(
        &mut self,
        world: &World,
        policies: &Policies,
        generation: &AtomicUsize,
        now: u64,
        happened: &Happened,
    ) {
        for nth in 0..PACKETS {
            if self.publishes && nth == PACKETS / 2 {
                generation.fetch_add(1, SeqCst);
            }
            let policy = &policies[generation.load(SeqCst)];
            let name = thread_rng().gen_range(0..self.shape.sources);
            let decision = world.decide(policy, name, now);
            let counter = match decision.reason {
                Reason::Conforming => {
                    self.admitted[usize::from(name)] += 1;
                    &happened.conforming
                }
                Reason::Banned => &happened.banned,
                Reason::TableFull => &happened.full,
                Reason::OverLimit if decision.limit == NO_LIMIT => &happened.contended,
                _ => &happened.refused,
            };
            counter.fetch_add(1, Relaxed);
        }
    }
}

#[test]
fn three_cpus_and_twelve_sources() {
    let shape = Shape {
        cpus: 3,
        sources: 12,
        ..Shape::default()
    };
    shape.run();
}

#[test]
fn five_cpus_and_ten_sources() {
    let shape = Shape {
        cpus: 5,
        sources: 10,
        ..Shape::default()
    };
    shape.run();
}

#[test]
fn four_cpus_on_two_limits_and_a_layer() {
    let shape = Shape {
        cpus: 4,
        sources: 3,
        layered: true,
        ..Shape::default()
    };
    shape.run();
}

#[test]
fn four_cpus_under_limits_of_all_sources() {
    let shape = Shape {
        cpus: 4,
        sources: 6,
        shared: true,
        ..Shape::default()
    };
    shape.run();
}

#[test]
fn four_cpus_ban_sources_and_their_prefix() {
    let shape = Shape {
        cpus: 4,
        sources: 3,
        abuse: true,
        ..Shape::default()
    };
    shape.run();
}

#[test]
fn four_cpus_and_newcomers_of_a_full_set() {
    let shape = Shape {
        cpus: 4,
        sources: 20,
        newcomers: 3,
        ..Shape::default()
    };
    shape.run();
}
