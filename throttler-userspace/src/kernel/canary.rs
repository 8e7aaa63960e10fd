//! Canaries: frames of our own that the program on the interface is run over, to see that it answers as the policy in
//! force says.
//!
//! Two frames, both the `default` scope's whatever the policy says. One contradicts itself: any policy drops it without
//! asking who sent it. The other is a later fragment from [`SOURCE`], which nobody can have (RFC 6666, discard-only),
//! and which every generation with `[[sources]]` blocks by an entry of its own in the class trie: it passes if that
//! entry, or the generation, is not what the program reads. A policy without `[[sources]]` has no trie to read.
//!
//! They leave nothing behind: neither is given a way in the source table ([`Word::UNKEPT`]), without one no event is
//! told, and what the scope's counters count of them is kept beside the counters and taken off by [`without`].

mod under_way;

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use anyhow::{Context as _, Result};
use throttler_common::Reason;
use throttler_common::abi::{
    Addr, CLASS_KEY_LEAD, ClassChain, ClassKey, ClassStep, Tally, active, head_flag, row_flag,
};
use throttler_common::class::{Kind, Word};

use self::under_way::{REASONS, UnderWay, ours, word};
use super::sys;
use super::tables::Tables;
use crate::compile::PolicyTables;

/// 100::/64.
pub const SOURCE: [u8; 16] = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// The scope that counts them: `default`.
pub const SCOPE: u8 = 0;
/// L3 length of either.
const LENGTH: u64 = 48;
/// How late the program may notice that a pause has ended: it reads a clock that is a timer tick old.
const TICK_NS: u64 = 20_000_000;
/// Attempts to read counters while no canary is under way; one takes microseconds every ten seconds.
const ATTEMPTS: u32 = 1_000;

const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

/// What the program must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The `default` scope is in monitor mode, which drops nothing.
    pub monitored: bool,
    /// The class trie has the canary's entry.
    pub classes: bool,
}

/// Reserves the canary's source in a generation that has classes, and says what the program will answer.
pub fn reserve(policy: &mut PolicyTables) -> Expected {
    let monitored = policy.rows.first().is_some_and(is_monitored);
    let entry = entry(policy);
    policy.classes.extend(entry);
    Expected {
        monitored,
        classes: entry.is_some(),
    }
}

fn is_monitored(row: &throttler_common::abi::Row) -> bool {
    row.flags & row_flag::MONITOR != 0
}

/// `None` where nothing has a class, or where the policy itself speaks of parts of the canary's prefix.
fn entry(policy: &PolicyTables) -> Option<(ClassKey, ClassChain)> {
    if policy.head.flags & head_flag::SOURCES == 0 {
        return None;
    }
    // As long as a source's, so that it is found without asking for the whole address.
    let (mask, length) = (policy.head.source_mask[1], policy.head.source_prefix[1]);
    let addr = Addr::from_bytes(SOURCE).masked(mask);
    let within = |key: &ClassKey| {
        key.family == 6
            && key.prefix_len >= CLASS_KEY_LEAD + length
            && key.addr.masked(mask) == addr
    };
    if policy.classes.iter().any(|(key, _)| within(key)) {
        return None;
    }
    let key = ClassKey {
        prefix_len: CLASS_KEY_LEAD + length,
        bank: 0,
        family: 6,
        reserved: [0; 2],
        addr,
    };
    let mut chain = ClassChain::default();
    chain.steps[0] = ClassStep {
        // No rule of the policy: reports know none by this number.
        rule: u32::MAX,
        plan: Word::UNKEPT,
        kind: Kind::Block as u8,
        ..ClassStep::default()
    };
    Some((key, chain))
}

/// One canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    Malformed,
    Blocked,
}

impl Frame {
    /// Ethernet, IPv6, and a fragment header or what looks like one.
    fn bytes(self) -> [u8; 62] {
        let mut frame = [0; 62];
        frame[12..14].copy_from_slice(&[0x86, 0xdd]);
        let ip = &mut frame[14..];
        ip[0] = 6 << 4;
        // One claims more than there is.
        let payload: u16 = match self {
            Self::Malformed => 1_000,
            Self::Blocked => 8,
        };
        ip[4..6].copy_from_slice(&payload.to_be_bytes());
        ip[6] = 44;
        ip[7] = 64;
        ip[8..24].copy_from_slice(&SOURCE);
        ip[24..40].copy_from_slice(&SOURCE);
        // No next header (RFC 8200), an offset of eight bytes.
        ip[40] = 59;
        ip[43] = 8;
        frame
    }

    /// What the program counts it as.
    const fn reason(self, monitored: bool) -> Reason {
        match self {
            _ if monitored => Reason::Monitored,
            Self::Malformed => Reason::Malformed,
            Self::Blocked => Reason::Blocked,
        }
    }
}

/// Runs the canaries through the program. `None`: it answers as expected, or is paused, which is as an operator wants
/// it. Else what is wrong. One that is answered otherwise than expected stays in the counters.
///
/// # Errors
/// The kernel's.
pub fn run(
    tables: &Tables,
    program: BorrowedFd<'_>,
    expected: Expected,
) -> Result<Option<&'static str>> {
    let frames = [
        (
            Frame::Malformed,
            "the program on it lets a frame pass that every policy drops",
        ),
        (
            Frame::Blocked,
            "the program on it lets a source pass that the policy in force blocks",
        ),
    ];
    for (frame, fault) in frames {
        if frame == Frame::Blocked && !expected.classes {
            continue;
        }
        if is_paused(tables)? {
            return Ok(None);
        }
        if !answers(tables, program, frame, expected.monitored)? {
            let fault = match expected.monitored {
                true => {
                    "the program on it drops a frame, although the policy in force is in monitor mode"
                }
                false => fault,
            };
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

fn is_paused(tables: &Tables) -> Result<bool> {
    let until = tables.active.get(&active::PAUSED_UNTIL)?.unwrap_or(0);
    Ok(until.saturating_add(TICK_NS) > sys::monotonic_ns())
}

/// Whether the program does with a frame what it should; the frame is then counted as ours.
fn answers(
    tables: &Tables,
    program: BorrowedFd<'_>,
    frame: Frame,
    monitored: bool,
) -> Result<bool> {
    let active = &tables.active;
    let reason = frame.reason(monitored);
    let begun = UnderWay::begin(tables, reason)?;
    let ran = sys::test_run(program, &frame.bytes(), 1).context("running the program on a canary");
    let counted = ran.and_then(|ran| {
        let reason = match ran.result {
            XDP_DROP if !monitored => reason,
            // A pause that came just now.
            XDP_PASS if is_paused(tables)? => Reason::Paused,
            XDP_PASS if monitored => reason,
            _ => return Ok(false),
        };
        let before = ours(tables, reason)?;
        active.set(&word(reason), &before.wrapping_add(1))?;
        Ok(true)
    });
    begun.end(tables)?;
    counted
}

/// What `read` reads of [`SCOPE`]'s counters, less the canaries: both are read while none is under way. Where a daemon
/// was killed with one under way, it is taken off as [`UnderWay`] says.
///
/// # Errors
/// The kernel's, or those of `read`.
pub fn without(
    tables: &Tables,
    mut read: impl FnMut() -> Result<BTreeMap<Reason, Tally>>,
) -> Result<BTreeMap<Reason, Tally>> {
    let mut attempt = 0;
    loop {
        let under_way = UnderWay::read(tables)?;
        let mut counted = read()?;
        let mut canaries = [0; REASONS.len()];
        for (canaries, reason) in canaries.iter_mut().zip(REASONS) {
            *canaries = ours(tables, reason)?;
            let packets = counted.get(&reason).map_or(0, |tally| tally.packets);
            *canaries += u64::from(under_way.is_uncounted(reason, packets, *canaries));
        }
        attempt += 1;
        let still = !under_way.is() && UnderWay::read(tables)? == under_way;
        if !still && attempt < ATTEMPTS {
            std::thread::yield_now();
            continue;
        }
        for (reason, canaries) in REASONS.into_iter().zip(canaries) {
            if let Some(tally) = counted.get_mut(&reason) {
                tally.packets = tally.packets.saturating_sub(canaries);
                tally.bytes = tally.bytes.saturating_sub(canaries.saturating_mul(LENGTH));
            }
        }
        counted.retain(|_, tally| tally.packets > 0);
        return Ok(counted);
    }
}
