//! A source is charged while its way is given to another.

use throttler_common::abi::Row;
use throttler_common::table::{Words, layout};

use crate::set::Plan;
use crate::world::{NOW, Source, Table, UNIT, admit, after, burst, cpu, done, most_orders};

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
    let tat = set.load(layout::tat(way, 0));
    let ends_at = |units: u64| after(units * UNIT);
    let paid = all.iter().all(|sent| {
        let admitted = charged(sent.source.addr);
        let holds_way = set.is_of(way, &sent.source);
        admitted <= burst
            && match (holds_way, admitted) {
                (true, 0) => tat <= ends_at(tried as u64),
                (true, _) => (ends_at(admitted)..=ends_at(tried as u64)).contains(&tat),
                // In debt, nobody loses a way.
                (false, _) => admitted == 0,
            }
    });
    paid && all.iter().all(|sent| table.ways_of(&sent.source) <= 1) && !set.is_locked()
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
    most_orders(3, move || {
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
        assert!(is_valid(&table, 1, 1, &all), "{all:?}");
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
        assert!(is_valid(&table, 1, 1, &all), "{all:?}");
    });
}
