//! A ban is given while others want the way, or to ban as well.

use throttler_common::abi::AbuseParams;
use throttler_common::abuse;
use throttler_common::ban::{Ban, moment};
use throttler_common::table::{Way, Words, layout};

use crate::policy::{Policy, limit};
use crate::set::{Plan, Set};
use crate::world::{NOW, Source, Table, UNIT, cpu, done, every_order};

/// The first refusal bans.
fn policy() -> Policy {
    let mut policy = Policy::new(1, limit(1, UNIT));
    policy.head.abuse = AbuseParams {
        refusals: 1,
        within: 1 << 20,
        ban_for: 1 << 10,
        ban_max: 1 << 20,
        ..AbuseParams::default()
    };
    policy
}

fn strike(way: &Way<Set>) -> Ban {
    abuse::strike(&policy(), way, moment(NOW))
}

fn table() -> (Table, Source) {
    let a = Source::new(1, 1);
    let plan = Plan::full().seat(1, &a).watching(&[layout::ban(1)]);
    (Table(vec![plan.build()]), a)
}

/// The ban of the way.
fn kept(table: &Table) -> Ban {
    Ban(table.0[0].load(layout::ban(1)))
}

fn same(given: Ban, kept: Ban) -> bool {
    (given.until(), given.times()) == (kept.until(), kept.times())
}

#[test]
fn a_ban_never_lands_on_the_next_source() {
    every_order(|| {
        let (table, a) = table();
        let b = Source::new(2, 1);
        let way = table.claim(&a, NOW).expect("it is seated");
        let other = cpu(move || strike(&way));
        let claimed = table.claim(&b, NOW).is_ok();
        let given = done(other);
        let set = &table.0[0];
        let owner = if claimed { b } else { a };
        assert!(set.is_of(1, &owner) && !set.is_locked());
        assert!(same(given, kept(&table)), "{given:?} {claimed}");
        assert!(
            !(claimed && given != Ban(0)),
            "a banned source lost its way"
        );
    });
}

#[test]
fn two_cpus_give_one_ban() {
    every_order(|| {
        let (table, a) = table();
        let way = table.claim(&a, NOW).expect("it is seated");
        let other = cpu({
            let way = way.clone();
            move || strike(&way)
        });
        let given = [strike(&way), done(other)];
        let bans = given.iter().filter(|ban| **ban != Ban(0)).count();
        assert_eq!((bans, kept(&table).times()), (1, 1), "{given:?}");
        assert!(!table.0[0].is_locked());
    });
}
