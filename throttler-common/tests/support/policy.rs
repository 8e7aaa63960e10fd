//! One generation's limits, without any of what finds a packet's scope: everything is of scope 0.

use throttler_common::abi::{
    AbuseParams, Addr, ClassChain, ClassKey, Destination, History, LimitHistory, LimitParams,
    PolicyHead, Row, Scale, row_flag, unit,
};
use throttler_common::class::{Kind, Word};
use throttler_common::{Family, Policies, gcra};

/// Scopes of a plan: scope 0, and a layer.
const STRIDE: u32 = 4;
/// The layer, which has scope 0's row only where [`Policy::layered`] is asked for.
pub(crate) const LAYER: u8 = 1;
/// The row of scope 0's `global` limits.
pub(crate) const GLOBAL: u32 = 2;
/// The row of what of them is kept for protected plans.
pub(crate) const RESERVED: u32 = 3;
const ROWS: usize = 2 * STRIDE as usize;

/// One scope, and a plan.
#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) head: PolicyHead,
    pub(crate) row: Row,
    rows: [Row; ROWS],
    histories: [History; ROWS],
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
        let head = head(generation);
        let mut policy = Self {
            head,
            row: Row::default(),
            rows: [Row::default(); ROWS],
            histories: [History::default(); ROWS],
        };
        policy.put(0, limit);
        policy
    }

    fn put(&mut self, index: u32, limit: LimitParams) {
        let flags = self.rows[index as usize].flags;
        self.set(
            index,
            Row {
                flags,
                ..row(limit)
            },
        );
        self.histories[index as usize].limits[0].scale = scale(&limit);
    }

    fn set(&mut self, index: u32, row: Row) {
        let tag = self.head.tag;
        self.rows[index as usize] = Row { tag, ..row };
        self.row = self.rows[0];
    }

    /// The row of scope 0 with a limit behind its first.
    pub(crate) fn and(mut self, limit: LimitParams) -> Self {
        let mut both = self.rows[0];
        both.limits[1] = limit;
        both.count = 2;
        self.histories[0].limits[1].scale = scale(&limit);
        self.set(0, both);
        self
    }

    /// All sources together are held to a limit as well, of which a share is kept for plan 1.
    pub(crate) fn shared(mut self, common: LimitParams, reserved: LimitParams) -> Self {
        self.put(GLOBAL, common);
        self.put(RESERVED, reserved);
        let own = self.rows[0];
        let flags = own.flags | row_flag::GLOBAL;
        self.set(0, Row { flags, ..own });
        self.histories[STRIDE as usize] = self.histories[0];
        let flags = flags | row_flag::PROTECTED;
        self.set(STRIDE, Row { flags, ..own });
        self
    }

    /// Scope 0 has a layer with a limit of its own.
    pub(crate) fn layered(mut self, limit: LimitParams) -> Self {
        self.put(u32::from(LAYER), limit);
        let layer = LAYER;
        self.set(
            0,
            Row {
                layer,
                ..self.rows[0]
            },
        );
        self
    }

    /// Refusals are counted.
    pub(crate) fn abuse(mut self, abuse: AbuseParams) -> Self {
        self.head.abuse = abuse;
        self
    }

    /// The same limits in the next generation.
    pub(crate) fn again(&self) -> Self {
        let mut next = self.clone();
        let generation = self.head.generation + 1;
        next.head.generation = generation;
        next.head.tag = throttler_common::class::tag(generation);
        for row in &mut next.rows {
            row.tag = next.head.tag;
        }
        next.row = next.rows[0];
        next
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
        next.histories[0].limits[0] = LimitHistory {
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
        row_stride: STRIDE,
        source_mask: [Addr::mask(32), Addr::mask(64)],
        source_prefix: [32, 64],
        destinations: [0; 2],
        destination_stride: 1,
        protocol_stride: 1,
        protocol_class: [0; 256],
        global_rows: GLOBAL,
        reserved_rows: RESERVED,
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
        match index {
            0 => Some(&self.row),
            _ => self.rows.get(index as usize),
        }
    }

    fn history(&self, index: u32) -> Option<&History> {
        self.histories.get(index as usize)
    }

    fn class(&self, _: &ClassKey) -> Option<&ClassChain> {
        None
    }
}
