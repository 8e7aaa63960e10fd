//! Frames to decisions: the core on the host, over any frames at any times under any of [`crate::policies`].

mod bound;
#[path = "../../harness/reaching.rs"]
mod buffers;
mod reach;
mod watched;

use throttler::compile::PolicyTables;
use throttler::host::{HostPolicy, HostSlots, SliceFrame};
use throttler::kernel::geometry;
use throttler_common::abi::{NO_LIMIT, row_flag};
use throttler_common::parse::{Kind, Packet, parse};
use throttler_common::{Decision, Reason, decide};

use self::bound::Bound;
use self::watched::Watched;
use crate::bytes::Tape;
use crate::harness::START;
use crate::policies;

/// Sources of each family that the table has room for: more than an input has frames for.
const SOURCES: u32 = 512;
/// Frames of an input; more say nothing new, and take time.
const FRAMES: usize = 256;
/// Any key of the table's hash.
const SEED: [u64; 7] = [11, 13, 17, 19, 23, 29, 31];

/// A byte for the policy; then steps: how much later, which frame, and how often.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let tables = policies::compiled();
    let tables = &tables[usize::from(tape.u8()) % tables.len()];
    let mut run = Run::new(tables);
    while !tape.is_empty() && run.frames < FRAMES {
        run.step(&mut tape);
    }
}

struct Run {
    policy: HostPolicy,
    slots: HostSlots,
    bound: Option<Bound>,
    now: u64,
    frame: Vec<u8>,
    frames: usize,
}

impl Run {
    fn new(tables: &PolicyTables) -> Self {
        Self {
            bound: tables.classes.is_empty().then(Bound::default),
            policy: HostPolicy::new(tables.clone()),
            slots: HostSlots::new(geometry::layout(SOURCES, SEED)),
            now: START,
            frame: Vec::new(),
            frames: 0,
        }
    }

    fn step(&mut self, tape: &mut Tape<'_>) {
        let what = tape.u8();
        match what >> 4 & 3 {
            0 => {}
            1 => self.now += u64::from(tape.u16()) << 10,
            2 => self.now += u64::from(tape.u32()),
            // At most 78 hours.
            _ => self.now += u64::from(tape.u16()) << 32,
        }
        if what & 0x40 != 0 {
            let late = u64::from(tape.u16()) << 28;
            self.policy.paused_until = if late == 0 { 0 } else { self.now + late };
        }
        match what & 3 {
            // A new frame, whatever its bytes.
            0 | 1 => {
                let length = usize::from(tape.u16());
                self.frame = tape.take(length % 9_100).to_vec();
            }
            // The last one, one byte of it another.
            2 => {
                let (at, byte) = (usize::from(tape.u16()), tape.u8());
                if let Some(old) = self.frame.get_mut(at) {
                    *old = byte;
                }
            }
            // The last one, cut.
            _ => self.frame.truncate(usize::from(tape.u16())),
        }
        reach::check(&self.frame, tape.u8());
        // The same again, at the same time.
        for _ in 0..=(what >> 2 & 3) * 4 {
            self.decide();
        }
    }

    fn decide(&mut self) {
        self.frames += 1;
        let frame = SliceFrame(&self.frame);
        let packet = parse(&frame);
        let watched = Watched::new(&self.slots);
        let decision = decide(&frame, &self.now, &self.policy, &watched);
        let touched = watched.touched();
        self.hold(&packet, &decision, touched);
        if let Some(bound) = &mut self.bound {
            bound.count(&self.policy, &self.slots, &packet, &decision, self.now);
        }
    }

    /// What is true of every decision.
    fn hold(&self, packet: &Packet, decision: &Decision, touched: bool) {
        let (reason, frame) = (decision.reason, &self.frame);
        assert_eq!(decision.length, packet.length, "{frame:02x?}");
        assert!(
            decision.length as usize <= frame.len(),
            "longer than its frame: {decision:?} {frame:02x?}"
        );
        assert!(
            !matches!(reason, Reason::Paused) || self.now < self.policy.paused_until,
            "paused, and is not: {decision:?}"
        );
        let tables = self.policy.tables();
        let row = &tables.rows[usize::from(decision.scope)];
        let monitors = row.flags & row_flag::MONITOR != 0;
        assert!(!matches!(reason, Reason::Monitored) || monitors);
        let drops = reason.verdict() == throttler_common::Verdict::Drop;
        assert!(!(drops && monitors), "{decision:?} in a monitored scope");
        assert_eq!(
            decision.limit != NO_LIMIT && !monitors,
            decision.limit != NO_LIMIT && matches!(reason, Reason::OverLimit | Reason::GlobalLimit),
            "a limit refuses, and nothing else: {decision:?}"
        );
        let named = tables.description.scope(decision.scope);
        assert!(named.is_some(), "a scope that nobody named: {decision:?}");
        match packet.kind {
            Kind::NotIp => assert_eq!(reason, Reason::NotIp),
            Kind::Malformed => assert!(
                matches!(
                    reason,
                    Reason::Malformed | Reason::Paused | Reason::Monitored
                ),
                "{decision:?} {frame:02x?}"
            ),
            Kind::V4 | Kind::V6 => assert!(
                !matches!(reason, Reason::Malformed | Reason::NotIp),
                "{decision:?} {frame:02x?}"
            ),
        }
        if matches!(packet.kind, Kind::NotIp | Kind::Malformed) {
            assert_eq!(decision.scope, 0);
            assert!(!touched, "no IP, and a source was looked for: {frame:02x?}");
        }
    }
}
