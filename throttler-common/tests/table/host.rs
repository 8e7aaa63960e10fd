//! A table of one region, in memory of the test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use throttler_common::abi::{
    AbuseParams, Addr, PolicyHead, Region, Row, SET_WORDS, TableHead, WAYS, region,
};
use throttler_common::class::tag;
use throttler_common::lookup::{Source, Who};
use throttler_common::table::{Place, Way, Words, header, layout};
use throttler_common::{Clock, Notice, Packet, Slots};

use crate::policy::Policy;
use crate::source::packet;
use crate::valid::{Account, Rules, Use, is_valid};

/// Whom a way is kept for: address and scope.
pub(crate) type Key = (u32, u8);

/// Words of a set.
#[derive(Clone, Copy)]
pub(crate) struct HostWords<'a>(&'a [AtomicU64; SET_WORDS]);

impl Words for HostWords<'_> {
    fn load(&self, word: usize) -> u64 {
        self.0[word].load(Ordering::Acquire)
    }

    fn store(&self, word: usize, value: u64) {
        self.0[word].store(value, Ordering::Release);
    }

    fn compare_exchange(&self, word: usize, current: u64, next: u64) -> bool {
        fence(Ordering::SeqCst);
        let done = self.0[word].compare_exchange(current, next, Ordering::SeqCst, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        done.is_ok()
    }

    fn add(&self, word: usize, value: u64) {
        fence(Ordering::SeqCst);
        self.0[word].fetch_add(value, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }
}

/// The table.
pub(crate) struct Table {
    head: TableHead,
    sets: Vec<[AtomicU64; SET_WORDS]>,
}

/// Random words that a number stands for (splitmix64, <https://prng.di.unimi.it/splitmix64.c>).
pub(crate) fn random(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }
}

/// A head with one region for sources.
pub(crate) fn head(seed: u64, sets: u32) -> TableHead {
    let mut draw = random(seed);
    let mut head = TableHead {
        seed: std::array::from_fn(|_| draw()),
        ..TableHead::default()
    };
    head.regions[region::SOURCES] = Region { first: 0, sets };
    head
}

/// The address of a key.
pub(crate) fn addr(key: Key) -> Addr {
    Addr::from_v4(key.0.to_be_bytes())
}

impl Table {
    pub(crate) fn new(seed: u64, sets: u32) -> Self {
        let set = |_| std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            head: head(seed, sets),
            sets: (0..sets).map(set).collect(),
        }
    }

    pub(crate) fn place(&self, key: Key) -> Place {
        let region = &self.head.regions[region::SOURCES];
        Place::of(&self.head, region, &addr(key), key.1)
    }

    /// What a packet of the source finds, or is given.
    pub(crate) fn meet(&self, policy: &Policy, key: Key, now: u64) -> Source {
        self.at()
            .meet(policy, &packet(addr(key)), &now, Who::source(key.1))
    }

    /// The way that it was given.
    pub(crate) fn way(&self, met: &Source) -> Way<HostWords<'_>> {
        Way {
            words: self.words(met.set),
            handle: met.handle,
        }
    }

    /// The table as the datapath has it.
    pub(crate) fn at(&self) -> At<'_> {
        At(self)
    }

    fn words(&self, set: u32) -> HostWords<'_> {
        HostWords(&self.sets[set as usize])
    }

    /// [`is_valid`] after packets at most at `now` under these limits, and bans of at most so many moments.
    pub(crate) fn is_valid(&self, row: &Row, now: u64, ban_max: u64, accounts: &[Account]) -> bool {
        let sets: Vec<_> = Use::of(&self.head)
            .into_iter()
            .map(|(index, used)| (used, index, self.words(index)))
            .collect();
        let rules = Rules {
            now,
            tag: tag(1),
            age: 0,
            abuse: AbuseParams {
                ban_max,
                ..AbuseParams::default()
            },
            astray: 0,
            place: &|used, addr, scope| used.place(&self.head, addr, scope),
            row: &|_, _, _, _| Some(*row),
        };
        is_valid(&sets, &rules, accounts)
    }

    /// Whose ways are live, and in which set.
    pub(crate) fn holders(&self) -> BTreeMap<Key, u32> {
        let mut holders = BTreeMap::new();
        for set in 0..self.sets.len() as u32 {
            let words = self.words(set);
            for way in 0..WAYS {
                let found = words.load(layout::header(way));
                if found & header::LIVE != 0 {
                    let bytes = words.load(layout::address(way, 0)).to_ne_bytes();
                    let source = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                    holders.insert((source, header::scope(found)), set);
                }
            }
        }
        holders
    }

    /// Ways of a set that are nobody's.
    pub(crate) fn free(&self, set: u32) -> usize {
        let words = self.words(set);
        let free = |way: &usize| words.load(layout::header(*way)) & header::LIVE == 0;
        (0..WAYS).filter(free).count()
    }
}

/// The table in the hands of the datapath.
#[derive(Clone, Copy)]
pub(crate) struct At<'a>(&'a Table);

impl<'a> Slots for At<'a> {
    type Words = HostWords<'a>;

    fn head(&self) -> Option<&TableHead> {
        Some(&self.0.head)
    }

    fn set(&self, index: u32) -> Option<Self::Words> {
        Some(self.0.words(index))
    }

    fn tell<C: Clock>(&self, _: &PolicyHead, _: &Packet, _: &C, _: &Notice) {}
}
