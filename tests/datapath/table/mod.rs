//! The source table under load: who keeps a place, what happens to those that find none, and two CPUs in one set.

mod flood;
mod hammer;
mod pressure;
mod sharing;
#[path = "../../../throttler-common/tests/support/valid.rs"]
mod valid;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use throttler::compile::PolicyTables;
use throttler::kernel::tables::Tables;
use throttler_common::Reason;
use throttler_common::abi::{Addr, Set, WAYS};
use throttler_common::class::Word;

use self::valid::{Rules, Use, is_valid};
use crate::harness::{Program, START};
use crate::traffic::{passing, udp};

pub(super) fn v4(bits: u32) -> IpAddr {
    Ipv4Addr::from_bits(bits).into()
}

/// Source `host` of the /24 (/48) with this number.
pub(super) fn of_prefix(family: usize, prefix: u32, host: u32) -> IpAddr {
    if family == 0 {
        v4(10 << 24 | prefix << 8 | host)
    } else {
        let bits = 0x2001_0db8_u128 << 96 | u128::from(prefix) << 80 | u128::from(host) << 64 | 1;
        Ipv6Addr::from_bits(bits).into()
    }
}

pub(super) fn addr(source: IpAddr) -> Addr {
    match source {
        IpAddr::V4(v4) => Addr::from_v4(v4.octets()),
        IpAddr::V6(v6) => Addr::from_bytes(v6.octets()).masked(Addr::mask(64)),
    }
}

pub(super) fn from(source: IpAddr) -> Vec<u8> {
    udp(source, 53, 10)
}

pub(super) fn reason(program: &Program, now: u64, source: IpAddr) -> Reason {
    program.run(now, &from(source)).reason
}

/// [`is_valid`] of the mapped table: after packets at most at `now`, while nobody uses it.
pub(super) fn is_sound(program: &Program, now: u64) -> bool {
    let policy = program.policy();
    is_sound_under(program, policy, now, 0)
}

/// The same under a policy published beside, with refusals that were under way when a ban was given.
pub(super) fn is_sound_under(
    program: &Program,
    policy: &PolicyTables,
    now: u64,
    astray: u64,
) -> bool {
    let sources = &program.tables().sources;
    let table = &sources.head;
    let sets: Vec<_> = Use::of(table)
        .into_iter()
        .map(|(index, used)| (used, index, sources.set(index).expect("a set of the table")))
        .collect();
    let head = &policy.head;
    let row = |used: Use, scope: u8, way: usize, class: Word| {
        let index = match used {
            Use::Newcomers(_) => return (way == 0).then_some(table.admission),
            Use::Globals(scope) => match way {
                0 => head.global_rows + u32::from(scope),
                1 => head.reserved_rows + u32::from(scope),
                _ => return None,
            },
            Use::Sources(_) | Use::Parents(_) => {
                u32::from(class.plan()) * head.row_stride + u32::from(scope)
            }
        };
        policy.rows.get(index as usize).copied()
    };
    let rules = Rules {
        now,
        tag: head.tag,
        age: head.generation,
        abuse: head.abuse,
        astray,
        place: &|used, addr, scope| used.place(table, addr, scope),
        row: &row,
    };
    is_valid(&sets, &rules, &[])
}

#[test]
fn a_source_takes_128_bytes() {
    assert_eq!(size_of::<Set>() / WAYS, 128);
    let program = Program::sized("", 4_096);
    assert_eq!(program.tables().sources.capacity(), 4_096);
}

#[test]
fn each_table_draws_its_own_seed_and_keeps_it() {
    let (mut one, other) = (Program::new(""), Program::new(""));
    let seed = one.tables().sources.head.seed;
    assert_ne!(seed, other.tables().sources.head.seed);
    let mut words: Vec<_> = seed.into();
    words.sort_unstable();
    words.dedup();
    assert!(
        words.len() == 7 && words.iter().all(|word| *word > 1 << 32),
        "{seed:x?}"
    );
    one.publish("[scopes.default.limits]\none = { rate = \"1/s\" }");
    one.production();
    let pinned = Tables::head(&one.pins().dir).expect("the pinned head");
    assert_eq!(pinned.seed, seed);
}

#[test]
fn a_table_that_is_nearly_full_has_room_for_nearly_all() {
    let program = Program::sized("[scopes.default.limits]\none = { rate = \"1/day\" }", 4_096);
    let sources = 4_096 * 95 / 100;
    for n in 0..sources {
        assert_eq!(
            passing(&program, START, &from(v4(10 << 24 | n << 8 | 1)), 1),
            1
        );
    }
    let kept = program.tables().sources.count(0);
    println!("{kept} of {sources} sources have a way of their own");
    assert!(kept * 100 >= u64::from(sources) * 96, "{kept} of {sources}");
}
