//! What a find answers is of one source, at one moment.

use throttler_common::ban::Ban;
use throttler_common::class::{Kind, Word};
use throttler_common::table::layout;

use crate::set::Plan;
use crate::world::{NOW, Source, Table, cpu, done, most_orders};

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
            let known = [a.class, back.class].contains(&found.class) && found.ban == Ban(0);
            assert!(known, "{:?} {:?}", found.class, found.ban);
        }
        done(other);
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
    });
}
