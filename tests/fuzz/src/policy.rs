//! Policy files: read, compiled, described, and compiled again as the next generation.

use std::path::Path;

use throttler::compile::{Description, PolicyTables, Previous, compile, verify};
use throttler::config::{self, Config, ConfigError};
use throttler::host::{HostPolicy, HostSlots, SliceFrame};
use throttler::kernel::{geometry, publish};
use throttler_common::abi::MAX_ROWS;
use throttler_common::decide;

use crate::harness::{START, clock};
use crate::policies;

/// Bytes of a message, or of a mend.
const LONGEST: usize = 1_000;

/// The text of a policy file.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A list file may be any file of the machine, and some of those never end.
    let endless = ["/dev", "/proc", "/sys", "\\"];
    if text.contains("file") && endless.iter().any(|part| text.contains(part)) {
        return;
    }
    match config::parse("policy.toml", &text, Path::new("/nowhere"), clock().wall) {
        Ok(config) => {
            rewritten(&config);
            accepted(&config);
        }
        Err(error) => rendered(&error, &text),
    }
}

/// The daemon's record of a policy, read again, is the same policy but for places and warnings.
fn rewritten(config: &Config) {
    let bare = |config: &Config| {
        let mut config = config.clone();
        config.warnings.clear();
        config.sources.retain(|rule| !rule.prefixes.is_empty());
        config
            .sources
            .iter_mut()
            .for_each(|rule| rule.origin.clear());
        config
            .notify
            .iter_mut()
            .for_each(|notify| notify.origin.clear());
        config
    };
    let text = config.to_toml();
    let again = config::parse("again.toml", &text, Path::new("/nowhere"), clock().wall);
    let again = again.unwrap_or_else(|error| panic!("{error} in {text}"));
    assert_eq!(bare(&again), bare(config), "{text}");
}

/// Every error has its line, its column, a caret under it, and a mend; nothing in it moves a terminal's cursor.
pub(crate) fn rendered(error: &ConfigError, text: &str) {
    let plain = error.render(false);
    assert!(!error.diagnostics().is_empty());
    for found in error.diagnostics() {
        assert!(
            !found.message.is_empty() && !found.help.is_empty(),
            "{found:?}"
        );
        let words = [&found.message, &found.help];
        assert!(
            !words.iter().any(|word| word.contains(char::is_control)),
            "{found:?}"
        );
        // One or two lines of a wide terminal each; a file or a reason may be named whole.
        assert!(words.iter().all(|word| word.len() < LONGEST), "{found:?}");
        assert!(found.line > 0 && found.column > 0, "{found:?}");
        if found.file == "policy.toml" {
            let line = text.split('\n').nth(found.line - 1);
            let line = line.unwrap_or_else(|| panic!("no such line: {found:?} in {text:?}"));
            assert!(
                found.column <= line.chars().count() + 1,
                "{found:?} in {text:?}"
            );
        }
    }
    assert!(
        plain.contains("error") && plain.contains("help") && plain.contains('^'),
        "{plain}"
    );
    let moves = |c: &char| c.is_control() && !matches!(c, '\n' | '\t');
    assert_eq!(plain.chars().find(moves), None, "{plain:?} for {text:?}");
    assert!(error.render(true).contains("help"));
}

fn accepted(config: &Config) {
    let tables = match compile(config, None, clock()) {
        Ok(tables) => tables,
        Err(error) => {
            assert!(error.to_string().contains(char::is_numeric), "{error}");
            return;
        }
    };
    fits(&tables);
    let again = compile(config, None, clock()).expect("what compiled before");
    assert!(
        same(&tables, &again) && tables.rows == again.rows,
        "two results"
    );
    described(&tables.description);

    // The same policy published again changes nothing but the generation.
    let next =
        compile(config, Some(&Previous::from(&tables)), clock()).expect("what compiled before");
    assert_eq!(next.head.generation, 2);
    assert!(same(&tables, &next), "identifiers moved");
    for (row, next) in tables.rows.iter().zip(&next.rows) {
        for (limit, next) in row.limits.iter().zip(&next.limits) {
            let rate =
                |l: &throttler_common::abi::LimitParams| (l.unit, l.increment, l.shift, l.depth);
            assert_eq!(rate(limit), rate(next));
            assert_eq!(next.changed_ago, 1, "{next:?}");
        }
    }
    decides(&tables);
    reloaded(config, tables);
}

/// Other policies after it, and it again: what is read back from the maps is always taken for ours.
fn reloaded(config: &Config, first: PolicyTables) {
    let mut tables = first;
    for next in [policies::config(1), config, policies::config(0), config] {
        taken(&tables);
        match compile(next, Some(&Previous::from(&tables)), clock()) {
            Ok(next) => tables = next,
            // Names of both together may be too many.
            Err(error) => assert!(error.to_string().contains(char::is_numeric), "{error}"),
        }
    }
    taken(&tables);
}

fn taken(tables: &PolicyTables) {
    let PolicyTables {
        description,
        head,
        rows,
        histories,
        ..
    } = tables;
    let taken = verify(description, head, rows, histories);
    taken.unwrap_or_else(|error| panic!("{error}: {description:?}"));
}

/// Everything is within the maps, and within the arithmetic.
fn fits(tables: &PolicyTables) {
    assert!(tables.rows.len() <= MAX_ROWS && tables.rows.len() == tables.histories.len());
    let scopes = tables.head.row_stride as usize;
    assert!(
        tables
            .cells
            .iter()
            .all(|scope| usize::from(*scope) < scopes)
    );
    for limit in tables.rows.iter().flat_map(|row| &row.limits) {
        assert!(limit.depth < 1 << 61 && limit.shift <= 32, "{limit:?}");
        // The largest packet's cost.
        assert!(
            limit.unit != 2 || limit.increment.checked_mul(1 << 17).is_some(),
            "{limit:?}"
        );
    }
    let limits = tables.description.scopes.iter();
    for limit in limits.flat_map(|scope| scope.limits.iter().chain(&scope.global)) {
        assert!(limit.index < 4 && limit.burst > 0, "{limit:?}");
    }
}

fn same(one: &PolicyTables, other: &PolicyTables) -> bool {
    one.port_classes == other.port_classes
        && one.cells == other.cells
        && one.destinations == other.destinations
        && one.classes == other.classes
        && (one.rows.len(), one.head.row_stride) == (other.rows.len(), other.head.row_stride)
        && Description {
            generation: 0,
            ..one.description.clone()
        } == Description {
            generation: 0,
            ..other.description.clone()
        }
}

/// What lies in the map says what was put there, or there was no room for it.
fn described(description: &Description) {
    match publish::chunks(description) {
        Ok(chunks) => {
            let read = publish::joined(chunks.iter().map(|chunk| Ok(Some(**chunk))));
            assert_eq!(&read.expect("what was written"), description);
        }
        Err(error) => assert!(error.to_string().contains("bytes"), "{error}"),
    }
}

/// No table of it lets the datapath stumble.
fn decides(tables: &PolicyTables) {
    let policy = HostPolicy::new(tables.clone());
    let slots = HostSlots::new(geometry::layout(64, [1; 7]));
    for (number, frame) in (0..).zip(crate::frames::plain()) {
        for _ in 0..2 {
            let now = START + number * 1_000_000;
            let decision = decide(&SliceFrame(&frame), &now, &policy, &&slots);
            assert!(
                tables.description.scope(decision.scope).is_some(),
                "{decision:?}"
            );
        }
    }
}
