//! A charge is taken back while the way goes to another source.

use throttler_common::abi::{Addr, MAX_LIMITS, Row};
use throttler_common::charge;
use throttler_common::table::{Words, layout};

use crate::policy::limit;
use crate::set::Plan;
use crate::source::packet;
use crate::world::{
    Known, NOW, Source, Table, UNIT, account, admit, after, burst, cpu, done, every_order, known,
    most_orders,
};

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
        let now = later;
        assert!(table.is_valid(
            &Known {
                now,
                ..known(&[a, b], &row)
            },
            &[]
        ));
        if set.is_of(1, &a) {
            assert!([after(0), after(UNIT)].contains(&tat) && !admitted);
        } else {
            assert_eq!((admitted, tat), (true, after(3 * UNIT)));
        }
    });
}

/// A limit of two packets, and one of one, which refuses what the first has been charged for.
fn both() -> Row {
    let mut row = burst(2);
    row.limits[1] = limit(1, UNIT);
    row.count = 2;
    row
}

/// So many CPUs send one packet each. One passes at most, and what the others were charged is taken back but
/// where the lock was not to be had.
fn taken_back(cpus: usize) {
    let scenario = move || {
        let (a, row) = (Source::new(1, 1), both());
        let plan = Plan::full().seat(1, &a).watching(&[layout::tat(1, 1)]);
        let table = Table(vec![plan.build()]);
        let way = table.find(&a, NOW).expect("it is seated");
        let others: Vec<_> = (1..cpus)
            .map(|_| cpu(move || u64::from(admit(&way, &row, NOW))))
            .collect();
        let mine = u64::from(admit(&way, &row, NOW));
        let admitted = mine + others.into_iter().map(done).sum::<u64>();
        let strays = cpus as u64 - admitted;
        assert!(table.is_valid(&known(&[a], &row), &[account(&a, admitted, strays)]));
        // Two cannot keep one another from the lock for all attempts.
        let units = |i| (table.0[0].load(layout::tat(1, i)) - after(0)) / (UNIT << 6);
        assert!(cpus > 2 || (units(0), units(1)) == (admitted, admitted));
    };
    if cpus == 2 {
        every_order(scenario);
    } else {
        most_orders(3, scenario);
    }
}

#[test]
fn two_cpus_take_back_what_they_did_not_get() {
    taken_back(2);
}

#[test]
fn three_cpus_take_back_what_they_did_not_get() {
    taken_back(3);
}

/// One CPU takes a charge back while another charges and a third wants the way.
#[test]
fn a_charge_is_taken_back_amid_a_charge_and_a_claim() {
    most_orders(2, || {
        let [a, b] = [1, 2].map(|name| Source::new(name, 1));
        let row = burst(2);
        let plan = Plan::full().seat(1, &a).charged(1, after(UNIT));
        let table = Table(vec![plan.build()]);
        let way = table.claim(&a, NOW).expect("it is seated");
        let undone = cpu(move || {
            charge::undo(&row, &way, &packet(Addr::default()), MAX_LIMITS);
        });
        let newcomer = cpu({
            let table = table.clone();
            move || table.send(&b, 1, &row, NOW)
        });
        let mine = u64::from(admit(&way, &row, NOW));
        let theirs = done(newcomer);
        done(undone);
        let accounts = [account(&a, mine, 1), account(&b, theirs, 2)];
        assert!(
            table.is_valid(&known(&[a, b], &row), &accounts),
            "{mine} {theirs}"
        );
    });
}
