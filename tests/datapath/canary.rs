//! Canaries through the program that interfaces run: what they notice, and that they leave nothing behind.

use std::os::fd::{AsFd as _, OwnedFd};

use throttler::compile::PolicyTables;
use throttler::kernel::canary::{self, Expected};
use throttler::kernel::publish::publish;
use throttler::kernel::sys;
use throttler_common::abi::active;

use crate::harness::Program;

const SOURCES: &str = "[[sources]]\nfrom = [\"192.0.2.66\", \"2001:db8::/32\"]\nblock = true\n";

/// A program with a policy, and with the canary's entry in the generation in force.
struct Site {
    program: Program,
    production: OwnedFd,
    policy: PolicyTables,
    expected: Expected,
}

impl Site {
    fn new(policy: &str) -> Self {
        let program = Program::new(policy);
        let mut policy = program.policy().clone();
        let expected = canary::reserve(&mut policy);
        publish(program.tables(), &policy).expect("published");
        let production = program.production();
        Self {
            program,
            production,
            policy,
            expected,
        }
    }

    fn fault(&self) -> Option<&'static str> {
        let tables = self.program.tables();
        canary::run(tables, self.production.as_fd(), self.expected).expect("a run")
    }

    /// Canaries counted as ours.
    fn canaries(&self) -> u64 {
        let kinds = active::CANARIES_MALFORMED..=active::CANARIES_PAUSED;
        let word = |kind| self.program.tables().active.get(&kind).expect("a word");
        kinds.filter_map(word).sum()
    }
}

#[test]
fn a_canary_takes_no_way_and_tells_nobody() {
    for (head, canaries) in [
        ("", 1),
        (SOURCES, 2),
        (
            "[throttler]\nipv6_prefix = 128\n[[sources]]\nfrom = [\"192.0.2.66\"]\nblock = true",
            2,
        ),
        (
            "[throttler]\nipv6_prefix = 48\n[[sources]]\nfrom = [\"192.0.2.66\"]\nblock = true",
            2,
        ),
        (
            "[throttler]\nmode = \"monitor\"\n[[sources]]\nfrom = [\"192.0.2.66\"]\nblock = true",
            2,
        ),
        // The policy speaks of the canary's own prefix: it has the last word.
        ("[[sources]]\nfrom = [\"100::/64\"]\nexempt = true", 1),
    ] {
        let site = Site::new(&format!(
            "{head}\n[scopes.default.limits]\nall = {{ rate = \"5/day\" }}\n"
        ));
        for run in 1..=10 {
            assert_eq!(site.fault(), None, "{head}");
            assert_eq!(site.canaries(), run * canaries, "{head}");
        }
        let counted: u64 = site
            .program
            .counters()
            .values()
            .map(|(packets, _)| packets)
            .sum();
        assert_eq!(counted, 10 * canaries, "{head}");
        let tables = site.program.tables();
        assert_eq!(
            [0, 1].map(|family| tables.sources.count(family)),
            [0, 0],
            "{head}"
        );
        assert_eq!(site.program.events().len(), 0, "{head}");
        let word = tables.active.get(&active::CANARY).expect("a word");
        assert_eq!(word.map(|word| word & 1), Some(0), "none is under way");
    }
}

#[test]
fn a_canary_that_is_paused_is_ours_too() {
    let site = Site::new(SOURCES);
    site.program.pause(u64::MAX);
    assert_eq!(site.fault(), None);
    assert_eq!(site.canaries(), 0, "none is run");
    site.program.pause(0);
    assert_eq!(site.fault(), None);
    assert_eq!(site.canaries(), 2);
}

#[test]
fn a_class_that_is_not_in_the_trie_is_noticed() {
    let site = Site::new(SOURCES);
    assert_eq!(site.fault(), None);
    let tables = site.program.tables();
    let (key, _) = site.policy.classes.last().expect("the canary's");
    let mut key = *key;
    key.bank = site.policy.bank() as u8;
    assert!(tables.classes.remove(&key).expect("removed"));
    let fault = site.fault().expect("a fault");
    assert!(fault.contains("lets a source pass"), "{fault}");
}

#[test]
fn a_generation_that_is_not_in_force_is_noticed() {
    let site = Site::new(SOURCES);
    let tables = site.program.tables();
    let other = u64::from(site.policy.head.generation) + 1;
    tables
        .active
        .set(&active::GENERATION, &other)
        .expect("written");
    assert!(site.fault().is_some());
}

#[test]
fn a_program_over_other_maps_is_noticed() {
    let site = Site::new(SOURCES);
    let other = Program::new("[scopes.default.limits]\nall = { rate = \"5/day\" }\n");
    let tables = site.program.tables();
    let fault = canary::run(tables, other.production().as_fd(), site.expected).expect("a run");
    assert!(fault.is_some());
    // The malformed one is dropped there, too; nothing is counted here.
    let maps = sys::program_maps(other.production().as_fd()).expect("its maps");
    assert!(!maps.contains(&tables.rows.info.id));
}

#[test]
fn a_mode_that_is_not_in_force_is_noticed() {
    let site = Site::new(SOURCES);
    for (monitored, wanted) in [(true, Some(())), (false, None)] {
        let expected = Expected {
            monitored,
            ..site.expected
        };
        let fault = canary::run(site.program.tables(), site.production.as_fd(), expected);
        assert_eq!(fault.expect("a run").map(drop), wanted);
    }
}
