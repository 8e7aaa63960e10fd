//! One interface's account: what of the source table's counts is in the history, and what has come since.

mod account;
mod walk;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use throttler_common::abi::{Event, MAX_SCOPES, Stats, map};
use throttler_common::notice::Kind;

use self::walk::Walk;
use super::growth::Mode;
use super::label::Labels;
use super::pending::Pending;
use super::told::Told;
use super::who::Who;
use crate::compile::{Clock, Description, ScopeKind};
use crate::daemon::abuse::Names;
use crate::history::{Baseline, Key};
use crate::kernel::map::Map;
use crate::kernel::pins::Pins;
use crate::kernel::sources::Sources;
use crate::kernel::tables::Tables;

/// Sources whose counts are known to be in the history up to a point, at most: 5 MB. Those beyond are taken from their
/// events alone.
const BASELINES: usize = 57_344;
/// Sources that are looked at each time, at most; of the others the walk over the table finds what has grown.
const ACTIVE: usize = 7_168;
/// A source that has not been refused for so long is let go.
const IDLE: Duration = Duration::from_secs(30);

/// An event is here within such a time of its refusal, or was lost.
const EVENT: Duration = Duration::from_secs(2);

/// A baseline in memory.
#[derive(Clone, Copy, Debug)]
struct Held {
    baseline: Baseline,
    /// It is not written yet.
    is_new: bool,
    /// The walk that has met it.
    walk: u8,
}

/// A source that is looked at.
#[derive(Debug, Default)]
struct Active {
    told: Told,
    /// What had passed at the last look.
    passed: Option<throttler_common::abi::Tally>,
    /// Monotonic nanoseconds when something was last new.
    grown: u64,
    /// The same when the walk has found it; 0 where an event has.
    found: u64,
}

/// The account.
pub(super) struct Ledger {
    sources: Sources,
    stats: Map<u32, Stats>,
    names: Arc<Mutex<Names>>,
    labels: Labels,
    pub(super) pending: Pending,
    baselines: HashMap<Who, Held>,
    /// Had a baseline, and are not in the table any more.
    forgotten: Vec<Who>,
    /// Some source had no room for its baseline.
    is_crowded: bool,
    active: HashMap<Who, Active>,
    /// By scope, at the last look.
    modes: Vec<Option<bool>>,
    /// Monotonic nanoseconds of the last look; 0: none yet.
    looked: u64,
    walk: Walk,
}

/// What a look reads once.
struct View {
    description: Arc<Description>,
    clock: Clock,
    modes: Vec<Mode>,
    is_layer: Vec<bool>,
    /// Ends of the latest bans of prefixes, by family.
    wider: [u64; 2],
}

impl Ledger {
    /// Opens the table that is pinned now.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn open(pins: &Pins, names: Arc<Mutex<Names>>) -> Result<Self> {
        let tables = Tables::open(&pins.dir)?;
        Ok(Self {
            sources: tables.sources,
            stats: Map::open(&pins.dir.join(map::STATS))?,
            names,
            labels: Labels::default(),
            pending: Pending::default(),
            baselines: HashMap::new(),
            forgotten: Vec::new(),
            is_crowded: false,
            active: HashMap::new(),
            modes: vec![None; MAX_SCOPES],
            looked: 0,
            walk: Walk::default(),
        })
    }

    /// What tells this table from any other.
    pub(super) fn table(&self) -> i64 {
        self.sources.head.seed[0].cast_signed()
    }

    /// Goes on from what the history has.
    pub(super) fn begin(&mut self, baselines: Vec<(Key, Baseline)>) {
        let held = |(key, baseline): (Key, Baseline)| {
            let held = Held {
                baseline,
                is_new: false,
                walk: 0,
            };
            (Who::of_key(&key), held)
        };
        self.baselines = baselines.into_iter().map(held).collect();
    }

    /// Takes over from the ledger of the same table, opened before, or of one whose counts go on in this one.
    pub(super) fn follow(&mut self, before: Self) {
        self.pending = before.pending;
        self.baselines = before.baselines;
        self.forgotten = before.forgotten;
        self.is_crowded = before.is_crowded;
        self.active = before.active;
    }

    /// Notes what an event says of whom.
    pub(super) fn tell(&mut self, event: &Event) {
        let family = usize::from(event.family != 4);
        let kind = Kind::from_index(event.kind);
        let who = match kind {
            Some(Kind::Refusal | Kind::Ban) => Who::source(family, event.source, event.scope),
            Some(Kind::WiderBan) => Who::parent(family, event.source, event.scope),
            Some(Kind::Pressure) => Who::newcomers(family),
            Some(Kind::Unban | Kind::WiderUnban) | None => return,
        };
        let is_full = self.active.len() >= ACTIVE;
        let active = match self.active.entry(who) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(_) if is_full => return,
            std::collections::hash_map::Entry::Vacant(free) => free.insert(Active::default()),
        };
        if let Some(kind) = kind {
            active.told.add(event, kind);
        }
        active.grown = active.grown.max(event.at);
    }

    /// Looks at everybody who was refused lately. Whom no event has told of yet is left for a while, unless somebody asks.
    pub(super) fn look(&mut self, clock: Clock, is_asked: bool) {
        let Some(view) = self.view(clock) else { return };
        for family in [0, 1] {
            let who = Who::newcomers(family);
            let counted = self.sources.newcomers(family).dropped.packets;
            let known = self.baselines.get(&who);
            if counted != known.map_or(0, |held| held.baseline.packets) {
                self.active.entry(who).or_default();
            }
        }
        let idle = clock.monotonic_ns.saturating_sub(IDLE.as_nanos() as u64);
        let mut active = std::mem::take(&mut self.active);
        let late = clock.monotonic_ns.saturating_sub(EVENT.as_nanos() as u64);
        active.retain(|who, one| {
            if !is_asked && one.told.latest.is_none() && one.found > late {
                return true;
            }
            if self.account(&view, *who, &one.told, &mut one.passed) {
                one.grown = clock.monotonic_ns;
            }
            one.told.clear();
            one.grown > idle
        });
        if active.capacity() > 4 * active.len() + 1_024 {
            active.shrink_to(active.len());
        }
        self.active = active;
        let modes = view.description.scopes.iter();
        for scope in modes {
            self.modes[usize::from(scope.id)] = Some(scope.mode == "monitor");
        }
        self.looked = clock.monotonic_ns;
    }

    /// Whether a source was refused and no event has told of it.
    pub(super) fn is_untold(&self) -> bool {
        let is_untold = |(who, one): (&Who, &Active)| {
            let refused = |record: throttler_common::abi::SlotRecord| {
                let known = self.baselines.get(who);
                known.map_or(0, |held| held.baseline.refused) != record.refused
            };
            one.told.latest.is_none() && who.read(&self.sources).is_some_and(refused)
        };
        self.active.iter().any(is_untold)
    }

    fn view(&self, clock: Clock) -> Option<View> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let description = Arc::clone(names.latest()?);
        drop(names);
        let mut modes = vec![Mode::Either; MAX_SCOPES];
        let mut is_layer = vec![false; MAX_SCOPES];
        for scope in &description.scopes {
            let id = usize::from(scope.id);
            is_layer[id] = scope.kind == ScopeKind::Layer;
            let monitors = scope.mode == "monitor";
            if self.modes[id] == Some(monitors) {
                modes[id] = match monitors {
                    true => Mode::Spared,
                    false => Mode::Enforced,
                };
            }
        }
        let until = |family| throttler_common::ban::Ban(self.sources.newcomers(family).ban).until();
        Some(View {
            description,
            clock,
            modes,
            is_layer,
            wider: [until(0), until(1)],
        })
    }

    /// Walks over a part of the table, for what no event has told of; whether it has come to the end.
    pub(super) fn walk(&mut self, clock: Clock, budget: Duration) -> bool {
        let Some(view) = self.view(clock) else {
            return true;
        };
        self.walk_on(&view, Instant::now() + budget)
    }

    /// Baselines that are not written yet; all of them if the file is a new one.
    pub(super) fn changes(&mut self, all: bool) -> Vec<(Key, Option<Baseline>)> {
        let mut changes: Vec<_> = std::mem::take(&mut self.forgotten)
            .into_iter()
            .map(|who| (who.key(), None))
            .collect();
        for (who, held) in &mut self.baselines {
            if all || held.is_new {
                held.is_new = false;
                changes.push((who.key(), Some(held.baseline)));
            }
        }
        changes
    }

    /// Takes back what could not be written.
    pub(super) fn put_back(&mut self, changes: Vec<(Key, Option<Baseline>)>) {
        for (key, change) in changes {
            let who = Who::of_key(&key);
            match (self.baselines.get_mut(&who), change) {
                (Some(held), _) => held.is_new = true,
                (None, None) => self.forgotten.push(who),
                // Forgotten since.
                (None, Some(_)) => {}
            }
        }
    }
}
