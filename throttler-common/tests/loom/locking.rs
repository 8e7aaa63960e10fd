//! The set's lock.

use std::rc::Rc;

use loom::cell::UnsafeCell;
use throttler_common::table::{lock, unlock};

use crate::set::{Plan, Set};
use crate::world::{
    NOW, Source, Table, account, admit, burst, cpu, done, every_order, known, most_orders,
};

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
            let guarded = guarded.clone();
            cpu(move || hold(&set, &guarded))
        });
        let mut got = vec![hold(&set, &guarded)];
        got.extend(others.map(done));
        assert!(got.contains(&true));
        assert!(Table(vec![set]).is_valid(&known(&[], &burst(1)), &[]));
    });
}

#[test]
fn two_cpus_both_get_it_or_one_gives_up() {
    every_order(|| {
        let set = Plan::full().build();
        let guarded = Rc::new(UnsafeCell::new(()));
        let other = cpu({
            let guarded = guarded.clone();
            move || hold(&set, &guarded)
        });
        let got = [hold(&set, &guarded), done(other)];
        assert!(got.contains(&true));
        assert!(Table(vec![set]).is_valid(&known(&[], &burst(1)), &[]));
    });
}

/// Where all attempts run out nothing is written, and the lock is left to whoever holds it.
#[test]
fn who_does_not_get_it_changes_nothing() {
    every_order(|| {
        let (a, b) = (Source::new(1, 1), Source::new(2, 1));
        let row = burst(1);
        let table = Table(vec![Plan::full().seat(1, &a).free(2).build()]);
        let set = table.0[0];
        assert!(lock(&set));
        let way = table.find(&a, NOW).expect("it is seated");
        let other = cpu(move || unlock(&set));
        let theirs = table.send(&b, 1, &row, NOW);
        // A charge needs no lock.
        let mine = u64::from(admit(&way, &row, NOW));
        done(other);
        assert_eq!((mine, table.ways_of(&b) as u64), (1, theirs));
        let accounts = [account(&a, mine, 0), account(&b, theirs, 0)];
        assert!(table.is_valid(&known(&[a, b], &row), &accounts));
    });
}

#[test]
fn marking_the_way_beside_it_loses_neither() {
    every_order(|| {
        let a = Source::new(1, 0);
        let table = Table(vec![Plan::full().seat(0, &a).build()]);
        let guarded = Rc::new(UnsafeCell::new(()));
        let other = cpu({
            let (set, guarded) = (table.0[0], guarded.clone());
            move || hold(&set, &guarded)
        });
        assert!(table.find(&a, NOW).is_some());
        hold(&table.0[0], &guarded);
        done(other);
        assert!(table.0[0].is_of(0, &a));
        assert!(table.is_valid(&known(&[a], &burst(1)), &[]));
    });
}

/// One CPU marks the way beside the lock, one holds it, one claims another way.
#[test]
fn marking_the_way_beside_it_amid_a_claim_loses_nothing() {
    most_orders(3, || {
        let (a, b) = (Source::new(1, 0), Source::new(2, 1));
        let table = Table(vec![Plan::full().seat(0, &a).free(1).build()]);
        let holder = cpu({
            let set = table.0[0];
            move || lock(&set).then(|| unlock(&set)).is_some()
        });
        let claimant = cpu({
            let table = table.clone();
            move || table.claim(&b, NOW).is_ok()
        });
        let found = table.find(&a, NOW).is_some();
        let got = done(holder);
        let claimed = done(claimant);
        assert!(found && (got || claimed));
        assert_eq!(table.ways_of(&b), usize::from(claimed));
        assert!(table.is_valid(&known(&[a, b], &burst(1)), &[]));
    });
}
