//! Whole packets, from the source's set to the verdict: layers, `global` limits and wider bans.

use std::sync::Arc;

use throttler_common::abi::{AbuseParams, Row, region};
use throttler_common::ban::moment;
use throttler_common::notice::Kind;
use throttler_common::table::layout;
use throttler_common::{Reason, Slots, abuse};

use crate::policy::{Policy, limit};
use crate::set::Plan;
use crate::source::packet;
use crate::valid::Account;
use crate::world::{NOW, UNIT, after, cpu, done, most_orders};
use crate::worlds::{World, addr};

fn world(sources: Plan, parents: Plan, newcomers: Plan, globals: Plan) -> Arc<World> {
    World::new(1, Row::default(), [sources, parents, newcomers, globals])
}

/// Whether a packet of the source passes.
fn passes(world: &World, policy: &Policy, name: u8) -> u64 {
    let decision = world.decide(policy, name, NOW);
    u64::from(decision.reason == Reason::Conforming)
}

fn units(tat: u64) -> u64 {
    tat.saturating_sub(after(0)) / (UNIT << 6)
}

fn paid(name: u8, admitted: u64, strays: u64) -> Account {
    Account {
        addr: addr(name),
        scope: 0,
        admitted,
        strays,
    }
}

/// A packet that one of the two refuses is paid by neither.
fn layers(cpus: usize, changes: usize) {
    most_orders(changes, move || {
        let policy = || Policy::new(1, limit(3, UNIT)).layered(limit(2, UNIT));
        let sources = Plan::full().free(1).free(2);
        let world = world(sources, Plan::empty(), Plan::empty(), Plan::empty());
        // It has its ways, and one packet left.
        assert_eq!(passes(&world, &policy(), 1), 1);
        let others: Vec<_> = (1..cpus)
            .map(|_| {
                let world = world.clone();
                cpu(move || passes(&world, &policy(), 1))
            })
            .collect();
        let admitted = passes(&world, &policy(), 1) + others.into_iter().map(done).sum::<u64>();
        let met = world.meet(&policy(), 1, NOW);
        assert_eq!((admitted, units(world.way(&met).tat(0))), (1, 2));
        assert!(world.is_valid(&policy(), (NOW, 0, 0), &[paid(1, 1 + admitted, 0)]));
    });
}

#[test]
fn two_cpus_charge_a_scope_and_its_layer() {
    layers(2, 2);
}

#[test]
fn three_cpus_charge_a_scope_and_its_layer() {
    layers(3, 1);
}

/// Two packets of a source, and one of another, under a limit of all sources: it is charged for what passed.
fn everybody(cpus: usize, changes: usize) {
    most_orders(changes, move || {
        let policy = || Policy::new(1, limit(1, UNIT)).shared(limit(2, UNIT), limit(1, UNIT));
        let shares = Plan::empty()
            .watching(&[layout::tat(0, 0), layout::class(0)])
            .holding(layout::class(0), policy().word().0);
        let sources = Plan::full().free(1).free(2);
        let world = world(sources, Plan::empty(), Plan::empty(), shares);
        for name in 1..=2 {
            assert_ne!(world.meet(&policy(), name, NOW).handle, 0);
        }
        let others: Vec<_> = (1..cpus)
            .map(|nth| {
                let world = world.clone();
                cpu(move || passes(&world, &policy(), 1 + nth as u8 / 2))
            })
            .collect();
        let mut passed = vec![passes(&world, &policy(), 1)];
        passed.extend(others.into_iter().map(done));
        // Two of the first source, of which one passes, and one of the second.
        let (first, second) = (passed[0] + passed[1], passed[2..].iter().sum::<u64>());
        let accounts = [paid(1, first, 0), paid(2, second, 0)];
        let all = units(world.fixed(region::GLOBALS, 0).tat(0));
        assert_eq!((all, first), (first + second, 1), "{passed:?}");
        assert!(world.is_valid(&policy(), (NOW, 0, 0), &accounts));
    });
}

#[test]
fn two_cpus_charge_a_source_and_all_sources() {
    everybody(2, 2);
}

#[test]
fn three_cpus_charge_sources_and_all_sources() {
    everybody(3, 1);
}

const ABUSE: AbuseParams = AbuseParams {
    refusals: 1,
    wider_sources: 2,
    within: 1 << 20,
    ban_for: 1 << 10,
    ban_max: 1 << 20,
    wider_within: 1 << 20,
};

/// Each CPU has banned a source of one prefix: two bans ban the prefix, once, and every packet learns of it.
fn widened(cpus: usize, changes: usize) {
    most_orders(changes, move || {
        let policy = || Policy::new(1, limit(1, UNIT)).abuse(ABUSE);
        let parents = Plan::full().free(1).judging(1);
        let newcomers = Plan::empty().watching(&[layout::ban(0)]);
        let world = world(Plan::full(), parents, newcomers, Plan::empty());
        let widen = move |world: &World, name: u8| {
            abuse::widen(&policy(), &world, &packet(addr(name)), &NOW, 0);
        };
        // Its prefix is known.
        widen(&world, 0);
        let others: Vec<_> = (1..cpus)
            .map(|nth| {
                let world = world.clone();
                cpu(move || widen(&world, 1 + nth as u8))
            })
            .collect();
        widen(&world, 1);
        others.into_iter().for_each(done);
        assert_eq!(world.told(Kind::WiderBan).len(), 1);
        let now = packet(addr(9));
        assert!(abuse::may_prefix_be_banned(&&*world, &now, moment(NOW)));
        assert!((&&*world).is_prefix_banned(&policy(), &now, &NOW, 0));
        let under_way = cpus as u64 - 1;
        assert!(world.is_valid(&policy(), (NOW, 0, under_way), &[]));
    });
}

#[test]
fn two_cpus_ban_a_prefix_once() {
    widened(2, 3);
}

#[test]
fn three_cpus_ban_a_prefix_once() {
    widened(3, 2);
}
