//! From a packet to its source's way.

use crate::abi::{Addr, PARENT_MASK, PolicyHead, region};
use crate::ban::Ban;
use crate::class::{Kind, Word};
use crate::clock::Clock;
use crate::gcra;
use crate::parse::Packet;
use crate::policy::Policies;
use crate::resolve::resolve;
use crate::slot::Slots;
use crate::table::{self, Found, Newcomer, Place, Unavailable, Way, answer, header};

/// What is known of a packet's source in its scope (or layer).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its way's handle; 0: it has none.
    pub handle: u64,
    /// Its class.
    pub class: Word,
    /// Its latest ban.
    pub ban: Ban,
    /// The set that its way is in.
    pub set: u32,
    /// 1: its set was locked by other CPUs for all attempts.
    pub contended: u32,
}

impl Source {
    /// Nothing is known, and there is no table to keep it in.
    pub const NOBODY: Self = Self {
        handle: 0,
        class: Word(0),
        ban: Ban(0),
        set: 0,
        contended: 0,
    };

    /// Whether it is held to limits.
    #[inline(always)]
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        matches!(self.class.kind(), Kind::Plan | Kind::Mixed)
    }

    /// Whether it is held to limits and there is no bucket to hold it to.
    #[inline(always)]
    #[must_use]
    pub const fn found_no_room(&self) -> bool {
        self.handle == 0 && self.contended == 0 && self.is_limited()
    }
}

/// The source of a packet, if it lies in its first set, with the class in force: [`Found::is_known`]. Otherwise
/// [`meet`] has to search, resolve, or give it a way; no search where the handle is [`table::ABSENT`].
#[inline(always)]
pub fn glance<S: Slots, C: Clock>(
    head: &PolicyHead,
    slots: &S,
    packet: &Packet,
    clock: &C,
    scope: u8,
) -> Option<Found<S::Words>> {
    let table = slots.head()?;
    let family = packet.family().index();
    let addr = packet.source.masked(head.source_mask[family]);
    let region = &table.regions[region::SOURCES + family];
    let place = Place::of(table, region, &addr, scope);
    let words = slots.set(place.sets[0])?;
    let handle = table::at_home(&words, &place, &addr);
    let way = Way { words, handle };
    if handle & header::LIVE == 0 {
        return Some(Found {
            way,
            ..Found::nothing(way)
        });
    }
    let now = clock.coarse();
    let found = table::found(way, now);
    if !found.is_known() || !found.class.holds(head.tag, now) {
        return None;
    }
    Some(found)
}

/// Whom a way is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The scope, or a layer.
    pub scope: u8,
    /// Not the packet's source but its parent prefix.
    pub parent: bool,
    /// What it resolves to, if that is known already; 0 asks the trie.
    pub class: Word,
    /// It surely has no way yet.
    pub absent: bool,
}

impl Who {
    /// The packet's source in a scope.
    #[inline(always)]
    #[must_use]
    pub const fn source(scope: u8) -> Self {
        Self {
            scope,
            parent: false,
            class: Word(0),
            absent: false,
        }
    }

    /// The same in a layer, as it was resolved for its scope.
    #[inline(always)]
    #[must_use]
    pub const fn layer(layer: u8, class: Word) -> Self {
        Self {
            scope: layer,
            parent: false,
            class,
            absent: false,
        }
    }

    /// Its parent prefix. That has the scope's own limits, whatever its sources' plans.
    #[inline(always)]
    #[must_use]
    pub const fn parent(head: &PolicyHead, scope: u8) -> Self {
        Self {
            scope,
            parent: true,
            class: Word::new(head.tag, Kind::Plan, 0, 0),
            absent: false,
        }
    }
}

/// Finds the source of a packet, or gives it a way, and sees to it that its class is the one in force.
#[inline(always)]
pub fn meet<P: Policies, S: Slots, C: Clock>(
    policy: &P,
    slots: &S,
    packet: &Packet,
    clock: &C,
    who: Who,
) -> Source {
    let Who {
        scope,
        parent,
        class,
        absent,
    } = who;
    let (Some(head), Some(table)) = (policy.head(), slots.head()) else {
        return Source::NOBODY;
    };
    let family = packet.family().index();
    let (mask, region) = if parent {
        (PARENT_MASK[family], region::PARENTS + family)
    } else {
        (head.source_mask[family], region::SOURCES + family)
    };
    let addr = packet.source.masked(mask);
    let region = &table.regions[region];
    let place = Place::of(table, region, &addr, scope);
    let now = clock.coarse();
    let Some(found) = known(slots, &place, &addr, now, absent) else {
        return Source::NOBODY;
    };
    let mut source = Source {
        handle: found.way.handle,
        class: found.class,
        ban: found.ban,
        set: set_of(&place, found.way.handle),
        contended: 0,
    };
    if source.class.holds(head.tag, now) && (class.0 == 0 || class.0 == source.class.0) {
        return source;
    }
    let word = if class.0 == 0 {
        resolve(policy, head, packet, addr, now)
    } else {
        class
    };
    source.class = word;
    let mut way = found.way;
    if way.handle == 0 {
        if word.is_unkept() {
            return source;
        }
        let newcomer = Newcomer {
            addr,
            class: word,
            now,
        };
        match self::way(slots, &place, slots.claim(&place, &newcomer)) {
            Ok(claimed) => way = claimed,
            Err(unavailable) => {
                source.contended = u32::from(unavailable == Unavailable::Busy);
                return source;
            }
        }
        source.handle = way.handle;
        source.set = set_of(&place, way.handle);
        // Another CPU, of the generation before, may have been first.
        if way.class().0 == word.0 {
            return source;
        }
    }
    if !slots.renew(policy, &way, u32::from(scope), word, gcra::ticks(now)) {
        source.contended = 1;
    }
    source
}

#[inline(always)]
const fn set_of(place: &Place, handle: u64) -> u32 {
    if handle & answer::SECOND == 0 {
        place.sets[0]
    } else {
        place.sets[1]
    }
}

/// What is known of a source; [`Found::is_known`] says whether anything is. `absent`: surely nothing.
#[inline(always)]
pub fn known<S: Slots>(
    slots: &S,
    place: &Place,
    addr: &Addr,
    now: u64,
    absent: bool,
) -> Option<Found<S::Words>> {
    let mut words = slots.set(place.sets[0])?;
    let mut handle = 0;
    if !absent {
        handle = slots.search(place, addr);
        if handle & answer::SECOND != 0 {
            words = slots.set(place.sets[1])?;
        }
    }
    let way = Way { words, handle };
    Some(if handle == 0 {
        Found::nothing(way)
    } else {
        table::found(way, now)
    })
}

/// The way that an [`answer`] means.
///
/// # Errors
/// Why there is none.
#[inline(always)]
pub fn way<S: Slots>(
    slots: &S,
    place: &Place,
    answered: u64,
) -> Result<Way<S::Words>, Unavailable> {
    let handle = answer::decode(answered)?;
    match slots.set(set_of(place, handle)) {
        Some(words) => Ok(Way { words, handle }),
        None => Err(Unavailable::Full),
    }
}
