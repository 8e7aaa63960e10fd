//! A loaded program with maps of its own.

use std::net::IpAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use aya::maps::{Map, MapData, RingBuf};
use throttler::compile::{Clock, PolicyTables, ScopeKind, compile};
use throttler::config;
use throttler::kernel::load::{Loaded, PROGRAM, PROGRAM_AT, load};
use throttler::kernel::pins::Pins;
use throttler::kernel::publish::{previous, publish};
use throttler::kernel::sys;
use throttler::kernel::tables::Tables;
use throttler_common::abi::{
    Addr, Event, GLOBAL_LIMIT, LAYER_LIMIT, MAX_SCOPES, NO_LIMIT, SlotRecord, Stats, active, map,
};
use throttler_common::{Family, Reason};

use super::pins::PinDir;
use super::{Counters, START, buffers};

/// The wall time at [`START`]; all that ties the two clocks of a test together.
const START_WALL: &str = "2027-03-01T00:00:00Z";
const SOURCES: u32 = 16_384;

/// What the program said of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) reason: Reason,
    pub(crate) scope: String,
    /// The limit that refused; one of a layer as `layer.limit`, one of all sources together as `global.limit`.
    pub(crate) limit: Option<String>,
}

/// `throttler_at`, loaded, with a policy in force. Maps and pins go when it is dropped.
pub(crate) struct Program {
    loaded: Loaded,
    policy: PolicyTables,
    pins: Pins,
    max_sources: u32,
    /// Removes the pins; nothing else needs it.
    _directory: PinDir,
}

impl Program {
    /// Loads the program and publishes a policy file's text as generation 1.
    pub(crate) fn new(policy: &str) -> Self {
        Self::sized(policy, SOURCES)
    }

    /// The same with room for so many sources of each family.
    pub(crate) fn sized(policy: &str, max_sources: u32) -> Self {
        let directory = PinDir::new();
        let pins = Pins::of(directory.path(), "test");
        let loaded = load(&pins, PROGRAM_AT, max_sources).expect("loading the program");
        let policy = put_in_force(&loaded.tables, policy);
        Self {
            loaded,
            policy,
            pins,
            max_sources,
            _directory: directory,
        }
    }

    /// Puts another policy in force, as the next generation.
    pub(crate) fn publish(&mut self, policy: &str) {
        self.policy = self.publish_beside(policy);
    }

    /// The same while other threads run frames; names in answers stay those of the policy before.
    pub(crate) fn publish_beside(&self, policy: &str) -> PolicyTables {
        put_in_force(self.tables(), policy)
    }

    /// The policy in force.
    pub(crate) fn policy(&self) -> &PolicyTables {
        &self.policy
    }

    /// The maps.
    pub(crate) fn tables(&self) -> &Tables {
        &self.loaded.tables
    }

    /// Loads what interfaces run, which takes its time from the kernel's clock, onto the same maps.
    pub(crate) fn production(&self) -> OwnedFd {
        load(&self.pins, PROGRAM, self.max_sources)
            .expect("loading the production program")
            .program
    }

    /// Where its maps are pinned.
    pub(crate) fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Loads the program anew, with room for so many sources of each family, onto the same pins.
    pub(crate) fn load_again(&self, max_sources: u32) -> Loaded {
        load(&self.pins, PROGRAM_AT, max_sources).expect("loading the program again")
    }

    /// Goes on with what [`Program::load_again`] loaded.
    pub(crate) fn take_over(&mut self, loaded: Loaded) {
        self.max_sources = loaded.tables.sources.capacity();
        self.loaded = loaded;
    }

    /// The word that the program answers for a frame at `now`.
    pub(crate) fn run_raw(&self, now: u64, frame: &[u8]) -> u32 {
        let input = [&now.to_ne_bytes(), frame].concat();
        sys::test_run(self.loaded.program.as_fd(), &input, 1)
            .expect("a test run")
            .result
    }

    /// The same for a frame of which `reach` bytes lie in the first buffer; `None` where the kernel's test runs cannot.
    pub(crate) fn run_split(&self, now: u64, frame: &[u8], reach: usize) -> Option<u32> {
        buffers::run_split(self.loaded.program.as_fd(), now, frame, reach)
    }

    /// Runs the frame `times` times at `now`, without leaving the kernel in between.
    pub(crate) fn run_many(&self, now: u64, frame: &[u8], times: u32) {
        let input = [&now.to_ne_bytes(), frame].concat();
        sys::test_run(self.loaded.program.as_fd(), &input, times).expect("a test run");
    }

    /// What the program decides on a frame at `now`.
    pub(crate) fn run(&self, now: u64, frame: &[u8]) -> Answer {
        let word = self.run_raw(now, frame);
        let [reason, scope, limit, rest] = word.to_le_bytes();
        assert_eq!(rest, 0, "{word:#x} is no decision");
        Answer {
            reason: Reason::from_index(reason).expect("a reason"),
            scope: self.policy.description.scope_name(scope),
            limit: self.limit_name(scope, limit),
        }
    }

    fn limit_name(&self, scope: u8, limit: u8) -> Option<String> {
        if limit == NO_LIMIT {
            return None;
        }
        let scopes = &self.policy.description.scopes;
        let own = self
            .policy
            .description
            .scope(scope)
            .expect("a scope of the policy");
        if limit & (LAYER_LIMIT | GLOBAL_LIMIT) == GLOBAL_LIMIT {
            let index = limit & !GLOBAL_LIMIT;
            let found = own.global.iter().find(|l| l.index == index);
            return found.map(|l| format!("global.{}", l.name));
        }
        let (of, prefix) = if limit & LAYER_LIMIT == 0 {
            (own, String::new())
        } else {
            let name = own.layer.as_ref().expect("a scope with a layer");
            let layer = scopes
                .iter()
                .find(|s| s.name == *name && s.kind == ScopeKind::Layer);
            (layer.expect("its layer"), format!("{name}."))
        };
        let index = limit & !LAYER_LIMIT;
        let found = of
            .limits
            .iter()
            .find(|l| l.index == index)
            .expect("a limit of the scope");
        Some(format!("{prefix}{}", found.name))
    }

    /// Every counter that is not zero, over all CPUs.
    pub(crate) fn counters(&self) -> Counters {
        let mut sums = Counters::new();
        for id in 0..MAX_SCOPES as u32 {
            let name = self.policy.description.scope_name(id as u8);
            let values = self.tables().counters.get_per_cpu(&id).expect("counters");
            for tallies in values.iter().map(|v| v.by_reason) {
                for (reason, tally) in Reason::ALL.into_iter().zip(tallies) {
                    if tally.packets != 0 || tally.bytes != 0 {
                        let sum = sums.entry((name.clone(), reason)).or_default();
                        sum.0 += tally.packets;
                        sum.1 += tally.bytes;
                    }
                }
            }
        }
        sums
    }

    /// Statistics, over all CPUs.
    pub(crate) fn stats(&self) -> Stats {
        let values = self.tables().stats.get_per_cpu(&0).expect("statistics");
        values.iter().fold(Stats::default(), |sum, one| Stats {
            events_sent: sum.events_sent + one.events_sent,
            events_lost: sum.events_lost + one.events_lost,
            contended: sum.contended + one.contended,
            resolved: sum.resolved + one.resolved,
            claimed: sum.claimed + one.claimed,
            bans: sum.bans + one.bans,
            newcomers: sum.newcomers + one.newcomers,
        })
    }

    /// The state of an address's source in a scope (or layer), if it has any.
    pub(crate) fn record(&self, addr: IpAddr, scope: &str) -> Option<SlotRecord> {
        let (family, addr) = match addr {
            IpAddr::V4(v4) => (Family::V4, Addr::from_v4(v4.octets())),
            IpAddr::V6(v6) => (Family::V6, Addr::from_bytes(v6.octets())),
        };
        let named = self
            .policy
            .description
            .scopes
            .iter()
            .find(|s| s.name == scope);
        let addr = addr.masked(self.policy.head.source_mask[family.index()]);
        let scope = named.expect("a scope of the policy").id;
        self.tables().sources.get(family.index(), &addr, scope)
    }

    /// The events that were not read before.
    pub(crate) fn events(&self) -> Vec<Event> {
        let data = MapData::from_pin(self.pins.map(map::EVENTS)).expect("the pinned ring");
        let mut ring = RingBuf::try_from(Map::RingBuf(data)).expect("mapping the ring");
        let mut events = Vec::new();
        while let Some(item) = ring.next() {
            events.push(sys::from_bytes(&item).expect("an event of our size"));
        }
        events
    }

    /// Lets everything pass until a time; 0 resumes.
    pub(crate) fn pause(&self, until: u64) {
        self.tables()
            .active
            .set(&active::PAUSED_UNTIL, &until)
            .expect("writing the pause");
    }
}

/// The wall time of a monotonic time, as `until` wants it.
pub(crate) fn wall(now: u64) -> String {
    clock().wall(now).to_string()
}

fn clock() -> Clock {
    Clock {
        monotonic_ns: START,
        wall: START_WALL.parse().expect("a timestamp"),
    }
}

fn put_in_force(tables: &Tables, policy: &str) -> PolicyTables {
    let clock = clock();
    let config = config::parse("test.toml", policy, Path::new(""), clock.wall)
        .unwrap_or_else(|error| panic!("{error}"));
    let previous = previous(tables).expect("the generation in force");
    let compiled = compile(&config, previous.as_ref(), clock).expect("tables that hold the policy");
    publish(tables, &compiled).expect("publishing");
    compiled
}
