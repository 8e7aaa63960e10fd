//! A charge is taken back while the way goes to another source.

use throttler_common::abi::{Addr, MAX_LIMITS};
use throttler_common::charge;
use throttler_common::table::{Words, layout};

use crate::set::Plan;
use crate::source::packet;
use crate::world::{NOW, Source, Table, UNIT, admit, after, burst, cpu, done, every_order};

#[test]
fn nothing_is_taken_back_from_the_next_source() {
    every_order(|| {
        let (a, b) = (Source::new(1, 1), Source::new(2, 1));
        let row = burst(1);
        let plan = Plan::full().seat(1, &a).charged(1, after(UNIT));
        let table = Table(vec![plan.build()]);
        let way = table.claim(&a, NOW).expect("it is seated");
        // The packet was charged long ago by this CPU's time: its source owes nothing.
        let later = NOW + 2 * UNIT;
        let other = cpu(move || {
            charge::undo(&row, &way, &packet(Addr::default()), MAX_LIMITS);
        });
        let claimed = table.claim(&b, later);
        let admitted = claimed.is_ok_and(|way| admit(&way, &row, later));
        done(other);
        let set = &table.0[0];
        let tat = set.load(layout::tat(1, 0));
        assert!(!set.is_locked());
        if set.is_of(1, &a) {
            assert!([after(0), after(UNIT)].contains(&tat) && !admitted);
        } else {
            assert_eq!((admitted, tat), (true, after(3 * UNIT)));
        }
    });
}
