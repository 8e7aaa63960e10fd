//! Limits of all sources together, of a prefix and of newcomers: buckets that nobody claims.

use throttler_common::abi::{Row, region};
use throttler_common::global::{self, Share};
use throttler_common::lookup::Who;
use throttler_common::table::{Words, layout};
use throttler_common::{Slots, pressure};

use crate::policy::{Policy, limit, row};
use crate::set::Plan;
use crate::source::packet;
use crate::world::{NOW, UNIT, after, cpu, done, every_order, most_orders};
use crate::worlds::{World, addr};

/// Two packets of all sources, one more for protected plans.
fn policy() -> Policy {
    Policy::new(1, limit(5, UNIT)).shared(limit(2, UNIT), limit(1, UNIT))
}

/// A `global` bucket of generation 1, both shares of it in play.
fn shares() -> Plan {
    let mut plan = Plan::empty();
    for way in 0..2 {
        let words = [layout::class(way), layout::tat(way, 0)];
        plan = plan
            .watching(&words)
            .holding(layout::class(way), policy().word().0);
    }
    plan
}

fn world(sources: Plan, parents: Plan, newcomers: Plan, globals: Plan) -> std::sync::Arc<World> {
    let admission = Row {
        tag: 1,
        ..row(limit(2, UNIT))
    };
    World::new(1, admission, [sources, parents, newcomers, globals])
}

fn globals() -> std::sync::Arc<World> {
    world(Plan::empty(), Plan::empty(), Plan::empty(), shares())
}

/// Packets that the common bucket and the reserved one were charged for.
fn charged(world: &World) -> [u64; 2] {
    [0, 1].map(|way| {
        let tat = world.fixed(region::GLOBALS, way).tat(0);
        tat.saturating_sub(after(0)) / (UNIT << 6)
    })
}

fn charge(world: &World, policy: &Policy, protected: bool) -> Option<Share> {
    global::charge(policy, &world, &packet(addr(1)), &NOW, 0, protected).ok()
}

/// So many CPUs charge; one of them takes back what it got, because its source's own limits refused.
fn charged_and_taken_back(cpus: usize) {
    let scenario = move || {
        let world = globals();
        let others: Vec<_> = (1..cpus)
            .map(|_| {
                let world = world.clone();
                cpu(move || u64::from(charge(&world, &policy(), false).is_some()))
            })
            .collect();
        let mine = charge(&world, &policy(), false);
        if let Some(share) = mine {
            global::undo(&policy(), &&*world, &packet(addr(1)), 0, share);
        }
        let others = others.into_iter().map(done).sum::<u64>();
        assert!(others == cpus as u64 - 1 || mine.is_some());
        assert_eq!(charged(&world), [others, 0]);
        assert!(world.is_valid(&policy(), (NOW, 0, 0), &[]));
    };
    if cpus == 2 {
        every_order(scenario);
    } else {
        most_orders(3, scenario);
    }
}

#[test]
fn two_cpus_take_back_no_more_than_they_charged_all() {
    charged_and_taken_back(2);
}

#[test]
fn three_cpus_take_back_no_more_than_they_charged_all() {
    charged_and_taken_back(3);
}

/// Protected plans are served from their share, then from everybody's; both together admit the limit.
fn shares_together(cpus: usize) {
    let scenario = move || {
        let world = globals();
        let others: Vec<_> = (1..cpus)
            .map(|nth| {
                let world = world.clone();
                cpu(move || charge(&world, &policy(), nth == 1))
            })
            .collect();
        let mut shares = vec![
            charge(&world, &policy(), true),
            charge(&world, &policy(), true),
        ];
        shares.extend(others.into_iter().map(done));
        let count = |share| shares.iter().filter(|s| **s == Some(share)).count() as u64;
        assert_eq!(
            charged(&world),
            [count(Share::Common), count(Share::Reserved)]
        );
        assert_eq!(count(Share::Reserved), 1, "{shares:?}");
        assert_eq!(count(Share::Common), 2, "{shares:?}");
        assert!(world.is_valid(&policy(), (NOW, 0, 0), &[]));
    };
    if cpus == 2 {
        every_order(scenario);
    } else {
        most_orders(2, scenario);
    }
}

#[test]
fn two_cpus_use_both_shares_up() {
    shares_together(2);
}

#[test]
fn three_cpus_use_both_shares_up() {
    shares_together(3);
}

/// The first packets of a generation convert the bucket: once, whoever does it.
fn converted(cpus: usize) {
    let scenario = move || {
        let world = globals();
        assert!(charge(&world, &policy(), false).is_some());
        let next = || policy().again();
        let others: Vec<_> = (1..cpus)
            .map(|_| {
                let world = world.clone();
                cpu(move || u64::from(charge(&world, &next(), false).is_some()))
            })
            .collect();
        let admitted = u64::from(charge(&world, &next(), false).is_some())
            + others.into_iter().map(done).sum::<u64>();
        // Who did not get the lock is refused.
        assert!(admitted <= 1 && charged(&world) == [1 + admitted, 0]);
        assert!(world.is_valid(&next(), (NOW, 1, 0), &[]));
    };
    if cpus == 2 {
        every_order(scenario);
    } else {
        most_orders(2, scenario);
    }
}

#[test]
fn two_cpus_renew_the_common_bucket() {
    converted(2);
}

#[test]
fn three_cpus_renew_the_common_bucket() {
    converted(3);
}

/// Newcomers of a full set: their prefix and all newcomers pay, each for what passed.
fn newcomers(cpus: usize) {
    let scenario = move || {
        let parents = Plan::full().free(1);
        let all = Plan::empty().watching(&[layout::tat(0, 0)]);
        let world = world(Plan::full(), parents, all, Plan::empty());
        let policy = || Policy::new(1, limit(1, UNIT));
        let send = move |world: &World| {
            let policy = policy();
            let who = Who::parent(&policy.head, 0);
            let parent = (&world).meet(&policy, &packet(addr(1)), &NOW, who);
            let admitted = pressure::admit(&policy, &world, &packet(addr(1)), &NOW, 0, &parent);
            (parent, u64::from(admitted.is_ok()))
        };
        // Its prefix is known.
        let who = Who::parent(&policy().head, 0);
        let known = (&&*world).meet(&policy(), &packet(addr(1)), &NOW, who);
        assert_ne!(known.handle, 0);
        let others: Vec<_> = (1..cpus)
            .map(|_| {
                let world = world.clone();
                cpu(move || send(&world).1)
            })
            .collect();
        let (_, mine) = send(&world);
        let admitted = mine + others.into_iter().map(done).sum::<u64>();
        let all = world.fixed(region::NEWCOMERS, 0);
        let parent = world.fixed(region::PARENTS, 1);
        let units = |tat: u64| tat.saturating_sub(after(0)) / (UNIT << 6);
        // One of the prefix; a packet that it refuses in the last moment has been charged to all.
        assert!(admitted <= 1 && units(parent.tat(0)) == admitted);
        assert!((admitted..=cpus as u64).contains(&units(all.tat(0))));
        assert_eq!(all.words.load(layout::passed(0)), admitted);
        assert!(world.is_valid(&policy(), (NOW, 0, 0), &[]));
    };
    if cpus == 2 {
        most_orders(4, scenario);
    } else {
        most_orders(2, scenario);
    }
}

#[test]
fn two_cpus_admit_no_newcomer_twice() {
    newcomers(2);
}

#[test]
fn three_cpus_admit_no_newcomer_twice() {
    newcomers(3);
}
