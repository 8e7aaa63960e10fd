//! A class is replaced and its buckets are converted.

use throttler_common::class::Word as Class;
use throttler_common::table::{Way, Words, layout};
use throttler_common::{charge, gcra};

use crate::policy::{Policy, limit};
use crate::set::{Plan, Set};
use crate::world::{
    Known, NOW, Source, Table, UNIT, account, admit, after, cpu, done, every_order, known,
    most_orders,
};

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
        && table.is_valid(&rules(&sources()), &[account(&sources()[0], used, 0)])
}

/// Everybody of these scenarios.
fn sources() -> [Source; 2] {
    [1, 2].map(|name| Source::new(name, 1))
}

fn rules(sources: &[Source]) -> Known<'_> {
    let [_, next] = generations();
    Known {
        tag: next.head.tag,
        ..known(sources, &next.row)
    }
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
        assert!(table.is_valid(&rules(&[a]), &[]));
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
            let now = later;
            assert!(table.is_valid(
                &Known {
                    now,
                    ..rules(&[a, b])
                },
                &[]
            ));
        } else {
            assert!(is_valid(&table, 1) && renewed);
        }
    });
}

#[test]
fn three_cpus_convert_a_bucket_once() {
    most_orders(2, || {
        let (table, a) = table(5);
        let meet_again = move |table: &Table| meet(table, &a, &generations()[1]).is_some();
        let others = [(); 2].map(|()| {
            let table = table.clone();
            cpu(move || meet_again(&table))
        });
        let mut met = vec![meet_again(&table)];
        met.extend(others.map(done));
        assert!(met.contains(&true) && is_valid(&table, 5), "{met:?}");
    });
}

/// Two CPUs of the new generation and one of the old.
#[test]
fn three_cpus_of_two_generations_convert_a_bucket_once() {
    most_orders(2, || {
        let (table, a) = table(5);
        let others = [0, 1].map(|nth| {
            let table = table.clone();
            cpu(move || meet(&table, &a, &generations()[nth]).is_some())
        });
        let mine = meet(&table, &a, &generations()[1]).is_some();
        let [old, new] = others.map(done);
        // Without the lock nobody converted it.
        if !mine && !new {
            assert!(meet(&table, &a, &generations()[1]).is_some());
        }
        assert!(is_valid(&table, 5), "{mine} {old} {new}");
    });
}

/// A class that has ended is resolved anew within a generation: nothing to convert.
fn resolved_anew(cpus: usize) {
    let scenario = move || {
        let (table, a) = table(5);
        let [first, _] = generations();
        let word = Class::new(first.head.tag, first.word().kind(), 0, 7);
        let way = table.find(&a, NOW).expect("it is seated");
        let anew = move || charge::renew(&generations()[0], &way, 0, word, gcra::ticks(NOW));
        let others: Vec<_> = (1..cpus).map(|_| cpu(anew)).collect();
        let mut renewed = vec![anew()];
        renewed.extend(others.into_iter().map(done));
        let set = &table.0[0];
        assert!(renewed.contains(&true));
        assert_eq!(Class(set.load(layout::class(1))), word);
        let sources = [a];
        let rules = Known {
            tag: first.head.tag,
            ..known(&sources, &first.row)
        };
        assert!(table.is_valid(&rules, &[account(&a, 5, 0)]));
    };
    if cpus == 2 {
        every_order(scenario);
    } else {
        most_orders(3, scenario);
    }
}

#[test]
fn two_cpus_resolve_a_class_anew() {
    resolved_anew(2);
}

#[test]
fn three_cpus_resolve_a_class_anew() {
    resolved_anew(3);
}

/// One CPU renews, one charges by the new limits, one wants the way.
#[test]
fn a_renewal_amid_a_charge_and_a_claim() {
    most_orders(2, || {
        let (table, a) = table(BURST - 1);
        let b = Source::new(2, 1);
        let newcomer = cpu({
            let table = table.clone();
            move || table.claim(&b, NOW).is_ok()
        });
        let other = cpu({
            let table = table.clone();
            move || send(&table, &a, &generations()[1])
        });
        let mine = send(&table, &a, &generations()[1]);
        let admitted = u64::from(mine) + u64::from(done(other));
        // In debt, it keeps its way.
        assert!(!done(newcomer) && admitted <= 1);
        assert!(meet(&table, &a, &generations()[1]).is_some());
        assert!(is_valid(&table, BURST - 1 + admitted));
    });
}
