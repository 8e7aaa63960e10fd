//! A source lies in its second set, which is another's first.

use crate::set::Plan;
use crate::world::{NOW, Source, Table, admit, burst, cpu, done, every_order, most_orders};

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
        assert!(sent.iter().all(|admitted| *admitted <= 1), "{sent:?}");
        assert!(table.ways_of(&a) <= 1 && table.ways_of(&b) <= 1);
        assert!(table.0.iter().all(|set| !set.is_locked()));
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
        assert!(table.0.iter().all(|set| !set.is_locked()));
        let owner = if ways[0] == 1 { &a } else { &b };
        assert!(table.0[2].is_of(1, owner));
    });
}
