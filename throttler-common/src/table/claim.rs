//! Giving a way to a new source.

use super::find::in_set;
use super::header::{self, LIVE, OVERFLOW};
use super::lock::{lock, unlock};
use super::words::Words;
use super::{Place, Unavailable, answer, layout};
use crate::abi::{Addr, MAX_LIMITS, WAYS};
use crate::ban::{Ban, Strikes, moment};
use crate::class::Word;
use crate::gcra;

/// A source without a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// Its address, masked.
    pub addr: Addr,
    /// Its class.
    pub class: Word,
    /// Monotonic nanoseconds; may be a timer tick old.
    pub now: u64,
}

/// A way for the source: the one that another CPU gave it meanwhile, or one that may be taken: in its first
/// set, unless that is nearly full and the second has more room, or has no way to give. As an [`answer`].
///
/// # Errors
/// Which of the two reasons kept it from having one.
#[inline(always)]
pub fn claim<W: Words>(
    first: &W,
    second: impl Fn() -> Option<W>,
    place: &Place,
    newcomer: &Newcomer,
) -> Result<u64, Unavailable> {
    if !lock(first) {
        return Err(Unavailable::Busy);
    }
    let mut taken = in_set(first, place, &newcomer.addr);
    let mut busy = false;
    if taken == 0 {
        let overflowed = first.load(layout::header(0)) & OVERFLOW != 0;
        let room = room(first);
        let narrow = room != 0 && room <= NARROW && !has_idle(first, newcomer.now);
        let mut elsewhere = false;
        if place.sets[0] != place.sets[1] && (overflowed || narrow) {
            // The second set is read where the source may be in it, and where it may have more room.
            let (found, more) = look_around(&second, overflowed, place, newcomer);
            match found {
                Ok(way) => taken = way,
                Err(unavailable) => {
                    unlock(first);
                    return Err(unavailable);
                }
            }
            elsewhere = narrow && more > room;
        }
        if taken == 0 && !elsewhere {
            taken = take(first, place, newcomer);
        }
        // A source in two sets that are one would hold a lock twice.
        if taken == 0
            && place.sets[0] != place.sets[1]
            && let Some(second) = second()
        {
            if lock(&second) {
                taken = take(&second, place, newcomer);
                if taken != 0 {
                    // Before the way can be missed: the first set is still locked.
                    if !overflowed {
                        first.add(layout::header(0), OVERFLOW);
                    }
                    taken |= answer::SECOND;
                }
                unlock(&second);
            } else {
                busy = true;
            }
            if taken == 0 && elsewhere {
                taken = take(first, place, newcomer);
            }
        }
    }
    unlock(first);
    match taken {
        0 if busy => Err(Unavailable::Busy),
        0 => Err(Unavailable::Full),
        taken => Ok(taken),
    }
}

/// Whether the source lies in its second set, if it may, and how much room that has. Under that set's lock:
/// while another CPU tries a way of it, the way's source cannot be seen.
#[inline(always)]
fn look_around<W: Words>(
    second: &impl Fn() -> Option<W>,
    overflowed: bool,
    place: &Place,
    newcomer: &Newcomer,
) -> (Result<u64, Unavailable>, usize) {
    let Some(second) = second() else {
        return (Ok(0), 0);
    };
    let mut found = 0;
    if overflowed {
        if !lock(&second) {
            return (Err(Unavailable::Busy), 0);
        }
        found = in_set(&second, place, &newcomer.addr);
        if found != 0 {
            found |= answer::SECOND;
        }
        unlock(&second);
    }
    (Ok(found), room(&second))
}

/// Few enough free ways to look at the other set. With two choices, sets fill evenly (Y. Azar et al.,
/// "Balanced allocations", 1994): a table of eight ways a set holds 99 of 100 sources when 97 % full.
const NARROW: usize = 3;

/// Free ways of a set.
#[inline(always)]
fn room<W: Words>(set: &W) -> usize {
    let mut free = 0;
    let mut way = 0;
    while way < WAYS {
        free += usize::from(set.load(layout::header(way)) & LIVE == 0);
        way += 1;
    }
    free
}

/// Whether a way may be taken from a source. Then there is room, and no need to go elsewhere: a flood of
/// sources that pay at once stays in their first sets, and those of others are not looked at for it.
#[inline(always)]
fn has_idle<W: Words>(set: &W, now: u64) -> bool {
    let seen = header::seen_units(now);
    let now = gcra::ticks(now);
    let mut way = 0;
    while way < WAYS {
        let found = set.load(layout::header(way));
        if found & LIVE != 0 && !header::kept(found, seen) && says_nothing(set, way, now) {
            return true;
        }
        way += 1;
    }
    false
}

/// Takes a way of a locked set: a free one, else one whose source says nothing; 0 if there is none.
#[inline(always)]
fn take<W: Words>(set: &W, place: &Place, newcomer: &Newcomer) -> u64 {
    let seen = header::seen_units(newcomer.now);
    let now = gcra::ticks(newcomer.now);
    let home = header::home(place.wanted);
    let mut round = 0;
    while round < 2 {
        let mut step = 0;
        while step < WAYS {
            let way = (home + step) & (WAYS - 1);
            let before = set.load(layout::header(way));
            let free = before & LIVE == 0;
            if free || (round == 1 && !header::kept(before, seen) && says_nothing(set, way, now)) {
                let taken = take_way(set, way, before, place, newcomer);
                if taken != 0 {
                    return taken;
                }
            }
            step += 1;
        }
        round += 1;
    }
    0
}

#[inline(always)]
fn says_nothing<W: Words>(set: &W, way: usize, now: u64) -> bool {
    let mut i = 0;
    while i < MAX_LIMITS {
        if set.load(layout::tat(way, i)) >= now {
            return false;
        }
        i += 1;
    }
    !Ban(set.load(layout::ban(way))).is_on(moment(now >> crate::abi::TICK_SHIFT))
}

#[inline(always)]
fn take_way<W: Words>(set: &W, way: usize, before: u64, place: &Place, newcomer: &Newcomer) -> u64 {
    // Nobody finds it from here on.
    if !set.compare_exchange(layout::header(way), before, before & !LIVE) {
        return 0;
    }
    if before & LIVE != 0 && !says_nothing(set, way, gcra::ticks(newcomer.now)) {
        // Charged since we looked: it stays its source's, with the identity that it had.
        set.add(layout::header(way), LIVE);
        return 0;
    }
    set.store(layout::address(way, 0), newcomer.addr.words[0]);
    set.store(layout::address(way, 1), newcomer.addr.words[1]);
    set.store(layout::class(way), newcomer.class.0);
    set.store(layout::ban(way), 0);
    let mut i = 0;
    while i < MAX_LIMITS {
        // Past as well, but another value than a charge that is under way may have read: its swap fails,
        // and the newcomer pays nothing for it.
        let next = if before & LIVE == 0 {
            0
        } else {
            set.load(layout::tat(way, i)) + 1
        };
        set.store(layout::tat(way, i), next);
        i += 1;
    }
    set.store(layout::passed(way), 0);
    set.store(layout::passed(way) + 1, 0);
    set.store(layout::dropped(way), 0);
    set.store(layout::dropped(way) + 1, 0);
    set.store(
        layout::strikes(way),
        Strikes::new(moment(newcomer.now), 0).0,
    );
    set.store(layout::event(way), 0);
    set.store(layout::refused(way), 0);
    let seen = header::seen_units(newcomer.now);
    let fresh = header::fresh(before, place.wanted, seen);
    set.store(layout::header(way), fresh);
    fresh & header::IDENTITY | way as u64
}
