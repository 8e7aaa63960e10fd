//! Two or three CPUs give ways at once.

use throttler_common::table::Unavailable;

use crate::set::Plan;
use crate::world::{NOW, Source, Table, cpu, done, every_order, most_orders};

/// The answers to CPUs that claimed for the same source.
type Claimed = Result<u64, Unavailable>;

fn claim(table: &Table, source: &Source) -> Claimed {
    table.claim(source, NOW).map(|way| way.handle)
}

/// All that got a way got the same, it is the only one, and it is whole; no lock is left.
fn is_valid(table: &Table, source: &Source, claimed: &[Claimed]) -> bool {
    let got = claimed.iter().flatten();
    let one = got.clone().all(|way| Some(way) == got.clone().next());
    let others = claimed.iter().filter_map(|c| c.err());
    one && got.count() > 0
        && others.clone().all(|why| why == Unavailable::Busy)
        && table.ways_of(source) == 1
        && table.0.iter().all(|set| !set.is_locked())
}

fn two_claim(sets: [u32; 2], table: fn() -> Vec<Plan>) {
    every_order(move || {
        let mut a = Source::new(1, 1);
        a.place.sets = sets;
        let table = Table(table().into_iter().map(Plan::build).collect());
        let other = cpu({
            let table = table.clone();
            move || claim(&table, &a)
        });
        let claimed = [claim(&table, &a), done(other)];
        assert!(is_valid(&table, &a, &claimed), "{claimed:?}");
    });
}

#[test]
fn two_cpus_give_a_source_one_way() {
    two_claim([0, 0], || vec![Plan::full().free(1).free(2)]);
}

#[test]
fn two_cpus_give_a_source_one_way_of_its_second_set() {
    two_claim([0, 1], || vec![Plan::full(), Plan::full().free(1).free(2)]);
}

#[test]
fn two_cpus_give_a_source_one_way_whichever_set_has_room() {
    two_claim([0, 1], || {
        vec![
            Plan::full().free(1).overflowed(),
            Plan::full().free(1).free(2),
        ]
    });
}

#[test]
fn two_cpus_give_a_source_one_way_of_the_set_with_more_room() {
    two_claim([0, 1], || {
        vec![Plan::full().free(1), Plan::full().free(1).free(2)]
    });
}

#[test]
fn three_cpus_give_a_source_one_way() {
    most_orders(3, || {
        let a = Source::new(1, 1);
        let table = Table(vec![Plan::full().free(1).free(2).build()]);
        let others = [(); 2].map(|()| {
            let table = table.clone();
            cpu(move || claim(&table, &a))
        });
        let mut claimed = vec![claim(&table, &a)];
        claimed.extend(others.map(done));
        assert!(is_valid(&table, &a, &claimed), "{claimed:?}");
    });
}

#[test]
fn two_sources_never_share_a_way() {
    every_order(|| {
        let (a, b) = (Source::new(1, 1), Source::new(2, 1));
        let table = Table(vec![Plan::full().free(1).free(2).build()]);
        let other = cpu({
            let table = table.clone();
            move || claim(&table, &b)
        });
        let claimed = [claim(&table, &a), done(other)];
        assert!(is_valid(&table, &a, &claimed[..1]) || claimed[0].is_err());
        assert!(is_valid(&table, &b, &claimed[1..]) || claimed[1].is_err());
        assert!(claimed[0] != claimed[1] && claimed.iter().any(Result::is_ok));
    });
}
