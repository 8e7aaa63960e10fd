//! What is admitted, counted by somebody else: no limit ever admits more than its burst and what time has added.
//!
//! Since the first packet of a source, never more than `depth + elapsed` ticks are paid for. The reference knows
//! nothing of arrival times. It speaks of policies without classes alone, where everybody is held to plan 0's rows.

use std::collections::HashMap;

use throttler::host::{HostPolicy, HostSlots};
use throttler_common::abi::{Addr, LimitParams, TICK_SHIFT, row_flag, unit};
use throttler_common::global::{Share, row_index};
use throttler_common::parse::{Packet, packet_flag};
use throttler_common::{Decision, Policies, Reason};

/// Row, limit and source; all sources are one to `global` limits.
type Key = (u32, usize, Option<(usize, Addr)>);

/// Units admitted by each limit, and when the first was.
#[derive(Default)]
pub(super) struct Bound {
    paid: HashMap<Key, (u64, u128)>,
    /// Somebody had no way in the table, and was held to another bucket.
    pressed: bool,
}

impl Bound {
    pub(super) fn count(
        &mut self,
        policy: &HostPolicy,
        slots: &HostSlots,
        packet: &Packet,
        decision: &Decision,
        now: u64,
    ) {
        let head = &policy.tables().head;
        let family = packet.family();
        let source = packet.source.masked(head.source_mask[family.index()]);
        self.pressed |= decision.reason == Reason::TableFull;
        if decision.reason != Reason::Conforming || self.pressed {
            return;
        }
        if slots.record(family, &source, decision.scope).is_none() {
            self.pressed = true;
            return;
        }
        let own = u32::from(decision.scope);
        let whose = Some((family.index(), source));
        let row = policy.row(own).expect("a scope has a row");
        self.pay(policy, own, whose, packet, now);
        if row.layer != 0 {
            self.pay(policy, u32::from(row.layer), whose, packet, now);
        }
        if row.flags & row_flag::GLOBAL != 0 {
            let index = row_index(head, decision.scope, Share::Common);
            self.pay(policy, index, None, packet, now);
        }
    }

    fn pay(
        &mut self,
        policy: &HostPolicy,
        row: u32,
        whose: Option<(usize, Addr)>,
        packet: &Packet,
        now: u64,
    ) {
        let limits = &policy.row(row).expect("a row of the policy").limits;
        for (index, limit) in limits.iter().enumerate() {
            let units = charged(limit, packet);
            if units == 0 {
                continue;
            }
            let paid = self.paid.entry((row, index, whose)).or_insert((now, 0));
            paid.1 += units;
            let cost = (paid.1 * u128::from(limit.increment)) >> limit.shift;
            let most = u128::from(limit.depth) + (u128::from(now - paid.0) << TICK_SHIFT);
            assert!(
                cost <= most,
                "row {row} limit {index} of {whose:?} admitted {} units in {} ns: {limit:?}",
                paid.1,
                now - paid.0
            );
        }
    }
}

fn charged(limit: &LimitParams, packet: &Packet) -> u128 {
    match limit.unit {
        unit::PACKETS => 1,
        unit::BYTES => packet.length.into(),
        unit::CONNECTIONS => u128::from(packet.is(packet_flag::SYN)),
        _ => 0,
    }
}
