//! A whole table in a model of memory, for whole packets: everybody's two sets are the same one.

use std::sync::{Arc, Mutex};

use throttler_common::abi::{Addr, PolicyHead, Region, Row, TableHead, region};
use throttler_common::class::Word;
use throttler_common::lookup::{Source, Who};
use throttler_common::notice::Kind;
use throttler_common::table::{Place, Way, header};
use throttler_common::{Clock, Decision, Notice, Packet, Policies, Slots, decide_packet};

use crate::NOW;
use crate::policy::{GLOBAL, Policy, RESERVED};
use crate::set::{FILLER, Plan, Set, filler_place};
use crate::source::packet;
use crate::valid::{Account, Rules, Use, is_valid};

/// Sets of the table: sources, prefixes, newcomers, scope 0's `global` limits.
const SETS: u32 = 4;

/// The table, and what was told of.
pub(crate) struct World {
    pub(crate) head: TableHead,
    sets: Vec<Set>,
    told: Mutex<Vec<(Kind, u64)>>,
}

/// A source: an address of 10.0.0.0/24.
pub(crate) const fn addr(name: u8) -> Addr {
    Addr::from_v4([10, 0, 0, name])
}

impl World {
    /// The sets, in the order of their regions; each source's first way is `home`.
    pub(crate) fn new(home: usize, admission: Row, sets: [Plan; SETS as usize]) -> Arc<Self> {
        let mut head = TableHead {
            admission,
            ..TableHead::default()
        };
        let regions = [
            region::SOURCES,
            region::PARENTS,
            region::NEWCOMERS,
            region::GLOBALS,
        ];
        for (first, region) in (0..).zip(regions) {
            head.regions[region] = Region { first, sets: 1 };
        }
        // Nothing but the first word counts: all have the same tag.
        let homes = |head: &TableHead| {
            let place = Place::of(head, &head.regions[region::SOURCES], &addr(1), 0);
            header::home(place.wanted)
        };
        while homes(&head) != home {
            head.seed[0] += 1;
        }
        Arc::new(Self {
            head,
            sets: sets.map(Plan::build).to_vec(),
            told: Mutex::default(),
        })
    }

    /// A whole packet of a source.
    pub(crate) fn decide(&self, policy: &Policy, name: u8, now: u64) -> Decision {
        decide_packet(&packet(addr(name)), &now, policy, &self)
    }

    /// What a packet of the source finds, or is given.
    pub(crate) fn meet(&self, policy: &Policy, name: u8, now: u64) -> Source {
        (&self).meet(policy, &packet(addr(name)), &now, Who::source(0))
    }

    /// The way that it was given.
    pub(crate) fn way(&self, met: &Source) -> Way<Set> {
        Way {
            words: self.sets[met.set as usize],
            handle: met.handle,
        }
    }

    /// Way `way` of the set of prefixes, newcomers or `global` limits.
    pub(crate) fn fixed(&self, region: usize, way: u64) -> Way<Set> {
        Way {
            words: self.sets[self.head.regions[region].first as usize],
            handle: way,
        }
    }

    /// What was told of so far, and of how many refusals.
    pub(crate) fn told(&self, kind: Kind) -> Vec<u64> {
        let told = self.told.lock().expect("nobody panics with it");
        let of_kind = told.iter().filter(|(told, _)| *told as u8 == kind as u8);
        of_kind.map(|(_, refused)| *refused).collect()
    }

    /// [`is_valid`] under the policy in force, at a time, after packets of so many generations before, and with
    /// [`Rules::astray`].
    pub(crate) fn is_valid(
        &self,
        policy: &Policy,
        (now, age, astray): (u64, u32, u64),
        accounts: &[Account],
    ) -> bool {
        let sets: Vec<_> = Use::of(&self.head)
            .into_iter()
            .map(|(index, used)| (used, index, self.sets[index as usize]))
            .collect();
        let row = |used: Use, scope: u8, way: usize, class: Word| match used {
            Use::Newcomers(_) => (way == 0).then_some(self.head.admission),
            Use::Globals(_) if way < 2 => policy.row([GLOBAL, RESERVED][way]).copied(),
            Use::Globals(_) => None,
            // A way that is the same source's from first to last.
            Use::Sources(_) | Use::Parents(_) => {
                let stride = policy.head.row_stride;
                policy
                    .row(u32::from(class.plan()) * stride + u32::from(scope))
                    .copied()
            }
        };
        let rules = Rules {
            now,
            tag: policy.head.tag,
            // Fillers are of generation 0.
            age: age + 1,
            abuse: policy.head.abuse,
            astray,
            place: &|used, addr, scope| match scope {
                FILLER => filler(used, &self.head),
                _ => used.place(&self.head, addr, scope),
            },
            row: &row,
        };
        is_valid(&sets, &rules, accounts)
    }
}

fn filler(used: Use, head: &TableHead) -> Option<Place> {
    let any = used.place(head, &Addr::default(), FILLER)?;
    Some(filler_place(any.sets[0]))
}

impl Slots for &World {
    type Words = Set;

    fn head(&self) -> Option<&TableHead> {
        Some(&self.head)
    }

    fn set(&self, index: u32) -> Option<Set> {
        self.sets.get(index as usize).copied()
    }

    fn tell<C: Clock>(&self, _: &PolicyHead, _: &Packet, _: &C, notice: &Notice) {
        let mut told = self.told.lock().expect("nobody panics with it");
        told.push((notice.kind, notice.refused));
    }
}

/// The time of most that happens, twice what a source is kept for later each.
pub(crate) const fn later(times: u64) -> u64 {
    NOW + times * (2 << 38)
}
