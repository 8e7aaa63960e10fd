//! The set's lock.

use std::rc::Rc;

use loom::cell::UnsafeCell;
use throttler_common::table::{lock, unlock};

use crate::set::{Plan, Set};
use crate::world::{NOW, Source, Table, cpu, done, every_order, most_orders};

/// Takes the lock and what it guards; whether it was to be had. The model sees two at once. Its CPUs
/// are coroutines of one thread, so that they may share an [`Rc`].
fn hold(set: &Set, guarded: &UnsafeCell<()>) -> bool {
    let got = lock(set);
    if got {
        guarded.with_mut(|_| ());
        unlock(set);
    }
    got
}

#[test]
fn one_cpu_at_a_time_holds_it() {
    most_orders(3, || {
        let set = Plan::full().build();
        let guarded = Rc::new(UnsafeCell::new(()));
        let others = [(); 2].map(|()| {
            let (set, guarded) = (set.clone(), guarded.clone());
            cpu(move || hold(&set, &guarded))
        });
        let mut got = vec![hold(&set, &guarded)];
        got.extend(others.map(done));
        assert!(got.contains(&true) && !set.is_locked());
    });
}

#[test]
fn marking_the_way_beside_it_loses_neither() {
    every_order(|| {
        let a = Source::new(1, 0);
        let table = Table(vec![Plan::full().seat(0, &a).build()]);
        let guarded = Rc::new(UnsafeCell::new(()));
        let other = cpu({
            let (set, guarded) = (table.0[0].clone(), guarded.clone());
            move || hold(&set, &guarded)
        });
        assert!(table.find(&a, NOW).is_some());
        hold(&table.0[0], &guarded);
        done(other);
        assert!(table.0[0].is_of(0, &a) && !table.0[0].is_locked());
    });
}
