//! Refusals are counted and bans given, while others want the way, or to ban as well.

use throttler_common::abi::AbuseParams;
use throttler_common::abuse;
use throttler_common::ban::{Ban, Strikes, moment};
use throttler_common::table::{Way, Words, layout};

use crate::policy::{Policy, limit};
use crate::set::{Plan, Set};
use crate::world::{
    Known, NOW, Source, Table, UNIT, burst, cpu, done, every_order, known, most_orders,
};

const ABUSE: AbuseParams = AbuseParams {
    refusals: 1,
    wider_sources: 0,
    within: 1 << 20,
    ban_for: 1 << 10,
    ban_max: 1 << 20,
    wider_within: 0,
};

/// So many refusals ban.
fn strike(way: &Way<Set>, refusals: u32) -> Ban {
    let abuse = AbuseParams { refusals, ..ABUSE };
    let policy = Policy::new(1, limit(1, UNIT)).abuse(abuse);
    abuse::strike(&policy, way, moment(NOW))
}

fn table() -> (Table, Source) {
    let a = Source::new(1, 1);
    (Table(vec![Plan::full().seat(1, &a).judging(1).build()]), a)
}

/// The ban of the way.
fn kept(table: &Table) -> Ban {
    Ban(table.0[0].load(layout::ban(1)))
}

fn same(given: Ban, kept: Ban) -> bool {
    (given.until(), given.times()) == (kept.until(), kept.times())
}

/// `astray` strikes may be of a source that has lost its way, or whose ban found no lock.
fn is_valid(table: &Table, sources: &[Source], refusals: u32, astray: u64) -> bool {
    let rules = Known {
        abuse: AbuseParams { refusals, ..ABUSE },
        astray,
        ..known(sources, &burst(1))
    };
    table.is_valid(&rules, &[])
}

/// So many CPUs refuse at once; the bans that they gave.
fn strike_together(cpus: usize, refusals: u32) -> (Table, Source, Vec<Ban>) {
    let (table, a) = table();
    let way = table.claim(&a, NOW).expect("it is seated");
    let others: Vec<_> = (1..cpus)
        .map(|_| cpu(move || strike(&way, refusals)))
        .collect();
    let mut given = vec![strike(&way, refusals)];
    given.extend(others.into_iter().map(done));
    given.retain(|ban| *ban != Ban(0));
    (table, a, given)
}

#[test]
fn a_ban_never_lands_on_the_next_source() {
    every_order(|| {
        let (table, a) = table();
        let b = Source::new(2, 1);
        let way = table.claim(&a, NOW).expect("it is seated");
        let other = cpu(move || strike(&way, 1));
        let claimed = table.claim(&b, NOW).is_ok();
        let given = done(other);
        let owner = if claimed { b } else { a };
        assert!(table.0[0].is_of(1, &owner));
        assert!(same(given, kept(&table)), "{given:?} {claimed}");
        assert!(
            !(claimed && given != Ban(0)),
            "a banned source lost its way"
        );
        assert!(is_valid(&table, &[a, b], 1, 1));
    });
}

#[test]
fn two_cpus_give_one_ban() {
    every_order(|| {
        let (table, a, given) = strike_together(2, 1);
        assert_eq!((given.len(), kept(&table).times()), (1, 1), "{given:?}");
        // A refusal while the ban is on begins a window.
        assert!(is_valid(&table, &[a], 1, 1));
    });
}

#[test]
fn three_cpus_give_one_ban() {
    most_orders(2, || {
        let (table, a, given) = strike_together(3, 1);
        assert_eq!((given.len(), kept(&table).times()), (1, 1), "{given:?}");
        assert!(is_valid(&table, &[a], 1, 2));
    });
}

/// Fewer refusals than make a ban are all counted.
#[test]
fn every_refusal_counts() {
    let count = |cpus: usize| {
        let (table, a, given) = strike_together(cpus, cpus as u32 + 1);
        let strikes = Strikes(table.0[0].load(layout::strikes(1)));
        assert_eq!((given.len(), strikes.count()), (0, cpus as u64));
        assert!(is_valid(&table, &[a], cpus as u32 + 1, 0));
    };
    every_order(move || count(2));
    most_orders(3, move || count(3));
}

/// The refusal that makes the ban is one of several at once: one CPU counts it.
#[test]
fn the_refusal_that_is_one_too_many_bans_once() {
    let ban = |cpus: usize| {
        let (table, a, given) = strike_together(cpus, cpus as u32);
        assert_eq!((given.len(), kept(&table).times()), (1, 1), "{given:?}");
        let strikes = Strikes(table.0[0].load(layout::strikes(1)));
        assert_eq!(strikes.count(), 0, "the window began anew");
        assert!(is_valid(&table, &[a], cpus as u32, 0));
    };
    every_order(move || ban(2));
    most_orders(3, move || ban(3));
}

/// The second ban is twice as long, whoever gives it.
#[test]
fn a_ban_is_renewed_once() {
    let renewed = |cpus: usize| {
        let (table, a) = table();
        let way = table.claim(&a, NOW).expect("it is seated");
        let first = Ban::new(moment(NOW) - 1, 1);
        assert!(way.locked(|way| way.set_ban(first)));
        let others: Vec<_> = (1..cpus).map(|_| cpu(move || strike(&way, 1))).collect();
        let mut given = vec![strike(&way, 1)];
        given.extend(others.into_iter().map(done));
        given.retain(|ban| *ban != Ban(0));
        let until = moment(NOW) + 2 * ABUSE.ban_for + 1;
        assert!(same(kept(&table), Ban::new(until, 2)) && given.len() == 1);
        assert!(is_valid(&table, &[a], 1, cpus as u64 - 1));
    };
    every_order(move || renewed(2));
    most_orders(2, move || renewed(3));
}

/// An end is told of by one CPU, and not where another has banned anew.
#[test]
fn an_end_is_told_of_once() {
    let told = |cpus: usize, anew: bool| {
        let (table, a) = table();
        let way = table.claim(&a, NOW).expect("it is seated");
        let first = Ban::new(moment(NOW) - 1, 1);
        assert!(way.locked(|way| way.set_ban(first)));
        let tell = move || usize::from(way.replace_ban(first, first.told()));
        let others: Vec<_> = (1..cpus).map(|_| cpu(tell)).collect();
        let again = anew && strike(&way, 1) != Ban(0);
        let told = tell() + others.into_iter().map(done).sum::<usize>();
        assert_eq!(again, anew);
        if anew {
            assert!(told <= 1 && kept(&table).times() == 2);
        } else {
            assert_eq!((told, kept(&table)), (1, first.told()));
        }
        assert!(is_valid(&table, &[a], 1, 0));
    };
    for anew in [false, true] {
        every_order(move || told(2, anew));
        most_orders(3, move || told(3, anew));
    }
}

/// A ban that is on, and its way.
fn banned() -> (Table, Source, Way<Set>, Ban) {
    let (table, a) = table();
    let way = table.claim(&a, NOW).expect("it is seated");
    let ban = Ban::new(moment(NOW) + 100, 1);
    assert!(way.locked(|way| way.set_ban(ban)));
    (table, a, way, ban)
}

/// What is taken back ends once, and is neither lost nor brought back where the source is banned anew.
#[test]
fn a_ban_is_lifted_once_while_refusals_ban_anew() {
    let lifted = |cpus: usize| {
        let (table, a, way, ban) = banned();
        let lift = move || way.lift_ban(moment(NOW));
        let refused = cpu(move || strike(&way, 1));
        let others: Vec<_> = (2..cpus).map(|_| cpu(lift)).collect();
        let mut taken = Vec::from_iter(lift());
        taken.extend(others.into_iter().filter_map(done));
        let given = done(refused);
        // A ban that is given meanwhile may be taken back as well.
        let anew = given != Ban(0) && taken.iter().any(|one| same(*one, given));
        let expected = match given {
            Ban(0) => ban.lifted(moment(NOW)),
            given if anew => given.lifted(moment(NOW)),
            given => Ban::new(given.until(), given.times()),
        };
        assert_eq!(kept(&table), expected, "{given:?} {taken:?}");
        assert_eq!(taken.iter().filter(|one| **one == ban).count(), 1);
        assert_eq!(taken.len(), 1 + usize::from(anew));
        assert!(is_valid(&table, &[a], 1, 1));
    };
    every_order(move || lifted(2));
    most_orders(3, move || lifted(3));
}

/// Whoever is given the way after the ban has no ban, and loses none.
#[test]
fn what_is_lifted_is_never_the_next_sources() {
    every_order(|| {
        let (table, a, way, ban) = banned();
        let b = Source::new(2, 1);
        let newcomer = {
            let table = table.clone();
            cpu(move || table.claim(&b, NOW).ok().map(|way| strike(&way, 1)))
        };
        assert_eq!(way.lift_ban(moment(NOW)), Some(ban));
        match done(newcomer) {
            None => assert_eq!(kept(&table), ban.lifted(moment(NOW))),
            Some(own) => assert!(own != Ban(0) && same(kept(&table), own) && own.times() == 1),
        }
        assert!(is_valid(&table, &[a, b], 1, 0));
    });
}

/// An event of a second is told by one CPU; none of the refusals is lost to the next.
#[test]
fn an_event_is_told_of_once() {
    let told = |cpus: usize| {
        let a = Source::new(1, 1);
        let plan = Plan::full().seat(1, &a);
        let words = [layout::event(1), layout::refused(1)];
        let table = Table(vec![plan.watching(&words).build()]);
        let way = table.claim(&a, NOW).expect("it is seated");
        let tell = move || way.claim_event(moment(NOW));
        let others: Vec<_> = (1..cpus).map(|_| cpu(tell)).collect();
        let mut told = vec![tell()];
        told.extend(others.into_iter().map(done));
        let told: Vec<_> = told.into_iter().flatten().collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let later = way.claim_event(moment(NOW) + 1_000).expect("the next");
        assert_eq!(
            (told[0].0 + later.0, later.1),
            (cpus as u64 + 1, cpus as u64 + 1)
        );
        let now = NOW + (1_000 << 20);
        assert!(table.is_valid(
            &Known {
                now,
                ..known(&[a], &burst(1))
            },
            &[]
        ));
    };
    every_order(move || told(2));
    most_orders(3, move || told(3));
}

/// A ban and two claims of the way.
#[test]
fn a_ban_keeps_the_way_from_two_newcomers() {
    most_orders(2, || {
        let (table, a) = table();
        let newcomers = [2, 3].map(|name| Source::new(name, 1));
        let way = table.claim(&a, NOW).expect("it is seated");
        let others = newcomers.map(|source| {
            let table = table.clone();
            cpu(move || table.claim(&source, NOW).is_ok())
        });
        let given = strike(&way, 1);
        let claimed = others.map(done);
        let banned = table.0[0].is_of(1, &a);
        assert!(banned || claimed.contains(&true) || given == Ban(0));
        assert!(given == Ban(0) || banned, "a banned source lost its way");
        assert!(same(given, kept(&table)), "{given:?} {claimed:?}");
        assert!(is_valid(&table, &[a, newcomers[0], newcomers[1]], 1, 1));
    });
}
