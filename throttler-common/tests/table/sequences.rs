//! Random sequences of arrivals, bans and times against the model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use throttler_common::Slots;
use throttler_common::abi::SEEN_SHIFT;
use throttler_common::ban::{Ban, moment};
use throttler_common::table::{Words, header, layout};

use crate::host::{Key, Table, addr};
use crate::model::{KEPT, Model};
use crate::policy::{Policy, limit};
use crate::source::packet;

const SECOND: u64 = 1_000_000_000;

/// So few free ways in its first set make a newcomer look at its second.
const NARROW: usize = 3;

/// Moments of the longest ban.
const LONGEST: u64 = 1 << 19;

#[derive(Clone, Debug)]
enum Step {
    /// A packet comes.
    Arrive(Key),
    /// The source, if it is known, is banned for so many moments.
    Ban(Key, u64),
    /// Time passes, in nanoseconds.
    Wait(u64),
}

fn keys() -> impl Strategy<Value = Key> {
    // More than there are ways, few enough that they come back.
    (0x0a00_0000u32..0x0a00_0018, 0u8..2)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let waits = prop_oneof![
        0..SECOND,
        SECOND..100 * SECOND,
        KEPT - SECOND..KEPT + SECOND,
        Just(3 * KEPT),
    ];
    let step = prop_oneof![
        12 => keys().prop_map(Step::Arrive),
        1 => (keys(), 0u64..LONGEST).prop_map(|(key, moments)| Step::Ban(key, moments)),
        2 => waits.prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..400)
}

/// The table, and what should be in it.
struct Run {
    table: Table,
    model: Model,
    policy: Policy,
    now: u64,
}

impl Run {
    /// Sources that have left since; each may have.
    fn displaced(&self, before: &BTreeMap<Key, u32>, after: &BTreeMap<Key, u32>) -> Vec<Key> {
        let gone = before.keys().filter(|key| !after.contains_key(*key));
        gone.copied()
            .inspect(|key| assert!(self.model.0[key].may_go(self.now), "{key:?} is gone"))
            .collect()
    }

    /// Whether a source of a set may go.
    fn has_idle(&self, set: u32, holders: &BTreeMap<Key, u32>) -> bool {
        holders
            .iter()
            .any(|(key, at)| *at == set && self.model.0[key].may_go(self.now))
    }

    /// Whether a newcomer finds room in a set.
    fn has_room(&self, set: u32, holders: &BTreeMap<Key, u32>) -> bool {
        self.table.free(set) > 0 || self.has_idle(set, holders)
    }

    fn arrive(&mut self, key: Key) {
        let before = self.table.holders();
        let sets = self.table.place(key).sets;
        let room = sets.map(|set| self.has_room(set, &before));
        let free = sets.map(|set| self.table.free(set));
        let idle = self.has_idle(sets[0], &before);
        let known = self.model.see(key, self.now);
        let met = self.table.meet(&self.policy, key, self.now);
        let after = self.table.holders();
        assert_eq!(met.contended, 0, "there is one CPU");
        assert_eq!(met.class, self.policy.word());
        let gone = self.displaced(&before, &after);
        if known {
            assert_eq!((before, gone.len()), (after, 0));
        } else {
            assert_eq!(met.handle != 0, room[0] || room[1], "{key:?} {room:?}");
            if met.handle == 0 {
                assert_eq!(before, after);
                return;
            }
            // The first set, unless it has none to give or the second has more to spare; a free way
            // rather than somebody's.
            let elsewhere = (1..=NARROW).contains(&free[0]) && !idle && free[1] > free[0];
            let choice = usize::from(elsewhere || !room[0]);
            assert_eq!(after[&key], sets[choice]);
            assert_eq!(gone.len(), usize::from(free[choice] == 0));
            for gone in gone {
                self.model.0.remove(&gone);
            }
            self.model.give(key, self.now);
        }
        self.charge(key);
    }

    fn charge(&mut self, key: Key) {
        let row = &self.policy.row;
        let met = self.table.meet(&self.policy, key, self.now);
        self.model.see(key, self.now);
        let way = self.table.way(&met);
        let admitted = self
            .table
            .at()
            .admit(row, &way, &packet(addr(key)), &self.now)
            .is_ok();
        let known = self.model.0.get_mut(&key).expect("it has a way");
        assert_eq!(admitted, known.charge(&row.limits[0], self.now));
        assert_eq!(way.tat(0), known.tat());
        if admitted {
            way.count_passed(1);
        } else {
            way.count_dropped(1);
        }
        let tally = |word: usize| (way.words.load(word), way.words.load(word + 1));
        let index = way.index();
        assert_eq!(tally(layout::passed(index)), (known.passed, known.passed));
        assert_eq!(
            tally(layout::dropped(index)),
            (known.dropped, known.dropped)
        );
    }

    fn ban(&mut self, key: Key, moments: u64) {
        if self.model.see(key, self.now) {
            let until = moment(self.now) + moments;
            let met = self.table.meet(&self.policy, key, self.now);
            let way = self.table.way(&met);
            assert!(way.locked(|way| way.set_ban(Ban::new(until, 1))));
            self.model.0.get_mut(&key).expect("seen").ban(until);
        }
    }
}

proptest! {
    #[test]
    fn the_table_keeps_whom_it_must(seed: u64, sets in 1u32..4, burst in 1u64..4, steps in steps()) {
        let mut run = Run {
            table: Table::new(seed, sets),
            model: Model::default(),
            policy: Policy::new(1, limit(burst, 10 * SECOND)),
            now: 1_000 * SECOND,
        };
        for step in steps {
            match step {
                Step::Arrive(key) => run.arrive(key),
                Step::Ban(key, moments) => run.ban(key, moments),
                Step::Wait(nanos) => run.now += nanos,
            }
            let holders = run.table.holders();
            prop_assert!(holders.keys().eq(run.model.0.keys()));
            prop_assert!(run.table.is_valid(&run.policy.row, run.now, LONGEST, &[]));
        }
    }
}

#[test]
fn the_model_counts_time_as_the_table_does() {
    assert_eq!(u64::from(header::KEPT) << SEEN_SHIFT, KEPT);
}
