//! A walk over the source table, a part at a time: whose counts have grown and nobody was told, and who is gone.

use std::time::{Duration, Instant};

use throttler_common::abi::{Addr, WAYS, region};
use throttler_common::ban::Ban;
use throttler_common::table::{Words as _, header, layout};

use super::{ACTIVE, Active, Ledger, View};
use crate::daemon::historian::told::Told;
use crate::daemon::historian::who::Who;

/// Sets between two looks at the clock.
const STEP: u32 = 128;

/// How far it has come.
#[derive(Debug, Default)]
pub(in crate::daemon::historian) struct Walk {
    next: u32,
    /// Which walk it is.
    pub(super) number: u8,
    /// Time spent in this one.
    spent: Duration,
    /// When the latest was done, and what it took.
    done: Option<(Instant, Duration)>,
    /// Events that the ring had lost when this one began.
    lost: u64,
}

impl Ledger {
    pub(super) fn walk_on(&mut self, view: &View, end: Instant) -> bool {
        let began = Instant::now();
        if self.walk.next == 0 {
            self.walk.lost = self.ring_lost();
        }
        let sets = self.sources.head.regions[region::NEWCOMERS].first;
        while self.walk.next < sets {
            let until = sets.min(self.walk.next.saturating_add(STEP));
            for set in self.walk.next..until {
                self.visit(view, set);
            }
            self.walk.next = until;
            if Instant::now() >= end {
                break;
            }
        }
        self.walk.spent += began.elapsed();
        if self.walk.next < sets {
            return false;
        }
        self.forget_gone();
        self.walk = Walk {
            number: self.walk.number.wrapping_add(1),
            done: Some((Instant::now(), self.walk.spent)),
            lost: self.walk.lost,
            ..Walk::default()
        };
        true
    }

    fn visit(&mut self, view: &View, index: u32) {
        let mut found: [Option<Who>; WAYS] = [None; WAYS];
        let Some(set) = self.sources.set(index) else {
            return;
        };
        for (way, found) in found.iter_mut().enumerate() {
            let head = set.load(layout::header(way));
            if head & header::LIVE == 0 || view.is_layer[usize::from(header::scope(head))] {
                continue;
            }
            let refused = set.load(layout::refused(way));
            let dropped = set.load(layout::dropped(way));
            let ban = set.load(layout::ban(way));
            // Somebody who may come by and by: every table is full of them.
            if refused == 0 && dropped == 0 && Ban(ban).times() == 0 {
                continue;
            }
            let addr = Addr {
                words: [
                    set.load(layout::address(way, 0)),
                    set.load(layout::address(way, 1)),
                ],
            };
            let who = Who {
                addr,
                region: self.region_of(index),
                scope: header::scope(head),
            };
            if let Some(held) = self.baselines.get_mut(&who) {
                held.walk = self.walk.number;
                let known = &held.baseline;
                let is_same = known.refused == refused
                    && known.packets == dropped
                    && Ban(known.ban).until() == Ban(ban).until();
                if is_same {
                    continue;
                }
            }
            *found = Some(who);
        }
        for who in found.into_iter().flatten() {
            self.take_up(view, who);
        }
    }

    /// Looks at it with the next look, by when what is on its way from the ring has come; at once if there are too many.
    fn take_up(&mut self, view: &View, who: Who) {
        if self.active.contains_key(&who) {
            return;
        }
        if self.active.len() >= ACTIVE {
            self.account(view, who, &Told::default(), &mut None);
            return;
        }
        let active = Active {
            grown: view.clock.monotonic_ns,
            found: view.clock.monotonic_ns,
            ..Active::default()
        };
        self.active.insert(who, active);
    }

    fn region_of(&self, set: u32) -> u8 {
        let regions = &self.sources.head.regions[..region::NEWCOMERS];
        let found = regions.iter().rposition(|region| region.first <= set);
        found.unwrap_or(0) as u8
    }

    /// Drops the baselines of those that have no place in the table any more: if they come again, they count from 0.
    fn forget_gone(&mut self) {
        let (sources, number, forgotten) = (&self.sources, self.walk.number, &mut self.forgotten);
        self.baselines.retain(|who, held| {
            let stays = held.walk == number || who.read(sources).is_some();
            if !stays {
                forgotten.push(*who);
            }
            stays
        });
        if self.baselines.capacity() > 4 * self.baselines.len() + 1_024 {
            self.baselines.shrink_to(self.baselines.len());
        }
    }

    /// Events that found the ring full.
    fn ring_lost(&self) -> u64 {
        let per_cpu = self.stats.get_per_cpu(&0).unwrap_or_default();
        let lost = per_cpu.iter().map(|stats| stats.events_lost);
        lost.fold(0, u64::wrapping_add)
    }

    /// Whether a walk has to begin, or go on: one a period, and where events were lost.
    pub(in crate::daemon::historian) fn is_walk_due(&self, period: Duration) -> bool {
        let Some((done, _)) = self.walk.done else {
            return true;
        };
        self.walk.next > 0 || done.elapsed() >= period || self.ring_lost() != self.walk.lost
    }

    /// What the latest walk took, and how long ago it was; `None` where there was none yet.
    pub(in crate::daemon::historian) fn walked(&self) -> Option<(Duration, Duration)> {
        self.walk.done.map(|(at, took)| (took, at.elapsed()))
    }
}
