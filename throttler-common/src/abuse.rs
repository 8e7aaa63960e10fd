//! Bans for repeated refusals, given where the refusals are.

use crate::abi::{AbuseParams, row_flag};
use crate::ban::{Ban, MOMENT_SHIFT, SECOND, Terms, moment};
use crate::clock::Clock;
use crate::lookup::{self, Who};
use crate::notice::{Kind, Notice};
use crate::parse::Packet;
use crate::policy::Policies;
use crate::pressure;
use crate::slot::Slots;
use crate::table::{Way, Words};

/// How long after the end of a prefix's ban a packet of the prefix still has that end told of.
const GRACE: u64 = 10 * SECOND;

/// Counts a refusal of the source and bans it if that is one too many: the ban given, or none.
/// `at` is in moments.
#[inline(always)]
pub fn strike<P: Policies, W: Words>(policy: &P, way: &Way<W>, at: u64) -> Ban {
    match policy.head() {
        Some(head) if head.abuse.refusals != 0 => {
            let params = &head.abuse;
            count(way, at, params.within, params.refusals, params)
        }
        _ => Ban::default(),
    }
}

#[inline(always)]
fn count<W: Words>(way: &Way<W>, at: u64, within: u64, most: u32, params: &AbuseParams) -> Ban {
    let counted = way.strike(at, within);
    if counted == 0 || counted < u64::from(most) {
        return Ban::default();
    }
    let mut given = Ban::default();
    way.locked(|way| {
        let before = way.ban();
        // Another CPU may have been first.
        if !before.is_on(at) {
            let terms = Terms {
                first: params.ban_for,
                longest: params.ban_max,
            };
            given = before.next(at, terms);
            way.set_ban(given);
            way.clear_strikes(at);
            if before == Ban::default() || before.until() + params.wider_within <= at {
                given = given.fresh();
            }
        }
    });
    given
}

/// A source of the packet's parent prefix was banned: counts it there, and bans the prefix if that is one
/// too many.
#[inline(always)]
pub fn widen<P: Policies, S: Slots, C: Clock>(
    policy: &P,
    slots: &S,
    packet: &Packet,
    clock: &C,
    scope: u8,
) {
    let (Some(head), Some(table)) = (policy.head(), slots.head()) else {
        return;
    };
    let params = &head.abuse;
    if params.wider_sources == 0 {
        return;
    }
    let at = moment(clock.coarse());
    let parent = slots.meet(policy, packet, clock, Who::parent(head, scope));
    let Some(words) = slots.set(parent.set).filter(|_| parent.handle != 0) else {
        return;
    };
    let parent = Way {
        words,
        handle: parent.handle,
    };
    let given = count(
        &parent,
        at,
        params.wider_within,
        params.wider_sources,
        params,
    );
    if given == Ban::default() {
        return;
    }
    if let Some(all) = pressure::newcomers(slots, table, packet.family().index()) {
        all.locked(|all| {
            let until = given.until() + GRACE;
            if all.ban().until() < until {
                all.set_ban(Ban::new(until, 0).told());
            }
        });
    }
    let row = policy.row(u32::from(scope));
    let notice = Notice {
        monitored: row.is_some_and(|row| row.flags & row_flag::MONITOR != 0),
        retry_after: (given.until() - at) << MOMENT_SHIFT,
        refused: u64::from(params.wider_sources),
        bans: given.times(),
        ..Notice::new(Kind::WiderBan, scope, 0)
    };
    slots.tell(head, packet, clock, &notice);
}

/// Whether any prefix of the packet's family is banned, or was a moment ago: only then is it worth asking
/// [`is_prefix_banned`].
#[inline(always)]
pub fn may_prefix_be_banned<S: Slots>(slots: &S, packet: &Packet, at: u64) -> bool {
    slots
        .head()
        .and_then(|table| pressure::newcomers(slots, table, packet.family().index()))
        .is_some_and(|all| all.ban().is_on(at))
}

/// Whether the packet's parent prefix is banned in the scope.
#[inline(always)]
pub fn is_prefix_banned<P: Policies, S: Slots, C: Clock>(
    policy: &P,
    slots: &S,
    packet: &Packet,
    clock: &C,
    scope: u8,
) -> bool {
    let (Some(head), Some(table)) = (policy.head(), slots.head()) else {
        return false;
    };
    let now = clock.coarse();
    let at = moment(now);
    let (place, addr) = pressure::place(table, packet, scope);
    let Some(found) = lookup::known(slots, &place, &addr, now, false) else {
        return false;
    };
    if found.ban.is_over_untold(at) && found.way.replace_ban(found.ban, found.ban.told()) {
        let notice = Notice::new(Kind::WiderUnban, scope, 0);
        slots.tell(head, packet, clock, &notice);
    }
    found.ban.is_on(at)
}
