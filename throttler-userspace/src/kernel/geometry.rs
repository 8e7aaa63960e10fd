//! How large the source table is, and where its parts lie.

use throttler_common::abi::{
    LimitParams, MAX_SCOPES, Region, Row, Set, TICK_SHIFT, TableHead, WAYS, region, unit,
};

/// Sets of parent prefixes: a sixteenth of the sources', and between these.
const PARENT_SHARE: u32 = 16;
const LEAST_PARENT_SETS: u32 = 64;
const MOST_PARENT_SETS: u32 = 2_048;
/// Newcomers under pressure may send, in all, a sixteenth of the table's entries in packets a second.
const ADMISSION_SHARE: u64 = 16;

/// A table with room for `max_sources` sources of each family (rounded up to whole sets), keyed by `seed`.
#[must_use]
pub fn layout(max_sources: u32, seed: [u64; 7]) -> TableHead {
    let sources = max_sources.div_ceil(WAYS as u32).max(1);
    let parents = (sources / PARENT_SHARE).clamp(LEAST_PARENT_SETS, MOST_PARENT_SETS);
    let sizes = [sources, sources, parents, parents, 2, MAX_SCOPES as u32];
    let mut regions = [Region::default(); region::COUNT];
    let mut first = 0;
    for (region, sets) in regions.iter_mut().zip(sizes) {
        *region = Region { first, sets };
        first += sets;
    }
    TableHead {
        seed,
        regions,
        reserved: [0; 3],
        admission: admission(max_sources),
    }
}

fn admission(max_sources: u32) -> Row {
    let rate = (u64::from(max_sources) / ADMISSION_SHARE).max(1);
    let increment = (1_000_000_000u64 << TICK_SHIFT).div_ceil(rate);
    let mut row = Row {
        count: 1,
        units: 1 << unit::PACKETS,
        ..Row::default()
    };
    row.limits[0] = LimitParams {
        increment,
        depth: increment * rate,
        unit: unit::PACKETS,
        ..LimitParams::default()
    };
    row
}

/// Sets of the table in all.
#[must_use]
pub fn total_sets(head: &TableHead) -> u32 {
    head.regions
        .iter()
        .map(|region| region.first + region.sets)
        .max()
        .unwrap_or(0)
}

/// That the table is one of ours: regions one behind the other, in a map of so many sets.
///
/// # Errors
/// It is not, or its map is smaller.
pub fn check(head: &TableHead, sets: u32) -> anyhow::Result<()> {
    let mut next = 0_u32;
    let least = [1, 1, 1, 1, 2, MAX_SCOPES as u32];
    for (region, least) in head.regions.iter().zip(least) {
        let end = region.first.checked_add(region.sets);
        let Some(end) =
            end.filter(|end| region.first == next && region.sets >= least && *end <= sets)
        else {
            anyhow::bail!(
                "the source table's layout contradicts its size, as if something else had written into its map: \
                 `throttler detach` and `throttler run` start anew"
            );
        };
        next = end;
    }
    Ok(())
}

/// Sources of one family that the table has room for.
#[must_use]
pub fn capacity(head: &TableHead) -> u32 {
    head.regions[region::SOURCES].sets * WAYS as u32
}

/// Bytes of the table for so many sources of each family.
#[must_use]
pub fn bytes(max_sources: u32) -> u64 {
    u64::from(total_sets(&layout(max_sources, [0; 7]))) * size_of::<Set>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_lie_one_behind_the_other() {
        for max in [1, 8, 9, 1_000, 262_144, 16_777_216] {
            let head = layout(max, [1; 7]);
            let mut next = 0;
            for region in head.regions {
                assert_eq!(region.first, next);
                assert!(region.sets > 0);
                next += region.sets;
            }
            assert_eq!(total_sets(&head), next);
            assert!(capacity(&head) >= max && capacity(&head) < max + 8);
        }
    }

    #[test]
    fn a_layout_that_is_not_ours_is_refused() {
        let head = layout(1_000, [1; 7]);
        let sets = total_sets(&head);
        assert!(check(&head, sets).is_ok() && check(&head, sets + 1).is_ok());
        assert!(check(&head, sets - 1).is_err() && check(&TableHead::default(), sets).is_err());
        for region in 0..region::COUNT {
            for (first, more) in [(1, 0), (u32::MAX, 0), (0, u32::MAX), (0, 1 << 31)] {
                let mut other = head;
                other.regions[region].first = head.regions[region].first.wrapping_add(first);
                other.regions[region].sets = head.regions[region].sets.wrapping_add(more);
                assert!(check(&other, sets).is_err(), "{region} {first} {more}");
            }
        }
    }

    #[test]
    fn a_source_takes_128_bytes() {
        let per_source = (bytes(2_000_000) - bytes(1_000_000)) as f64 / 2_000_000.0;
        assert!((127.9..128.1).contains(&per_source), "{per_source}");
    }
}
