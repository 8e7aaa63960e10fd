//! One compiled generation.

use throttler_common::abi::{
    Addr, Cells, ClassChain, ClassKey, Destination, History, PolicyHead, PortClasses, Row,
    head_flag,
};
use throttler_common::class::tag;

use super::abuse;
use super::classes::Classes;
use super::classifier::Classified;
use super::description::Description;
use super::layout::Run;
use super::rows::Rows;
use crate::config::Config;

/// The two clocks at one moment: policies speak of wall time, the datapath of monotonic time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Monotonic nanoseconds (`CLOCK_MONOTONIC`, what `bpf_ktime_get_ns` reads).
    pub monotonic_ns: u64,
    /// Wall time.
    pub wall: jiff::Timestamp,
}

impl Clock {
    /// The monotonic time of a wall time, in nanoseconds; 0 for what lies before boot.
    #[must_use]
    pub fn monotonic(&self, at: jiff::Timestamp) -> u64 {
        let ahead = at.as_nanosecond() - self.wall.as_nanosecond();
        let monotonic = i128::from(self.monotonic_ns) + ahead;
        u64::try_from(monotonic.max(0)).unwrap_or(u64::MAX)
    }

    /// The wall time of a monotonic time in nanoseconds.
    #[must_use]
    pub fn wall(&self, monotonic_ns: u64) -> jiff::Timestamp {
        let ahead = i128::from(monotonic_ns) - i128::from(self.monotonic_ns);
        jiff::Timestamp::from_nanosecond(self.wall.as_nanosecond() + ahead).unwrap_or(self.wall)
    }
}

/// The generation in force before, where there is one.
#[derive(Clone, Debug)]
pub struct Previous {
    /// Its description.
    pub description: Description,
    /// Its rows.
    pub rows: Vec<Row>,
    /// Their histories.
    pub histories: Vec<History>,
    /// [`PolicyHead::row_stride`].
    pub row_stride: u32,
    /// [`PolicyHead::global_rows`].
    pub global_rows: u32,
    /// [`PolicyHead::reserved_rows`].
    pub reserved_rows: u32,
}

impl From<&PolicyTables> for Previous {
    fn from(tables: &PolicyTables) -> Self {
        Self {
            description: tables.description.clone(),
            rows: tables.rows.clone(),
            histories: tables.histories.clone(),
            row_stride: tables.head.row_stride,
            global_rows: tables.head.global_rows,
            reserved_rows: tables.head.reserved_rows,
        }
    }
}

/// The tables of one generation.
#[derive(Clone, Debug)]
pub struct PolicyTables {
    /// The head.
    pub head: PolicyHead,
    /// Port to port class.
    pub port_classes: Vec<u16>,
    /// Cell to scope.
    pub cells: Vec<u8>,
    /// Destinations by family, longest prefix first.
    pub destinations: [Vec<Destination>; 2],
    /// Rows: plan by plan, scope by scope; then, if there are any, those of `global` limits.
    pub rows: Vec<Row>,
    /// The rows' histories.
    pub histories: Vec<History>,
    /// The class trie's entries with bank 0, sorted by key.
    pub classes: Vec<(ClassKey, ClassChain)>,
    /// Names and texts.
    pub description: Description,
    /// When the first rule ends whose place in a full chain another one waits for: the policy is to be compiled again
    /// then. In units of 2^28 ns of monotonic time; 0: none waits.
    pub cut: u32,
}

impl PolicyTables {
    /// The bank that this generation is published to.
    #[must_use]
    pub fn bank(&self) -> u32 {
        self.head.generation % 2
    }

    /// The whole port table, as the map holds it.
    #[must_use]
    pub fn port_table(&self) -> Box<PortClasses> {
        let mut table = Box::new(PortClasses { class: [0; 65_536] });
        table.class.copy_from_slice(&self.port_classes);
        table
    }

    /// The whole cell table, as the map holds it.
    #[must_use]
    pub fn cell_table(&self) -> Box<Cells> {
        let mut table = Box::new(Cells {
            scope: [0; throttler_common::abi::MAX_CELLS],
        });
        for (to, from) in table.scope.iter_mut().zip(&self.cells) {
            *to = *from;
        }
        table
    }
}

pub(super) fn assemble(
    config: &Config,
    generation: u32,
    classified: Classified,
    mut rows: Rows,
    classes: Classes,
    description: Description,
) -> PolicyTables {
    for row in &mut rows.rows {
        row.tag = tag(generation);
    }
    let flags = if classes.entries.is_empty() {
        0
    } else {
        head_flag::SOURCES
    };
    let prefix = [u32::from(config.ipv4_prefix), u32::from(config.ipv6_prefix)];
    let first = |run| rows.layout.first(run).map_or(0, |index| index as u32);
    let head = PolicyHead {
        generation,
        tag: tag(generation),
        flags,
        row_stride: rows.layout.stride as u32,
        source_mask: [
            Addr::mask(config.ipv4_prefix),
            Addr::mask(config.ipv6_prefix),
        ],
        source_prefix: prefix,
        destinations: [
            classified.destinations[0].len() as u32,
            classified.destinations[1].len() as u32,
        ],
        destination_stride: classified.destination_stride,
        protocol_stride: classified.protocol_stride,
        protocol_class: classified.protocol_class,
        global_rows: first(Run::Common),
        reserved_rows: first(Run::Reserved),
        abuse: abuse::params(config.abuse.as_ref()),
    };
    PolicyTables {
        head,
        port_classes: classified.port_classes,
        cells: classified.cells,
        destinations: classified.destinations,
        rows: rows.rows,
        histories: rows.histories,
        classes: classes.entries,
        description,
        cut: classes.cut,
    }
}
