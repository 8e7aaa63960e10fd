//! One generation's limits, without any of what finds a packet's scope.

use throttler_common::abi::{
    AbuseParams, Addr, ClassChain, ClassKey, Destination, History, LimitHistory, LimitParams,
    PolicyHead, Row, Scale, unit,
};
use throttler_common::class::{Kind, Word};
use throttler_common::{Family, Policies, gcra};

/// One scope, and no plans.
pub(crate) struct Policy {
    pub(crate) head: PolicyHead,
    pub(crate) row: Row,
    history: History,
}

/// A limit of packets: `burst` of them, and one more every so many nanoseconds.
pub(crate) fn limit(burst: u64, nanos: u64) -> LimitParams {
    let increment = gcra::ticks(nanos);
    LimitParams {
        increment,
        depth: increment * burst,
        // Longer ago than any source has been away.
        changed_ago: u32::MAX,
        unit: unit::PACKETS,
        ..LimitParams::default()
    }
}

/// The row of a lone limit.
pub(crate) fn row(limit: LimitParams) -> Row {
    let mut row = Row {
        count: 1,
        units: 1 << unit::PACKETS,
        ..Row::default()
    };
    row.limits[0] = limit;
    row
}

impl Policy {
    /// A limit that never was another.
    pub(crate) fn new(generation: u32, limit: LimitParams) -> Self {
        let mut history = History::default();
        history.limits[0].scale = scale(&limit);
        let head = head(generation);
        let mut row = row(limit);
        row.tag = head.tag;
        Self { head, row, history }
    }

    /// The next generation, in which the limit has changed.
    pub(crate) fn changed(&self, to: LimitParams) -> Self {
        let before = &self.row.limits[0];
        let mut next = Self::new(
            self.head.generation + 1,
            LimitParams {
                changed_ago: 0,
                ..to
            },
        );
        next.history.limits[0] = LimitHistory {
            scale: scale(&to),
            before: scale(before),
            increment_before: before.increment,
            depth_before: before.depth,
            changed_before_ago: u32::MAX,
            unit_before: before.unit,
            shift_before: before.shift,
            reserved: 0,
        };
        next
    }

    /// The class of every source in it.
    pub(crate) fn word(&self) -> Word {
        Word::new(self.head.tag, Kind::Plan, 0, 0)
    }
}

fn head(generation: u32) -> PolicyHead {
    PolicyHead {
        generation,
        tag: throttler_common::class::tag(generation),
        flags: 0,
        row_stride: 1,
        source_mask: [Addr::mask(32), Addr::mask(64)],
        source_prefix: [32, 64],
        destinations: [0; 2],
        destination_stride: 1,
        protocol_stride: 1,
        protocol_class: [0; 256],
        global_rows: 1,
        reserved_rows: 2,
        abuse: AbuseParams::default(),
    }
}

/// As the compiler of the policy has it: the increment and its reciprocal, normalised, rounded down.
fn scale(limit: &LimitParams) -> Scale {
    let bits = 64 - limit.increment.leading_zeros() as i32;
    let ticks = (u128::from(limit.increment) << 32) >> bits;
    let units = (1u128 << (bits + 31)) / u128::from(limit.increment);
    Scale {
        ticks: ticks as u32,
        units: u32::try_from(units).unwrap_or(u32::MAX),
        ticks_exponent: (bits - 32) as i16,
        units_exponent: (-bits - 31) as i16,
    }
}

impl Policies for Policy {
    fn bank(&self) -> u8 {
        (self.head.generation % 2) as u8
    }

    fn paused_until(&self) -> u64 {
        0
    }

    fn head(&self) -> Option<&PolicyHead> {
        Some(&self.head)
    }

    fn port_class(&self, _: u16) -> u16 {
        0
    }

    fn cell(&self, _: u32) -> u8 {
        0
    }

    fn destination(&self, _: Family, _: u32) -> Option<&Destination> {
        None
    }

    fn row(&self, index: u32) -> Option<&Row> {
        (index == 0).then_some(&self.row)
    }

    fn history(&self, index: u32) -> Option<&History> {
        (index == 0).then_some(&self.history)
    }

    fn class(&self, _: &ClassKey) -> Option<&ClassChain> {
        None
    }
}
