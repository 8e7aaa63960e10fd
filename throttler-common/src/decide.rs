//! The one step from a frame to its verdict.

use crate::abi::{
    Addr, CLASS_KEY_LEAD, ClassKey, NO_LIMIT, PolicyHead, Row, SourceKey, head_flag, row_flag,
};
use crate::charge::{self, Change, Refused};
use crate::class::{self, Kind as Class, Word};
use crate::gcra;
use crate::parse::{Family, Frame, Kind, Packet, parse};
use crate::policy::Policies;
use crate::reason::Reason;
use crate::scope;
use crate::slot::{Slot, Slots};

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Why; it implies the verdict.
    pub reason: Reason,
    /// The scope that it is counted under.
    pub scope: u8,
    /// The limit that refused, as [`crate::abi::Event::limit`].
    pub limit: u8,
    /// L3 length in bytes; what follows the link header where that cannot be told.
    pub length: u32,
}

/// Refusals of one source, complete for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Monotonic nanoseconds.
    pub now: u64,
    /// The source.
    pub source: Addr,
    /// Its family.
    pub family: Family,
    /// The reason without monitor mode.
    pub reason: Reason,
    /// Whether monitor mode let it pass.
    pub monitored: bool,
    /// The scope.
    pub scope: u8,
    /// The limit, as [`crate::abi::Event::limit`].
    pub limit: u8,
    /// The source's plan; 0: none.
    pub plan: u16,
    /// Nanoseconds until one more unit conforms.
    pub retry_after: u64,
    /// Refusals not told of before.
    pub refused: u64,
    /// Refusals in all.
    pub refused_total: u64,
    /// The generation that decided.
    pub generation: u32,
}

/// Decides on one frame. `now` is monotonic time in nanoseconds.
#[inline(always)]
pub fn decide<F: Frame, P: Policies, S: Slots>(
    frame: &F,
    now: u64,
    policy: &P,
    slots: &S,
) -> Decision {
    decide_packet(&parse(frame), now, policy, slots)
}

/// The second half of [`decide`], behind the parser.
#[inline(always)]
pub fn decide_packet<P: Policies, S: Slots>(
    packet: &Packet,
    now: u64,
    policy: &P,
    slots: &S,
) -> Decision {
    let paused = now < policy.paused_until();
    let Some(head) = policy.head() else {
        // Nothing is attached before the first publish; a map read that fails says the same.
        return plain(Reason::Paused, 0, packet.length);
    };
    match packet.kind {
        Kind::NotIp => return plain(Reason::NotIp, 0, packet.length),
        Kind::Malformed if paused => return plain(Reason::Paused, 0, packet.length),
        Kind::Malformed => {
            let reason = spared(Reason::Malformed, policy.row(0));
            return plain(reason, 0, packet.length);
        }
        Kind::V4 | Kind::V6 => {}
    }
    let scope = scope::classify(policy, head, packet);
    if paused {
        return plain(Reason::Paused, scope, packet.length);
    }
    limit(head, packet, scope, now, policy, slots)
}

#[inline(always)]
const fn plain(reason: Reason, scope: u8, length: u32) -> Decision {
    Decision {
        reason,
        scope,
        limit: NO_LIMIT,
        length,
    }
}

/// Monitor mode spares what would be dropped.
#[inline(always)]
fn spared(reason: Reason, row: Option<&Row>) -> Reason {
    match row {
        Some(row) if row.flags & row_flag::MONITOR != 0 => Reason::Monitored,
        _ => reason,
    }
}

#[inline(always)]
fn limit<P: Policies, S: Slots>(
    head: &PolicyHead,
    packet: &Packet,
    scope: u8,
    now: u64,
    policy: &P,
    slots: &S,
) -> Decision {
    let family = packet.family().index();
    let scope_row = policy.row(u32::from(scope));
    if head.flags & head_flag::SOURCES == 0
        && scope_row.is_none_or(|row| row.count == 0 && row.layer == 0)
    {
        // Nobody has a class and nothing is limited: no slot to keep.
        return plain(Reason::Unlimited, scope, packet.length);
    }

    let key = SourceKey {
        addr: packet.source.masked(head.source_mask[family]),
        scope: u32::from(scope),
        reserved: 0,
    };
    let mut slot = slots.find(packet.family(), &key);
    let mut word = match &slot {
        Some(slot) => slot.class(),
        None => Word::default(),
    };
    if !word.holds(head.tag, now) {
        let old = word;
        word = resolve(policy, head, packet, &key, now);
        if slot.is_none() {
            slot = slots.claim(packet.family(), &key);
        }
        if let Some(slot) = &slot {
            renew(policy, head, slot, old, word, scope, now);
        }
    }
    let source_word = word;
    if word.kind() == Class::Mixed {
        word = resolve_address(policy, head, packet, now);
    }

    let row = policy.row(row_index(head, word.plan(), scope));
    let verdict = match word.kind() {
        Class::Exempt => Ok(Reason::Exempt),
        Class::Block => Err((Reason::Blocked, NO_REFUSAL)),
        Class::Plan | Class::Mixed => match (&slot, row) {
            (Some(slot), Some(row)) => within(
                row,
                slot,
                head,
                packet,
                (source_word, word),
                now,
                policy,
                slots,
            ),
            (None, _) => Err((Reason::TableFull, NO_REFUSAL)),
            (_, None) => Ok(Reason::Unlimited),
        },
    };
    match verdict {
        Ok(reason) => {
            if let Some(slot) = &slot {
                slot.count_passed(u64::from(packet.length), now);
            }
            plain(reason, scope, packet.length)
        }
        Err((why, refusal)) => {
            let reason = spared(why, scope_row);
            let dropped = !matches!(reason, Reason::Monitored);
            if let Some(slot) = &slot {
                slot.count_refused(u64::from(packet.length), now, dropped);
                if let Some((refused, refused_total)) = slot.claim_event(now) {
                    slots.tell(&Refusal {
                        now,
                        source: key.addr,
                        family: packet.family(),
                        reason: why,
                        monitored: !dropped,
                        scope,
                        limit: refusal.limit,
                        plan: word.plan(),
                        retry_after: refusal.wait,
                        refused,
                        refused_total,
                        generation: head.generation,
                    });
                }
            }
            Decision {
                reason,
                scope,
                limit: refusal.limit,
                length: packet.length,
            }
        }
    }
}

/// Keeps a slot's newly resolved class. Whoever replaces the old one turns the buckets into those of
/// the limits now in force: once, since to do it twice would count the change twice.
#[inline(always)]
fn renew<P: Policies, S: Slot>(
    policy: &P,
    head: &PolicyHead,
    slot: &S,
    old: Word,
    new: Word,
    scope: u8,
    now: u64,
) {
    if slot.replace_class(old, new) && old.tag() != 0 {
        let change = Change {
            row: row_index(head, new.plan(), scope),
            from: row_index(head, old.plan(), scope),
            age: old.age(head.tag),
        };
        slot.rebase(policy, change, gcra::ticks(now));
    }
}

const NO_REFUSAL: Refused = Refused {
    limit: NO_LIMIT,
    wait: 0,
};

#[inline(always)]
fn row_index(head: &PolicyHead, plan: u16, scope: u8) -> u32 {
    u32::from(plan) * head.row_stride + u32::from(scope)
}

#[inline(always)]
fn class_key(bank: u8, packet: &Packet, addr: Addr, prefix: u32) -> ClassKey {
    ClassKey {
        prefix_len: CLASS_KEY_LEAD + prefix,
        bank,
        family: packet.family().number(),
        reserved: [0; 2],
        addr,
    }
}

/// The class of a source: of the longest prefix that covers all of it.
#[inline(always)]
fn resolve<P: Policies>(
    policy: &P,
    head: &PolicyHead,
    packet: &Packet,
    key: &SourceKey,
    now: u64,
) -> Word {
    if head.flags & head_flag::SOURCES == 0 {
        return Word::new(head.tag, Class::Plan, 0, 0);
    }
    let prefix = head.source_prefix[packet.family().index()];
    let key = class_key(policy.bank(), packet, key.addr, prefix);
    class::resolve(policy.class(&key), head.tag, now)
}

/// The class of a packet's own address, for a source of several classes.
#[inline(always)]
fn resolve_address<P: Policies>(policy: &P, head: &PolicyHead, packet: &Packet, now: u64) -> Word {
    let key = class_key(policy.bank(), packet, packet.source, packet.family().bits());
    match policy.class(&key) {
        Some(chain) => class::resolve_steps(chain, head.tag, now),
        None => Word::new(head.tag, Class::Plan, 0, 0),
    }
}

/// Holds the packet against the limits of its scope and layer. `class` is the source's, `word` the
/// packet's own: they differ where the source is mixed, and the layer's slot keeps the source's.
#[expect(
    clippy::too_many_arguments,
    reason = "one call, inlined; a struct would only rename them"
)]
#[inline(always)]
fn within<P: Policies, S: Slots>(
    row: &Row,
    slot: &S::Slot,
    head: &PolicyHead,
    packet: &Packet,
    (class, word): (Word, Word),
    now: u64,
    policy: &P,
    slots: &S,
) -> Result<Reason, (Reason, Refused)> {
    let ticks = gcra::ticks(now);
    let mut layer_row = None;
    if row.layer != 0
        && let Some(candidate) = policy.row(row_index(head, word.plan(), row.layer))
        && charge::charges(candidate, packet)
    {
        layer_row = Some(candidate);
    }
    let charged = match layer_row {
        None if row.count == 0 && row.layer == 0 => return Ok(Reason::Unlimited),
        None => charge::charge(row, slot, None, packet, ticks),
        Some(layer_row) => {
            let addr = packet
                .source
                .masked(head.source_mask[packet.family().index()]);
            let key = SourceKey {
                addr,
                scope: u32::from(row.layer),
                reserved: 0,
            };
            let found = match slots.find(packet.family(), &key) {
                Some(found) => Some(found),
                None => slots.claim(packet.family(), &key),
            };
            let Some(layer_slot) = found else {
                return Err((Reason::TableFull, NO_REFUSAL));
            };
            let old = layer_slot.class();
            if old.0 != class.0 {
                renew(policy, head, &layer_slot, old, class, row.layer, now);
            }
            let charged = charge::charge(row, slot, Some((layer_row, &layer_slot)), packet, ticks);
            match charged {
                Ok(()) => layer_slot.count_passed(u64::from(packet.length), now),
                Err(_) => {
                    let dropped = row.flags & row_flag::MONITOR == 0;
                    layer_slot.count_refused(u64::from(packet.length), now, dropped);
                }
            }
            charged
        }
    };
    match charged {
        Ok(()) => Ok(Reason::Conforming),
        Err(refused) => Err((Reason::OverLimit, refused)),
    }
}
