//! A class is replaced and its buckets are converted.

use throttler_common::class::Word as Class;
use throttler_common::table::{Way, Words, layout};
use throttler_common::{charge, gcra};

use crate::policy::{Policy, limit};
use crate::set::{Plan, Set};
use crate::world::{NOW, Source, Table, UNIT, admit, after, cpu, done, every_order, most_orders};

const BURST: u64 = 10;

/// What a unit costs in the next generation.
const NEXT: u64 = UNIT * 2;

/// A generation, and the next with half its rate: until a bucket is converted, it seems to hold more
/// than it does.
fn generations() -> [Policy; 2] {
    let first = Policy::new(1, limit(BURST, UNIT));
    let next = first.changed(limit(BURST, NEXT));
    [first, next]
}

/// A source of the first generation that has used so many units.
fn table(used: u64) -> (Table, Source) {
    let mut a = Source::new(1, 1);
    a.class = generations()[0].word();
    let plan = Plan::full()
        .seat(1, &a)
        .charged(1, after(used * UNIT))
        .watching(&[layout::class(1)]);
    (Table(vec![plan.build()]), a)
}

fn renew(policy: &Policy, way: &Way<Set>, now: u64) -> bool {
    charge::renew(policy, way, 0, policy.word(), gcra::ticks(now))
}

/// What the datapath does before it holds limits against a packet.
fn meet(table: &Table, source: &Source, policy: &Policy) -> Option<Way<Set>> {
    let found = table.look(source, NOW)?;
    let current = found.class.holds(policy.head.tag, NOW);
    (current || renew(policy, &found.way, NOW)).then_some(found.way)
}

/// A packet, from first to last under one generation; whether it was admitted.
fn send(table: &Table, source: &Source, policy: &Policy) -> bool {
    meet(table, source, policy).is_some_and(|way| admit(&way, &policy.row, NOW))
}

/// The class is the new one, and what the source used is in it, in units of the new rate.
fn is_valid(table: &Table, used: u64) -> bool {
    let set = &table.0[0];
    Class(set.load(layout::class(1))) == generations()[1].word()
        && set.load(layout::tat(1, 0)) == after(used * NEXT)
        && !set.is_locked()
}

#[test]
fn two_cpus_convert_a_bucket_once() {
    every_order(|| {
        let (table, a) = table(5);
        let meet_again = move |table: &Table| meet(table, &a, &generations()[1]).is_some();
        let other = cpu({
            let table = table.clone();
            move || meet_again(&table)
        });
        let met = [meet_again(&table), done(other)];
        assert!(met.contains(&true) && is_valid(&table, 5), "{met:?}");
    });
}

#[test]
fn what_is_left_is_admitted_once_whoever_converts() {
    most_orders(3, || {
        let (table, a) = table(BURST - 1);
        let other = cpu({
            let table = table.clone();
            move || send(&table, &a, &generations()[1])
        });
        let [_, new] = generations();
        let sent = [send(&table, &a, &new), send(&table, &a, &new), done(other)];
        let admitted = sent.iter().filter(|sent| **sent).count() as u64;
        assert!(admitted <= 1, "{sent:?}");
        assert!(is_valid(&table, BURST - 1 + admitted));
    });
}

/// A packet that the old generation decides while the new one is in force may be admitted by the old
/// limits, whose unit is the smaller one; nothing is admitted beyond it.
#[test]
fn a_packet_of_the_old_generation_is_one_at_most() {
    every_order(|| {
        let (table, a) = table(BURST - 1);
        let way = table.find(&a, NOW).expect("it is seated");
        let other = cpu(move || admit(&way, &generations()[0].row, NOW));
        let new = u64::from(send(&table, &a, &generations()[1]));
        let old = u64::from(done(other));
        let set = &table.0[0];
        assert_eq!(Class(set.load(layout::class(1))), generations()[1].word());
        let least = after((BURST - 1 + new) * NEXT);
        assert!(set.load(layout::tat(1, 0)) >= least, "{new} {old}");
    });
}

/// A packet of the old generation that comes late to a source whom the new one has met.
#[test]
fn a_packet_of_the_old_generation_turns_nothing_back() {
    most_orders(3, || {
        let (table, a) = table(5);
        let other = cpu({
            let table = table.clone();
            move || meet(&table, &a, &generations()[0]).is_some()
        });
        let [_, new] = generations();
        let met = [meet(&table, &a, &new), meet(&table, &a, &new)].map(|way| way.is_some());
        let late = done(other);
        assert!(meet(&table, &a, &new).is_some());
        assert!(is_valid(&table, 5), "{met:?} {late}");
    });
}

#[test]
fn a_class_never_lands_on_the_next_source() {
    every_order(|| {
        let (table, a) = table(1);
        let b = Source::new(2, 1);
        let way = table.find(&a, NOW).expect("it is seated");
        // By this CPU's time the bucket is full; by the other's, a unit is still owed.
        let later = NOW + (2 << 38);
        let other = cpu(move || renew(&generations()[1], &way, NOW));
        let claimed = table.claim(&b, later).is_ok();
        let renewed = done(other);
        let set = &table.0[0];
        if claimed {
            // Past, and so full, whatever the other bucket held.
            let tat = set.load(layout::tat(1, 0));
            assert!(set.is_of(1, &b) && tat <= gcra::ticks(later));
        } else {
            assert!(is_valid(&table, 1) && renewed);
        }
    });
}
