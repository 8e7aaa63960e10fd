//! What a find answers is of one source, at one moment.

use throttler_common::ban::Ban;
use throttler_common::class::{Kind, Word};
use throttler_common::table::{layout, record};

use crate::set::Plan;
use crate::world::{NOW, Source, Table, burst, cpu, done, every_order, known, most_orders};

/// Long over, and told apart from others by its count.
fn over(times: u64) -> Ban {
    Ban::new(1, times)
}

#[test]
fn a_class_and_a_ban_are_those_of_the_source() {
    most_orders(3, || {
        let (a, b) = (Source::new(1, 1), Source::new(2, 1));
        let back = Source {
            class: Word::new(1, Kind::Plan, 3, 0),
            ..a
        };
        let table = Table(vec![
            Plan::full()
                .seat(1, &a)
                .watching(&[layout::class(1), layout::ban(1)])
                .build(),
        ]);
        // The way goes to another source, which is banned, and comes back.
        let other = cpu({
            let table = table.clone();
            move || {
                if let Ok(way) = table.claim(&b, NOW) {
                    way.locked(|way| way.set_ban(over(2)));
                    let _ = table.claim(&back, NOW);
                }
            }
        });
        if let Some(found) = table.look(&a, NOW) {
            let its = [a.class, back.class].contains(&found.class) && found.ban == Ban(0);
            assert!(its, "{:?} {:?}", found.class, found.ban);
        }
        done(other);
        let both = [a, b];
        let mut known = known(&both, &burst(1));
        known.abuse.ban_max = 1;
        assert!(table.is_valid(&known, &[]));
    });
}

#[test]
fn an_address_is_never_of_two_sources() {
    most_orders(3, || {
        let (a, b) = (Source::new(1, 1), Source::new(2, 1));
        let mut torn = [a, a];
        torn[0].addr.words = [a.addr.words[0], b.addr.words[1]];
        torn[1].addr.words = [b.addr.words[0], a.addr.words[1]];
        let table = Table(vec![Plan::full().seat(1, &a).build()]);
        let other = cpu({
            let table = table.clone();
            move || {
                let _ = table.claim(&b, NOW);
                let _ = table.claim(&a, NOW);
            }
        });
        for never in &torn {
            assert!(table.look(never, NOW).is_none());
        }
        done(other);
        assert!(table.is_valid(&known(&[a, b], &burst(1)), &[]));
    });
}

/// What userspace reads of the mapped table is one source's, too.
#[test]
fn a_record_is_never_of_two_sources() {
    every_order(|| {
        let (a, b) = (Source::new(1, 1), Source::new(2, 1));
        let plan = Plan::full().seat(1, &a).watching(&[layout::class(1)]);
        let table = Table(vec![plan.build()]);
        let other = cpu({
            let table = table.clone();
            move || table.claim(&b, NOW).is_ok()
        });
        if let Some(record) = record(&table.0[0], 1) {
            let whose = [a, b].into_iter().find(|s| s.addr == record.addr);
            let whose = whose.expect("it is one of them");
            assert_eq!(record.class, whose.class.0);
        }
        done(other);
        assert!(table.is_valid(&known(&[a, b], &burst(1)), &[]));
    });
}

/// One looks, one reads from outside, one gives the way away.
#[test]
fn two_readers_see_one_source_each() {
    most_orders(2, || {
        let (a, b) = (Source::new(1, 1), Source::new(2, 1));
        let plan = Plan::full().seat(1, &a).watching(&[layout::class(1)]);
        let table = Table(vec![plan.build()]);
        let claimed = cpu({
            let table = table.clone();
            move || table.claim(&b, NOW).is_ok()
        });
        let read = cpu({
            let set = table.0[0];
            move || record(&set, 1)
        });
        if let Some(found) = table.look(&a, NOW) {
            assert_eq!(found.class, a.class);
        }
        if let Some(record) = done(read) {
            let whose = [a, b].into_iter().find(|s| s.addr == record.addr);
            assert_eq!(record.class, whose.expect("it is one of them").class.0);
        }
        done(claimed);
        assert!(table.is_valid(&known(&[a, b], &burst(1)), &[]));
    });
}
