//! Sources spread evenly, and nobody without the seed knows where to.

use throttler_common::abi::{Addr, TableHead, WAYS, region};
use throttler_common::table::{Place, header};

use crate::host::{head, random};

const SETS: u32 = 256;
const KEYS: u64 = 25_600;
const SEEDS: [u64; 4] = [1, 2, 0xdead_beef, u64::MAX];

/// Addresses as they come in practice, and as an attacker would choose them.
fn families() -> Vec<(&'static str, Vec<Addr>)> {
    let mut draw = random(7);
    let mut wild = || Addr {
        words: [draw(), draw()],
    };
    let v6 = |host: u128| Addr::from_bytes((0x2001_0db8 << 96 | host).to_be_bytes());
    let v4 = |host: u64| Addr::from_v4((host as u32).to_be_bytes());
    vec![
        (
            "v4, one after another",
            (0..KEYS).map(|i| v4(0x0a00_0000 + i)).collect(),
        ),
        (
            "v4, a host of every /16 or /24",
            (0..KEYS).map(|i| v4(i << 8 | i << 24)).collect(),
        ),
        (
            "v6, one /64 after another",
            (0..KEYS).map(|i| v6(u128::from(i) << 64)).collect(),
        ),
        (
            "v6, one host after another",
            (0..KEYS).map(|i| v6(u128::from(i))).collect(),
        ),
        ("v6, any", (0..KEYS).map(|_| wild()).collect()),
    ]
}

fn place(head: &TableHead, addr: &Addr) -> Place {
    Place::of(head, &head.regions[region::SOURCES], addr, 1)
}

/// Pearson's statistic of counts that should be equal, and how many standard deviations it lies above
/// what chance gives (it has a mean of n - 1 and a variance of twice that).
fn excess(counts: &[u64]) -> f64 {
    let cells = counts.len() as f64;
    let mean = counts.iter().sum::<u64>() as f64 / cells;
    let chi: f64 = counts
        .iter()
        .map(|count| (*count as f64 - mean).powi(2) / mean)
        .sum();
    (chi - (cells - 1.0)) / (2.0 * (cells - 1.0)).sqrt()
}

#[test]
fn sets_are_even() {
    for seed in SEEDS {
        let head = head(seed, SETS);
        for (name, addrs) in families() {
            let mut sets = [vec![0; SETS as usize], vec![0; SETS as usize]];
            for addr in &addrs {
                let place = place(&head, addr);
                for (counts, set) in sets.iter_mut().zip(place.sets) {
                    counts[set as usize] += 1;
                }
            }
            for (what, counts) in [("first", &sets[0]), ("second", &sets[1])] {
                // Runs of addresses may spread more evenly than chance; only clusters hurt.
                let above = excess(counts);
                assert!(above < 6.0, "{name}, seed {seed}: {what} {above}");
            }
        }
    }
}

#[test]
fn ways_are_even() {
    for seed in SEEDS {
        let head = head(seed, SETS);
        for (name, addrs) in families() {
            let mut ways = vec![0; WAYS];
            for addr in &addrs {
                ways[header::home(place(&head, addr).wanted)] += 1;
            }
            let above = excess(&ways);
            assert!(above < 6.0, "{name}, seed {seed}: {above}");
        }
    }
}

/// Pairs of sources that share their first set share their second no more often than others.
#[test]
fn a_second_choice_is_another_one() {
    for seed in SEEDS {
        let head = head(seed, SETS);
        for (name, addrs) in families() {
            let mut seconds = vec![0u64; SETS as usize];
            let mut shared = 0;
            let first = place(&head, &addrs[0]).sets[0];
            for addr in &addrs {
                let place = place(&head, addr);
                shared += u64::from(place.sets[0] == place.sets[1]);
                if place.sets[0] == first {
                    seconds[place.sets[1] as usize] += 1;
                }
            }
            // 100 of each on average.
            let most = seconds.iter().max().expect("there are sets");
            assert!(
                *most <= 20,
                "{name}, seed {seed}: {most} of one set share a second"
            );
            assert!(shared <= 200, "{name}, seed {seed}: {shared} have one set");
        }
    }
}

/// Who shares a set under one seed is spread over the sets by another.
#[test]
fn a_seed_says_nothing_of_another() {
    let (one, other) = (head(1, SETS), head(2, SETS));
    for (name, addrs) in families() {
        let set = place(&one, &addrs[0]).sets[0];
        let mut counts = vec![0u64; SETS as usize];
        for addr in addrs.iter().filter(|addr| place(&one, addr).sets[0] == set) {
            counts[place(&other, addr).sets[0] as usize] += 1;
        }
        let most = counts.iter().max().expect("there are sets");
        assert!(*most <= 20, "{name}: {most} together again");
    }
}
