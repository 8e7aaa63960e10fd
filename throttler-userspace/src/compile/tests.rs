//! Global limits and bans, from the policy's text to the rows that the datapath reads.

use std::path::Path;

use proptest::prelude::*;
use throttler_common::abi::{LimitParams, Row, row_flag, unit};
use throttler_common::gcra;
use throttler_common::global::{Share, row_index};

use super::*;

mod histories;

const NOW: Clock = Clock {
    monotonic_ns: 0,
    wall: jiff::Timestamp::UNIX_EPOCH,
};

fn compiled(text: &str, previous: Option<&PolicyTables>) -> PolicyTables {
    let config = crate::config::parse("t.toml", text, Path::new(""), NOW.wall).unwrap();
    let previous = previous.map(|tables| {
        let plans = tables.description.plans.iter().map(|plan| plan.id).max();
        let count = row_count(&tables.head, u32::from(plans.unwrap_or(0)) + 1);
        assert_eq!(count as usize, tables.rows.len());
        Previous::from(tables)
    });
    compile(&config, previous.as_ref(), NOW).unwrap()
}

fn row(tables: &PolicyTables, plan: u32, scope: u32) -> &Row {
    &tables.rows[(plan * tables.head.row_stride + scope) as usize]
}

fn part(tables: &PolicyTables, scope: u8, share: Share) -> usize {
    row_index(&tables.head, scope, share) as usize
}

fn common(tables: &PolicyTables, scope: u8) -> &Row {
    &tables.rows[part(tables, scope, Share::Common)]
}

fn reserved(tables: &PolicyTables, scope: u8) -> &Row {
    &tables.rows[part(tables, scope, Share::Reserved)]
}

/// Burst in whole units, and nanoseconds a unit.
fn shown(limit: &LimitParams) -> (u64, u64) {
    (
        (limit.depth << limit.shift) / limit.increment,
        gcra::nanos_ceil(limit.increment >> limit.shift),
    )
}

const POLICY: &str = r#"
[scopes.api]
match = [{ protocol = "tcp" }]
protected = ["pro"]
reserved = "20%"
limits = { own = { rate = "10/min", unit = "connections" } }
[scopes.api.global]
total = { rate = "1000/s", burst = 500 }
syns = { rate = "10/s", unit = "connections" }
[scopes.web]
match = [{ protocol = "udp" }]
[scopes.web.global]
total = { rate = "1M/s", unit = "bytes" }
[layers.all]
scopes = ["api", "web"]
limits = { sum = { rate = "99/s" } }
[plans.free]
api = { own = "5/min" }
[plans.pro]
api = "unlimited"
"#;

#[test]
fn global_rows_follow_those_of_the_plans() {
    let tables = compiled(POLICY, None);
    // default, api, web, all; no plan, free, pro.
    assert_eq!(tables.head.row_stride, 4);
    assert_eq!(
        (tables.head.global_rows, tables.head.reserved_rows),
        (12, 16)
    );
    assert_eq!((tables.rows.len(), tables.histories.len()), (20, 20));
    let api = common(&tables, 1);
    assert_eq!((api.count, api.layer, api.flags), (2, 0, 0));
    assert_eq!(api.units, 1 << unit::PACKETS | 1 << unit::CONNECTIONS);
    assert_eq!(shown(&api.limits[0]), (400, 1_250_000));
    assert_eq!(shown(&api.limits[1]), (8, 125_000_000));
    let kept = reserved(&tables, 1);
    assert_eq!((kept.count, kept.units), (2, api.units));
    assert_eq!(shown(&kept.limits[0]), (100, 5_000_000));
    assert_eq!(shown(&kept.limits[1]), (2, 500_000_000));
    // Nobody is protected here: all of it is common.
    assert_eq!(shown(&common(&tables, 2).limits[0]), (1_000_000, 1000));
    let empty = Row {
        tag: tables.head.tag,
        ..Row::default()
    };
    assert_eq!(*reserved(&tables, 2), empty);
    for scope in [0, 3] {
        assert_eq!(*common(&tables, scope), empty);
    }
}

#[test]
fn flags_say_who_is_charged_to_what() {
    let tables = compiled(POLICY, None);
    let flags = |plan, scope| row(&tables, plan, scope).flags;
    for plan in 0..3 {
        assert_eq!([flags(plan, 0), flags(plan, 3)], [0, 0], "no global limits");
        assert_eq!(flags(plan, 2), row_flag::GLOBAL);
    }
    assert_eq!(flags(0, 1), row_flag::GLOBAL);
    assert_eq!(flags(1, 1), row_flag::GLOBAL);
    // "unlimited" lifts those of all together as well; a plan that lifts one limit of a source's own does not.
    assert_eq!((flags(2, 1), row(&tables, 2, 1).count), (0, 0));
    let limited = POLICY.replace("api = \"unlimited\"", "api = { own = \"unlimited\" }");
    let tables = compiled(&limited, None);
    let row = row(&tables, 2, 1);
    assert_eq!(row.flags, row_flag::GLOBAL | row_flag::PROTECTED);
}

#[test]
fn without_global_limits_no_row_is_added() {
    let tables = compiled(
        "[plans.a]\n[scopes.default.limits]\na = { rate = '1/s' }\n",
        None,
    );
    assert_eq!((tables.head.global_rows, tables.head.reserved_rows), (0, 0));
    assert_eq!(tables.rows.len(), 2);
    assert_eq!(
        tables.head.abuse,
        throttler_common::abi::AbuseParams::default()
    );
}

#[test]
fn the_description_tells_of_shares_and_bans() {
    let text = format!(
        "{POLICY}[abuse]\nban_after = {{ refusals = 7, within = '1min' }}\nban_for = '1min'\nban_max = '1h'\n\
         widen_after = {{ sources = 3, within = '2h' }}\n"
    );
    let tables = compiled(&text, None);
    assert_eq!(tables.head.abuse.refusals, 7);
    assert_eq!(tables.head.abuse.wider_sources, 3);
    let description = tables.description;
    let shown = serde_json::json!({
        "api": description.scopes[1],
        "all": description.scopes[3].global,
        "abuse": description.abuse,
    });
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap());
    // What an earlier version wrote has none of these keys.
    let mut earlier = serde_json::to_value(&description).unwrap();
    earlier.as_object_mut().unwrap().remove("abuse");
    for scope in earlier["scopes"].as_array_mut().unwrap() {
        for key in ["global", "protected", "reserved"] {
            scope.as_object_mut().unwrap().remove(key);
        }
    }
    let read: Description = serde_json::from_value(earlier).unwrap();
    assert_eq!((read.abuse, read.scopes[1].reserved), (None, 0));
}

#[test]
fn global_rows_count_towards_the_most() {
    // 64 identifiers, of which one generation's scopes are retired: 62 plans fit beside global limits.
    let scopes = |count: u32, port: u32| -> String {
        (0..count)
            .map(|n| {
                format!(
                    "[scopes.s{}]\nmatch = [{{ ports = [{}] }}]\n",
                    port + n,
                    port + n
                )
            })
            .collect()
    };
    let plans: String = (0..62).map(|n| format!("[plans.p{n}]\n")).collect();
    let first = compiled(&scopes(62, 1), None);
    let global = "[scopes.default.global]\na = { rate = '1/s' }\n";
    let parsed =
        |text: &str| crate::config::parse("t.toml", text, Path::new(""), NOW.wall).unwrap();
    let previous = Previous {
        description: first.description,
        rows: first.rows,
        histories: first.histories,
        row_stride: first.head.row_stride,
        global_rows: 0,
        reserved_rows: 0,
    };
    let fits = parsed(&format!("{}{plans}", scopes(1, 100)));
    assert_eq!(
        compile(&fits, Some(&previous), NOW).unwrap().rows.len(),
        63 * 64
    );
    let too_many = parsed(&format!("{}{plans}{global}", scopes(1, 100)));
    let error = compile(&too_many, Some(&previous), NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "63 plans times 64 scopes and layers, and two rows of each for `global` limits, need 4160 rows, \
         there are 4096; use fewer plans or scopes"
    );
}

proptest! {
    // What packets see of a limit that is shared: both buckets together admit its burst at once and, over any
    // time, no more than its rate.
    #[test]
    fn both_parts_together_admit_the_limit(
        count in 1_u64..100_000, seconds in 1_u64..1000, burst in 2_u64..100_000, percent in 1_u8..=99,
        after in 1_u64..1_000_000_000_000,
    ) {
        let text = format!(
            "[plans.p]\n[scopes.default]\nprotected = ['p']\nreserved = '{percent}%'\n\
             global = {{ a = {{ rate = '{count}/{seconds}s', burst = {burst} }} }}\n"
        );
        let tables = compiled(&text, None);
        let parts = [common(&tables, 0), reserved(&tables, 0)].map(|row| row.limits[0]);
        let room = |at: u64| parts.iter().map(|limit| at / limit.increment).sum::<u64>();
        prop_assert_eq!(parts.iter().map(|l| l.depth / l.increment).sum::<u64>(), burst);
        prop_assert_eq!(parts.iter().map(|l| l.depth % l.increment).sum::<u64>(), 0);
        let due = u128::from(after) * u128::from(count) / (u128::from(seconds) * 1_000_000_000);
        prop_assert!(u128::from(room(gcra::ticks(after))) <= due);
        // Nor noticeably less: each part may hold a begun unit, and a unit's ticks are rounded up by less than one.
        let least = parts.iter().map(|l| l.increment).min().unwrap();
        let slack = 3 + due / u128::from(least);
        prop_assert!(u128::from(room(gcra::ticks(after))) + slack >= due);
    }
}
