//! A source lies in its second set, which is another's first.

use crate::set::Plan;
use crate::world::{
    NOW, Source, Table, account, admit, burst, cpu, done, every_order, known, most_orders,
};

/// Its way is looked at by a claim, which gives it back. In between, the source is not found.
#[test]
fn a_source_is_not_put_into_its_first_set_while_its_second_is_in_doubt() {
    most_orders(3, || {
        let (mut a, mut b) = (Source::new(1, 1), Source::new(2, 1));
        a.place.sets = [0, 1];
        b.place.sets = [1, 1];
        let row = burst(1);
        let table = Table(vec![
            Plan::full().free(1).overflowed().build(),
            Plan::full().seat(1, &a).build(),
        ]);
        let way = table.claim(&a, NOW).expect("it is seated");
        let other = cpu({
            let table = table.clone();
            move || u64::from(admit(&way, &row, NOW)) + table.send(&a, 1, &row, NOW)
        });
        let sent = [table.send(&b, 1, &row, NOW), done(other)];
        let accounts = [account(&b, sent[0], 2), account(&a, sent[1], 1)];
        assert!(table.is_valid(&known(&[a, b], &row), &accounts), "{sent:?}");
    });
}

/// Their claims hold different first locks; only the second set's keeps them apart.
#[test]
fn newcomers_from_two_first_sets_never_share_a_way() {
    every_order(|| {
        let (mut a, mut b) = (Source::new(1, 1), Source::new(2, 1));
        a.place.sets = [0, 2];
        b.place.sets = [1, 2];
        let plans = [Plan::full(), Plan::full(), Plan::full().free(1)];
        let table = Table(plans.into_iter().map(Plan::build).collect());
        let other = cpu({
            let table = table.clone();
            move || table.claim(&b, NOW).is_ok()
        });
        let claimed = [table.claim(&a, NOW).is_ok(), done(other)];
        // A newcomer without debt may be displaced by the other at once: the last has the way.
        let ways = [table.ways_of(&a), table.ways_of(&b)];
        assert!(claimed.contains(&true), "{claimed:?}");
        assert!(ways == [1, 0] || ways == [0, 1], "{ways:?}");
        let owner = if ways[0] == 1 { &a } else { &b };
        assert!(table.0[2].is_of(1, owner));
        assert!(table.is_valid(&known(&[a, b], &burst(1)), &[]));
    });
}

/// The same of three, whose second set has a way for one of them that says nothing, and a free one.
#[test]
fn newcomers_from_three_first_sets_never_share_a_way() {
    most_orders(2, || {
        let (old, row) = (Source::new(9, 2), burst(1));
        let sources = [0, 1, 2].map(|set| {
            let mut source = Source::new(u64::from(set) + 1, 1);
            source.place.sets = [set, 3];
            source
        });
        let mut seated = old;
        seated.place.sets = [3, 3];
        let plans = [Plan::full(), Plan::full(), Plan::full()];
        let mut sets: Vec<_> = plans.into_iter().map(Plan::build).collect();
        sets.push(Plan::full().free(1).seat(2, &seated).build());
        let table = Table(sets);
        let others = [1, 2].map(|nth| {
            let (table, source) = (table.clone(), sources[nth]);
            cpu(move || table.send(&source, 1, &row, NOW))
        });
        let mut sent = vec![table.send(&sources[0], 1, &row, NOW)];
        sent.extend(others.map(done));
        let accounts: Vec<_> = sources
            .iter()
            .zip(&sent)
            .map(|(source, sent)| account(source, *sent, 2))
            .collect();
        let all = [sources[0], sources[1], sources[2], seated];
        assert!(table.is_valid(&known(&all, &row), &accounts), "{sent:?}");
    });
}
