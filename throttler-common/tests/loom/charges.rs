//! A source is charged: by several CPUs, and while its way is given to another.

use throttler_common::abi::{Addr, Row};
use throttler_common::charge;
use throttler_common::table::{Way, layout};

use crate::policy::limit;
use crate::set::{Plan, Set};
use crate::source::packet;
use crate::world::{
    NOW, Source, Table, UNIT, account, admit, burst, cpu, done, every_order, known, most_orders,
};

/// What a CPU did for a source: packets that it tried, and that were admitted.
#[derive(Clone, Copy, Debug)]
struct Sent {
    source: Source,
    tried: u64,
    admitted: u64,
}

fn send(table: &Table, source: Source, tried: usize, row: &Row) -> Sent {
    Sent {
        source,
        tried: tried as u64,
        admitted: table.send(&source, tried, row, NOW),
    }
}

/// Nobody got more than a burst. Whoever has the way has paid for all that was admitted, and for no
/// more than one stray unit of every packet that anybody tried.
fn is_valid(table: &Table, row: &Row, all: &[Sent]) -> bool {
    let sum = |mine: &dyn Fn(&Sent) -> bool, count: fn(&Sent) -> u64| -> u64 {
        all.iter().filter(|sent| mine(sent)).map(count).sum()
    };
    let sources: Vec<_> = all.iter().map(|sent| sent.source).collect();
    let accounts = sources.iter().map(|source| {
        let admitted = sum(&|sent| sent.source.addr == source.addr, |s| s.admitted);
        let strays = sum(&|_| true, |sent| sent.tried) - admitted;
        account(source, admitted, strays)
    });
    table.is_valid(&known(&sources, row), &accounts.collect::<Vec<_>>())
}

/// So many CPUs charge a bucket of so many packets, by [`charge::admit`] or by [`charge::admit_lone`]. In the
/// end the bucket is used up to the last packet.
fn charge_together(cpus: usize, packets: u64, lone: bool) {
    let scenario = move || {
        let a = Source::new(1, 1);
        let row = burst(packets);
        let table = Table(vec![Plan::full().seat(1, &a).build()]);
        let way = table.find(&a, NOW).expect("it is seated");
        let one = move |way: Way<Set>| {
            if lone {
                let packet = packet(Addr::default());
                u64::from(charge::admit_lone(&row, &way, &packet, &NOW).is_ok())
            } else {
                u64::from(admit(&way, &row, NOW))
            }
        };
        let others: Vec<_> = (1..cpus).map(|_| cpu(move || one(way))).collect();
        let mine = one(way) + one(way);
        let admitted = mine + others.into_iter().map(done).sum::<u64>();
        assert_eq!(admitted, packets.min(cpus as u64 + 1));
        assert!(table.is_valid(&known(&[a], &row), &[account(&a, admitted, 0)]));
    };
    if cpus == 2 {
        every_order(scenario);
    } else {
        most_orders(3, scenario);
    }
}

#[test]
fn two_cpus_use_up_a_bucket_to_the_last_packet() {
    for packets in 1..=3 {
        charge_together(2, packets, false);
        charge_together(2, packets, true);
    }
}

#[test]
fn three_cpus_use_up_a_bucket_to_the_last_packet() {
    for packets in [2, 4] {
        charge_together(3, packets, false);
        charge_together(3, packets, true);
    }
}

/// What is counted of packets that passed is what passed.
#[test]
fn three_cpus_count_every_packet() {
    most_orders(3, || {
        let a = Source::new(1, 1);
        let plan = Plan::full().seat(1, &a);
        let set = plan
            .watching(&[layout::passed(1), layout::refused(1)])
            .build();
        let table = Table(vec![set]);
        let way = table.find(&a, NOW).expect("it is seated");
        let count = move || {
            way.count_passed(100);
            way.count_refusal()
        };
        let others = [(); 2].map(|()| cpu(count));
        let mut totals = vec![count()];
        totals.extend(others.map(done));
        let word = |word| throttler_common::table::Words::load(&set, word);
        let passed = layout::passed(1);
        assert_eq!((word(passed), word(passed + 1)), (3, 300));
        assert!(word(layout::refused(1)) == 3 && totals.contains(&3));
        assert!(table.is_valid(&known(&[a], &burst(1)), &[]));
    });
}

/// One CPU finds a source that was seen once and charges it, another claims its way.
fn find_against_claim(way: usize, limit: u64, packets: usize) {
    most_orders(3, move || {
        let (a, b) = (Source::new(1, way as u64), Source::new(2, way as u64));
        let row = burst(limit);
        let table = Table(vec![Plan::full().seat(way, &a).build()]);
        let other = cpu({
            let table = table.clone();
            move || send(&table, b, 1, &row)
        });
        let all = [send(&table, a, packets, &row), done(other)];
        assert!(is_valid(&table, &row, &all), "{all:?}");
    });
}

#[test]
fn a_found_source_keeps_its_way_or_is_refused() {
    find_against_claim(1, 1, 2);
}

#[test]
fn a_found_source_keeps_its_way_or_is_refused_beside_the_lock() {
    find_against_claim(0, 1, 2);
}

#[test]
fn a_found_source_keeps_its_way_or_is_refused_within_its_burst() {
    find_against_claim(1, 2, 2);
}

/// The same of a source whose way another has taken and given back before.
#[test]
fn a_found_source_of_two_limits_keeps_its_way_or_is_refused() {
    most_orders(3, || {
        let (a, b) = (Source::new(1, 1), Source::new(2, 1));
        let mut row = burst(1);
        row.limits[1] = limit(1, UNIT);
        row.count = 2;
        let plan = Plan::full().seat(1, &a).watching(&[layout::tat(1, 1)]);
        let table = Table(vec![plan.build()]);
        let other = cpu({
            let table = table.clone();
            move || send(&table, b, 1, &row)
        });
        let all = [send(&table, a, 1, &row), done(other)];
        assert!(is_valid(&table, &row, &all), "{all:?}");
    });
}

/// The first packet of a source is charged after the claim, without having marked the way.
fn claimed_against_claim(way: usize, limit: u64) {
    most_orders(3, move || {
        let (a, b) = (Source::new(1, way as u64), Source::new(2, way as u64));
        let row = burst(limit);
        let table = Table(vec![Plan::full().free(way).build()]);
        let other = cpu({
            let table = table.clone();
            move || send(&table, b, 1, &row)
        });
        let all = [send(&table, a, 1, &row), done(other)];
        assert!(is_valid(&table, &row, &all), "{all:?}");
    });
}

#[test]
fn a_new_source_keeps_its_way_or_is_refused() {
    claimed_against_claim(1, 1);
}

#[test]
fn a_new_source_keeps_its_way_or_is_refused_within_its_burst() {
    claimed_against_claim(1, 2);
}

/// Both CPUs send for it; one of them gives it another's way.
#[test]
fn a_newcomer_is_charged_by_whoever_meets_it() {
    most_orders(3, || {
        let (a, b) = (Source::new(1, 1), Source::new(2, 1));
        let row = burst(1);
        let table = Table(vec![Plan::full().seat(1, &a).build()]);
        let other = cpu({
            let table = table.clone();
            move || send(&table, b, 1, &row)
        });
        let all = [send(&table, b, 1, &row), done(other)];
        assert!(is_valid(&table, &row, &all), "{all:?}");
    });
}

#[test]
fn a_charge_and_two_claims_of_a_way() {
    most_orders(3, || {
        let [a, b, c] = [1, 2, 3].map(|name| Source::new(name, 1));
        let row = burst(1);
        let table = Table(vec![Plan::full().seat(1, &a).build()]);
        // Not marked as seen twice, so that nothing but the charge stands against the claims.
        let way = table.claim(&a, NOW).expect("it is seated");
        let others = [b, c].map(|source| {
            let table = table.clone();
            cpu(move || send(&table, source, 1, &row))
        });
        let mine = Sent {
            source: a,
            tried: 1,
            admitted: u64::from(admit(&way, &row, NOW)),
        };
        let [second, third] = others.map(done);
        let all = [mine, second, third];
        assert!(is_valid(&table, &row, &all), "{all:?}");
    });
}

#[test]
fn two_charges_and_a_claim_of_a_way() {
    most_orders(3, || {
        let [a, b] = [1, 2].map(|name| Source::new(name, 1));
        let row = burst(2);
        let table = Table(vec![Plan::full().seat(1, &a).build()]);
        let way = table.claim(&a, NOW).expect("it is seated");
        let charge = move || Sent {
            source: a,
            tried: 1,
            admitted: u64::from(admit(&way, &row, NOW)),
        };
        let second = cpu(charge);
        let third = cpu({
            let table = table.clone();
            move || send(&table, b, 1, &row)
        });
        let all = [charge(), done(second), done(third)];
        assert!(is_valid(&table, &row, &all), "{all:?}");
    });
}
