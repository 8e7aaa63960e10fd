//! The targets over inputs that are made to reach deep: frames with headers, policies with scopes, lists of prefixes,
//! changes of maps. `THROTTLER_CASES` says how many of each, `THROTTLER_CASES_API`, `_POLICY`, ... how many of one.

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../../harness/rng.rs"]
mod rng;
#[path = "../../harness/setting.rs"]
mod setting;
#[path = "../../harness/spent.rs"]
mod spent;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{self, TestError, TestRunner};
use setting::setting;
use spent::{ENDLESS, spent};
use throttler::config;
use throttler_fuzz::{TARGETS, frames, made};

fn cases(target: &str) -> u32 {
    // The soak wants more of some.
    let own = format!("THROTTLER_CASES_{}", target.to_uppercase());
    let cases = setting(&own, setting("THROTTLER_CASES", 2_000));
    u32::try_from(cases).expect("at most 2^32 cases")
}

/// Runs the target over inputs; fails with the shortest that makes it panic.
fn hold(target: &str, inputs: impl Strategy<Value = Vec<u8>>) {
    let (_, run) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target");
    let config = test_runner::Config {
        cases: cases(target),
        failure_persistence: None,
        max_shrink_iters: 500,
        ..test_runner::Config::default()
    };
    let tried = std::cell::Cell::new(0);
    let slowest = std::cell::Cell::new(Duration::ZERO);
    let result = TestRunner::new(config).run(&inputs, |bytes| {
        tried.set(tried.get() + 1);
        let before = spent();
        run(&bytes);
        let took = spent() - before;
        slowest.set(slowest.get().max(took));
        prop_assert!(took < ENDLESS, "{took:?}");
        Ok(())
    });
    if let Err(TestError::Fail(_, input)) = &result {
        let text = String::from_utf8_lossy(input);
        eprintln!("{target}: put this into crashers/{target}:\n{text}");
    }
    result.unwrap_or_else(|error| panic!("{target}: {error}"));
    println!(
        "{target}: {} inputs held, the slowest in {:?}",
        tried.get(),
        slowest.get()
    );
    assert!(tried.get() >= cases(target));
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

/// A step of the `decide` target: how, how much later, the frame, what is in reach.
fn step() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop_oneof![
        4 => (prop::sample::select(frames::plain()), prop::collection::vec((any::<u8>(), any::<u8>()), 0..3)).prop_map(
            |(mut frame, patches)| {
                for (at, byte) in patches {
                    let at = usize::from(at) % frame.len();
                    frame[at] = byte;
                }
                frame
            }
        ),
        1 => bytes(80),
    ];
    let new = (frame, 0..4_u8, 0..4_u8, any::<u16>(), any::<u8>()).prop_map(
        |(frame, often, late, by, reach)| {
            let mut step = vec![often << 2 | late << 4];
            match late {
                0 => {}
                2 => step.extend(u32::from(by).to_le_bytes()),
                _ => step.extend(by.to_le_bytes()),
            }
            step.extend((frame.len() as u16).to_le_bytes());
            step.extend(frame);
            step.push(reach);
            step
        },
    );
    let same = (any::<u8>(), any::<u8>(), any::<u8>())
        .prop_map(|(at, byte, reach)| vec![0x0e, at, 0, byte, reach]);
    let cut = (any::<u8>(), any::<u8>()).prop_map(|(at, reach)| vec![0x03, at, 0, reach]);
    prop_oneof![6 => new, 2 => same, 1 => cut]
}

#[test]
fn frames_of_headers_at_any_times_are_decided_within_bounds() {
    let steps = prop::collection::vec(step(), 1..12);
    let inputs = (any::<u8>(), steps).prop_map(|(policy, steps)| {
        let mut input = vec![policy];
        input.extend(steps.concat());
        input
    });
    hold("decide", inputs);
}

#[test]
fn policies_of_any_parts_are_refused_with_a_place_or_compiled_alike() {
    let word = prop::sample::select(
        "throttler scopes default limits global plans sources layers abuse match protocol ports to rate burst unit \
         from file plan exempt block until reason mode protected reserved ban_after ban_for ban_max widen_after \
         refusals within web pro a"
            .split_whitespace()
            .collect::<Vec<_>>(),
    );
    let value = prop_oneof![
        "[\"'][a-z0-9/:.%äß\\PC-]{0,14}[\"']",
        "[0-9]{1,20}",
        "[0-9]{1,4}/(s|min|day|0s|7h)".prop_map(|rate| format!("\"{rate}\"")),
        Just("true".to_owned()),
        "\\[\"[a-f0-9:./]{1,20}\"\\]",
        "\\{ rate = \"[1-9][0-9]{0,3}/(s|min)\"(, burst = [1-9][0-9]{0,5})?(, unit = \"(bytes|connections)\")? \\}",
        "\\[\\{ protocol = \"(tcp|udp|[0-9]{1,3})\"(, ports = \\[\"[0-9]{1,5}(-[0-9]{1,5})?\"\\])? \\}\\]",
    ];
    let line = prop_oneof![
        (prop::collection::vec(word.clone(), 1..4), any::<bool>()).prop_map(|(path, list)| {
            let path = path.join(".");
            if list {
                format!("[[{path}]]")
            } else {
                format!("[{path}]")
            }
        }),
        (word, value).prop_map(|(key, value)| format!("{key} = {value}")),
    ];
    let parts = prop::collection::vec(line, 0..24).prop_map(|lines| lines.join("\n").into_bytes());
    // A valid one, of which a stretch is another.
    let texts = prop::sample::select(throttler_fuzz::policies::texts());
    let damaged = (
        texts,
        any::<prop::sample::Index>(),
        0..40_usize,
        "\\PC{0,12}",
    )
        .prop_map(|(text, at, skip, with)| {
            let mut text = text.into_bytes();
            let at = at.index(text.len());
            let end = (at + skip).min(text.len());
            text.splice(at..end, with.into_bytes());
            text
        });
    hold("policy", prop_oneof![parts, damaged]);
}

/// Bytes to choose by; none is the plainest.
fn tape() -> impl Strategy<Value = Vec<u8>> {
    bytes(400)
}

#[test]
fn policies_that_are_nearly_right_are_refused_with_a_mend_or_compiled_alike() {
    hold(
        "policy",
        tape().prop_map(|tape| made::policy(&tape).into_bytes()),
    );
}

#[test]
fn any_request_is_answered_with_a_document_or_a_problem() {
    hold("api", tape().prop_map(|tape| made::request(&tape)));
}

/// What is made is not refused for one and the same reason.
#[test]
fn what_is_made_reaches_deep() {
    let mut rng = rng::Rng::new(1);
    let (mut statuses, mut accepted, mut refused) = (BTreeMap::new(), 0, BTreeSet::new());
    for _ in 0..2_000 {
        let length = rng.below(400);
        let tape: Vec<u8> = (0..length).map(|_| rng.any() as u8).collect();
        let status = throttler_fuzz::api::answered(&made::request(&tape));
        *statuses.entry(status).or_insert(0) += 1;
        let (text, now) = (
            made::policy(&tape),
            jiff::Timestamp::constant(1_803_859_200, 0),
        );
        match config::parse("policy.toml", &text, Path::new("/nowhere"), now) {
            Ok(_) => accepted += 1,
            Err(error) => refused.extend(error.diagnostics().iter().map(|one| one.help.clone())),
        }
    }
    println!(
        "{statuses:?}; {accepted} policies accepted, {} mends",
        refused.len()
    );
    // 503: read from an interface, and nothing is attached.
    for status in [200, 400, 404, 405, 413, 415, 422, 503] {
        assert!(
            statuses.contains_key(&Some(status)),
            "{status}: {statuses:?}"
        );
    }
    assert!(accepted > 100, "{accepted} accepted");
    assert!(refused.len() > 100, "{refused:#?}");
}

#[test]
fn any_connection_is_answered_to_its_end() {
    hold("wire", tape().prop_map(|tape| made::wire(&tape)));
}

#[test]
fn lists_are_read_as_somebody_else_reads_them() {
    let line = prop_oneof![
        "[0-9]{1,3}(\\.[0-9]{1,3}){3}(/[0-9]{1,3})?",
        "[0-9a-f:]{2,20}(/[0-9]{1,3})?",
        (any::<u32>(), 0..=32_u8).prop_map(|(value, length)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            format!("{}/{length}", std::net::Ipv4Addr::from(value & mask))
        }),
        (any::<u128>(), 0..=128_u8).prop_map(|(value, length)| {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            format!("{}/{length}", std::net::Ipv6Addr::from(value & mask))
        }),
        "[ \t\r]{0,3}#\\PC{0,10}",
        "\\PC{0,12}",
    ];
    let text = prop::collection::vec((line, "[ \t\r]{0,2}(#x)?"), 0..12);
    let text = text.prop_map(|lines| {
        let lines: Vec<_> = lines.into_iter().map(|(line, end)| line + &end).collect();
        lines.join("\n").into_bytes()
    });
    hold("list", prop_oneof![4 => text, 1 => bytes(60)]);
}

#[test]
fn whatever_lies_in_the_maps_is_read_to_an_end() {
    let change = (any::<u8>(), any::<u16>(), any::<u16>(), bytes(24)).prop_map(
        |(what, key, from, bytes)| {
            let mut change = vec![what];
            change.extend(key.to_le_bytes());
            change.extend(from.to_le_bytes());
            change.push(bytes.len() as u8);
            change.extend(bytes);
            change
        },
    );
    let small =
        (0..12_u8, 0..8_u16, 0..64_u16, any::<u64>()).prop_map(|(what, key, from, word)| {
            let mut change = vec![what];
            change.extend(key.to_le_bytes());
            change.extend((from * 4).to_le_bytes());
            change.push(8);
            change.extend(word.to_le_bytes());
            change
        });
    let changes = prop::collection::vec(prop_oneof![change, small], 1..6);
    hold("maps", changes.prop_map(|changes| changes.concat()));
}

#[test]
fn rates_and_durations_are_exact_or_refused() {
    let near = "[0-9]{1,20}(\\.[0-9]{0,19})?(k|M|G|Ki|Mi|Gi)?/[0-9]{0,6}(s|min|hour|h|day|d|ms)?";
    hold(
        "rates",
        prop_oneof![near, "\\PC{0,20}"].prop_map(String::into_bytes),
    );
}
