//! All sources of a table, visited by all CPUs.

use throttler_common::abi::{SlotRecord, TableHead, WAYS, region};
use throttler_common::table::{self, Way, Words as _, header, layout};

use super::parallel;
use crate::host::HostWords;
use crate::kernel::sources::Sources;

/// A way that is somebody's: where it is, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// Set times [`WAYS`] plus way. A table has at most 2^26 ways.
    way: u32,
    /// The header's identity, its upper half.
    identity: u32,
}

impl Spot {
    /// Which place of the table: its set times [`WAYS`] plus its way.
    pub(super) fn place(self) -> usize {
        self.way as usize
    }

    /// Whose it is; nobody's is 0.
    pub(super) fn identity(self) -> u32 {
        self.identity
    }

    /// A place of a set, as whoever is there now has it.
    pub(super) fn at(index: u32, way: usize, set: &HostWords<'_>) -> Self {
        Self {
            way: index * WAYS as u32 + way as u32,
            identity: identity(set.load(layout::header(way))),
        }
    }

    #[cfg(test)]
    pub(super) fn of(way: u32, identity: u32) -> Self {
        Self { way, identity }
    }

    /// What is there now; `None` where it is another source's, or nobody's.
    pub(super) fn read(self, sources: &Sources) -> Option<SlotRecord> {
        let set = sources.set(self.way / WAYS as u32)?;
        let way = self.way as usize % WAYS;
        let record = table::record(&set, way)?;
        // Every word of a record is of the source that the header named before and after.
        (identity(set.load(layout::header(way))) == self.identity).then_some(record)
    }

    /// The way, to change it as the datapath does; `None` beyond the table.
    pub(super) fn way(self, sources: &Sources) -> Option<Way<HostWords<'_>>> {
        Some(Way {
            words: sources.set(self.way / WAYS as u32)?,
            handle: (u64::from(self.identity) << 32) | (u64::from(self.way) % WAYS as u64),
        })
    }

    /// Asks the memory for what [`Spot::read`] is going to read. Of many places in no order, asked for first, the
    /// answers come together; each read by itself would be waited for alone.
    pub(super) fn touch(self, sources: &Sources) -> u64 {
        let way = self.way as usize % WAYS;
        let lines = [
            layout::header(way),
            layout::address(way, 0),
            layout::passed(way),
            layout::strikes(way),
        ];
        let set = sources.set(self.way / WAYS as u32);
        set.map_or(0, |set| {
            lines
                .map(|word| set.load(word))
                .iter()
                .fold(0, |a, b| a ^ b)
        })
    }

    /// The region that it lies in.
    pub(super) fn region(self, head: &TableHead) -> usize {
        let set = self.way / WAYS as u32;
        let regions = &head.regions[..region::NEWCOMERS];
        regions
            .iter()
            .rposition(|region| region.first <= set)
            .unwrap_or(0)
    }
}

fn identity(found: u64) -> u32 {
    ((found & header::IDENTITY) >> 32) as u32
}

/// Shows `visit` every way that is somebody's, sources first, then parent prefixes. Each CPU has a share of
/// the sets and a result of its own; they come in the order of the sets.
pub(super) fn sweep<T: Default + Send>(
    sources: &Sources,
    visit: impl Fn(&mut T, Spot, &HostWords<'_>, usize) + Sync,
) -> Vec<T> {
    let end = sources.head.regions[region::NEWCOMERS].first;
    let workers = parallel::workers(end as usize / 4096);
    let share = end.div_ceil(workers as u32);
    parallel::each(workers, |worker| {
        let first = worker as u32 * share;
        let mut result = T::default();
        for index in first..end.min(first.saturating_add(share)) {
            let Some(set) = sources.set(index) else {
                break;
            };
            for way in 0..WAYS {
                let found = set.load(layout::header(way));
                if found & header::LIVE != 0 {
                    let spot = Spot {
                        way: index * WAYS as u32 + way as u32,
                        identity: identity(found),
                    };
                    visit(&mut result, spot, &set, way);
                }
            }
        }
        result
    })
}
