//! Two or three CPUs give ways at once.

use throttler_common::table::Unavailable;

use crate::set::Plan;
use crate::world::{NOW, Source, Table, burst, cpu, done, every_order, known, most_orders};

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
        && table.is_valid(&known(&[*source], &burst(1)), &[])
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

fn three_claim(sets: [u32; 2], table: fn() -> Vec<Plan>) {
    most_orders(2, move || {
        let mut a = Source::new(1, 1);
        a.place.sets = sets;
        let table = Table(table().into_iter().map(Plan::build).collect());
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
fn three_cpus_give_a_source_one_way() {
    three_claim([0, 0], || vec![Plan::full().free(1).free(2)]);
}

#[test]
fn three_cpus_give_a_source_one_way_of_its_second_set() {
    three_claim([0, 1], || vec![Plan::full(), Plan::full().free(1).free(2)]);
}

#[test]
fn three_cpus_give_a_source_one_way_whichever_set_has_room() {
    three_claim([0, 1], || {
        vec![
            Plan::full().free(1).overflowed(),
            Plan::full().free(1).free(2),
        ]
    });
}

/// Each of the others has a way of its own, or none; nobody has another's.
fn sources_claim(table: &Table, sources: &[Source]) {
    let others: Vec<_> = sources[1..]
        .iter()
        .map(|source| {
            let (table, source) = (table.clone(), *source);
            cpu(move || claim(&table, &source))
        })
        .collect();
    let mut claimed = vec![claim(table, &sources[0])];
    claimed.extend(others.into_iter().map(done));
    let got: Vec<_> = claimed.iter().flatten().collect();
    let mut distinct = got.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(
        distinct.len() == got.len() && !got.is_empty(),
        "{claimed:?}"
    );
    assert!(table.is_valid(&known(sources, &burst(1)), &[]));
}

#[test]
fn two_sources_never_share_a_way() {
    every_order(|| {
        let sources = [1, 2].map(|name| Source::new(name, 1));
        let table = Table(vec![Plan::full().free(1).free(2).build()]);
        sources_claim(&table, &sources);
        let ways: Vec<_> = sources.iter().map(|s| table.ways_of(s)).collect();
        assert!(ways.contains(&1), "{ways:?}");
    });
}

#[test]
fn three_sources_never_share_a_way() {
    most_orders(2, || {
        let sources = [1, 2, 3].map(|name| Source::new(name, 1));
        sources_claim(&Table(vec![Plan::full().free(1).free(2).build()]), &sources);
    });
}

/// A way of somebody who says nothing, which two or three newcomers want.
fn sources_replace(newcomers: u64) {
    let scenario = move || {
        let sources: Vec<_> = (1..=newcomers + 1)
            .map(|name| Source::new(name, 1))
            .collect();
        let table = Table(vec![Plan::full().seat(1, &sources[0]).build()]);
        sources_claim(&table, &sources[1..]);
        assert!(table.is_valid(&known(&sources, &burst(1)), &[]));
        assert_eq!(table.ways_of(&sources[0]), 0);
    };
    if newcomers == 2 {
        every_order(scenario);
    } else {
        most_orders(2, scenario);
    }
}

#[test]
fn two_newcomers_replace_a_source() {
    sources_replace(2);
}

#[test]
fn three_newcomers_replace_a_source() {
    sources_replace(3);
}
