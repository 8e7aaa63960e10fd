//! A source is charged while its way is given to another.

use throttler_common::abi::Row;
use throttler_common::table::{Words, layout};

use crate::set::Plan;
use crate::world::{NOW, Source, Table, UNIT, admit, after, burst, cpu, done, every_order};

/// What a CPU did for a source: packets that it tried, and that were admitted.
#[derive(Clone, Copy, Debug)]
struct Sent {
    source: Source,
    tried: usize,
    admitted: u64,
}

fn send(table: &Table, source: Source, tried: usize, row: &Row) -> Sent {
    Sent {
        source,
        tried,
        admitted: table.send(&source, tried, row, NOW),
    }
}

/// Nobody got more than a burst. Whoever has the way has paid for all that was admitted, and for no
/// more than one stray unit of every packet that anybody tried.
fn is_valid(table: &Table, way: usize, burst: u64, all: &[Sent]) -> bool {
    let set = &table.0[0];
    let charged = |source| -> u64 {
        let mine = all.iter().filter(|sent| sent.source.addr == source);
        mine.map(|sent| sent.admitted).sum()
    };
    let tried: usize = all.iter().map(|sent| sent.tried).sum();
    all.iter().all(|sent| {
        let admitted = charged(sent.source.addr);
        let mine = set.is_of(way, &sent.source);
        let tat = set.load(layout::tat(way, 0));
        let ends_at = |units: u64| after(units * UNIT);
        admitted <= burst
            // In debt, nobody loses a way.
            && (admitted == 0 || mine)
            && (!mine || admitted == 0 || tat >= ends_at(admitted))
            && (!mine || tat <= ends_at(tried as u64))
    }) && table.ways_of(&all[0].source) <= 1
        && !set.is_locked()
}

/// One CPU finds a source that was seen once and charges it, another claims its way.
fn find_against_claim(way: usize, limit: u64, packets: usize) {
    every_order(3, move || {
        let (a, b) = (Source::new(1, way as u64), Source::new(2, way as u64));
        let row = burst(limit);
        let table = Table(vec![Plan::full().seat(way, &a).build()]);
        let other = cpu({
            let table = table.clone();
            move || send(&table, b, 1, &row)
        });
        let all = [send(&table, a, packets, &row), done(other)];
        assert!(is_valid(&table, way, limit, &all), "{all:?}");
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

/// The first packet of a source is charged after the claim, without having marked the way.
fn claimed_against_claim(way: usize, limit: u64) {
    every_order(3, move || {
        let (a, b) = (Source::new(1, way as u64), Source::new(2, way as u64));
        let row = burst(limit);
        let table = Table(vec![Plan::full().free(way).build()]);
        let other = cpu({
            let table = table.clone();
            move || send(&table, b, 1, &row)
        });
        let all = [send(&table, a, 1, &row), done(other)];
        assert!(is_valid(&table, way, limit, &all), "{all:?}");
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

#[test]
fn a_charge_and_two_claims_of_a_way() {
    every_order(2, || {
        let [a, b, c] = [1, 2, 3].map(|name| Source::new(name, 1));
        let row = burst(1);
        let table = Table(vec![Plan::full().seat(1, &a).build()]);
        // Known already, so that nothing but the charge stands against the claims.
        let way = table.find(&a, NOW).expect("it is seated");
        table.0[0].store(layout::header(1), table.0[0].load(layout::header(1)) & !throttler_common::table::header::TWICE);
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
        assert!(is_valid(&table, 1, 1, &all), "{all:?}");
    });
}
