//! How many rows a slice of time may have: the worst sources have rows of their own, the others are summed up by their
//! network, and networks beyond another bound by their family. So a flood of spoofed sources fills neither memory nor disk.

use std::collections::HashMap;

use ipnet::IpNet;
use throttler_common::abi::PARENT_PREFIX;

use super::Violation;

/// Rows of single sources in a slice.
pub const SOURCES: usize = 2_048;
/// Rows of networks (/24 and /48) in a slice.
pub const NETWORKS: usize = 512;

/// Rows within the bounds.
pub struct Folded {
    /// The rows.
    pub kept: Vec<Violation>,
    /// Whether any were summed up.
    pub folded: bool,
}

/// Brings the rows of one slice within the bounds. None of what they say is lost but who it was.
#[must_use]
pub fn fold(rows: Vec<Violation>) -> Folded {
    fold_beyond(rows, SOURCES, NETWORKS)
}

/// The same with other bounds.
#[must_use]
pub fn fold_beyond(rows: Vec<Violation>, sources: usize, networks: usize) -> Folded {
    let (mut single, mut wide) = (Vec::new(), Vec::new());
    for row in rows {
        match is_single(&row) {
            true => single.push(row),
            false => wide.push(row),
        }
    }
    let spare = least(&mut single, sources);
    let mut folded = !spare.is_empty();
    wide.extend(spare.into_iter().map(|row| widened(row, network)));
    let mut wide = merged(wide);
    let (mut nets, mut families): (Vec<_>, Vec<_>) =
        wide.drain(..).partition(|row| row.source.prefix_len() > 0);
    let spare = least(&mut nets, networks);
    folded |= !spare.is_empty();
    families.extend(spare.into_iter().map(|row| widened(row, family)));
    single.extend(nets);
    single.extend(merged(families));
    Folded {
        kept: single,
        folded,
    }
}

/// Whether a row is of one source, and not of a network (or of sources that are as wide).
#[must_use]
pub fn is_single(row: &Violation) -> bool {
    row.source.prefix_len() > parent_bits(row.source)
}

fn parent_bits(source: IpNet) -> u8 {
    PARENT_PREFIX[usize::from(matches!(source, IpNet::V6(_)))]
}

/// Takes all but the `most` worst.
fn least(rows: &mut Vec<Violation>, most: usize) -> Vec<Violation> {
    if rows.len() <= most {
        return Vec::new();
    }
    let weight = |row: &Violation| {
        let packets = row.refused.packets + row.banned.packets;
        std::cmp::Reverse((row.bans > 0, packets))
    };
    if most > 0 {
        rows.select_nth_unstable_by_key(most - 1, weight);
    }
    rows.split_off(most)
}

/// The network that a source is counted to.
fn network(source: IpNet) -> IpNet {
    wide(source, parent_bits(source).min(source.prefix_len()))
}

fn family(source: IpNet) -> IpNet {
    wide(source, 0)
}

fn wide(source: IpNet, bits: u8) -> IpNet {
    IpNet::new(source.addr(), bits).map_or(source, |net| net.trunc())
}

fn widened(mut row: Violation, to: fn(IpNet) -> IpNet) -> Violation {
    row.source = to(row.source);
    row
}

/// Sums up rows of the same slice and key.
#[must_use]
pub fn merged(rows: Vec<Violation>) -> Vec<Violation> {
    let mut sums: HashMap<_, Violation> = HashMap::with_capacity(rows.len());
    for row in rows {
        let key = (
            (row.begin, row.width, row.source),
            row.scope.clone(),
            row.plan.clone(),
            row.limit.clone(),
            (row.unit.clone(), row.rate.clone()),
            (row.reason.clone(), row.monitored),
        );
        match sums.get_mut(&key) {
            Some(sum) => absorb(sum, &row),
            None => {
                sums.insert(key, row);
            }
        }
    }
    sums.into_values().collect()
}

/// Adds a row of other sources of the same key.
pub fn absorb(sum: &mut Violation, row: &Violation) {
    let add = |into: &mut throttler_common::abi::Tally, from: throttler_common::abi::Tally| {
        into.packets = into.packets.saturating_add(from.packets);
        into.bytes = into.bytes.saturating_add(from.bytes);
    };
    sum.sources = sum.sources.saturating_add(row.sources);
    add(&mut sum.refused, row.refused);
    add(&mut sum.banned, row.banned);
    sum.estimated |= row.estimated;
    sum.bans += row.bans;
    sum.banned_until = sum.banned_until.max(row.banned_until);
    sum.first = sum.first.min(row.first);
    sum.last = sum.last.max(row.last);
    sum.wait = sum.wait.max(row.wait);
}
