//! What one source's counts have grown by, as rows of the history.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use throttler_common::Reason;
use throttler_common::abi::{NO_LIMIT, SEEN_SHIFT, SlotRecord, Tally};
use throttler_common::ban::{Ban, MOMENT_SHIFT, moment};
use throttler_common::class::{Kind as Class, Word};

use super::{BASELINES, Held, Ledger, View};
use crate::daemon::historian::growth::{Growth, Mode, goes_on, growth, share, totals};
use crate::daemon::historian::label::{Label, What};
use crate::daemon::historian::pending::row;
use crate::daemon::historian::told::{Share, Told};
use crate::daemon::historian::who::Who;
use crate::history::{Baseline, MINUTE, Violation};
use crate::kernel::sys;

/// Between the end of a look and an event, so long that the look cannot have had the event's refusal.
const APART: u64 = 1_000_000_000;

/// When it was, in milliseconds since the epoch.
#[derive(Clone, Copy)]
struct Times {
    first: i64,
    last: i64,
}

impl Ledger {
    /// Adds what has come of one source since it was last looked at; whether anything has.
    pub(super) fn account(
        &mut self,
        view: &View,
        who: Who,
        told: &Told,
        passed: &mut Option<Tally>,
    ) -> bool {
        let Some(record) = who.read(&self.sources) else {
            return false;
        };
        let mut now = totals(&record, sys::monotonic_ns());
        if who.are_newcomers() {
            // Nobody of them is banned: the word stands for something else.
            (now.refused, now.ban) = (now.packets, 0);
        }
        let Some(before) = self.before(who, &now, told) else {
            return false;
        };
        let since = moment(before.at);
        let may_be_banned = Ban(record.ban).until() > since || view.wider[who.family()] > since;
        let mode = match who.are_newcomers() {
            true => Mode::Enforced,
            false => view.modes[usize::from(who.scope)],
        };
        let (growth, accounted) = growth(&before, &now, mode, may_be_banned);
        let spared = mean(&record, passed.replace(record.passed), growth.spared);
        let is_old = before
            == Baseline {
                at: before.at,
                ..accounted
            };
        self.hold(who, accounted, is_old);
        if growth.is_nothing() {
            return false;
        }
        let times = self.times(view, &record, told);
        self.put(view, who, &record, told, before.at, &growth, spared, times);
        true
    }

    /// Up to where the history has the counts of a source. `None`: nothing is to be said of it now.
    fn before(&mut self, who: Who, now: &Baseline, told: &Told) -> Option<Baseline> {
        if let Some(held) = self.baselines.get(&who) {
            let known = held.baseline;
            // It lost its place in the table and got another, where it has more refusals already.
            let is_another = told.began.is_some_and(|(at, refused)| {
                refused < known.refused && at > known.at.saturating_add(APART)
            });
            return Some(match goes_on(&known, now) && !is_another {
                true => known,
                false => Baseline::default(),
            });
        }
        let is_full = self.baselines.len() >= BASELINES;
        self.is_crowded |= is_full;
        if !self.is_crowded {
            return Some(Baseline::default());
        }
        // What it was refused before is in the history by its events, or never will be.
        let refused = told.refused().min(now.refused);
        let before = Baseline {
            refused: now.refused - refused,
            packets: now.packets - refused.min(now.packets),
            bytes: now.bytes - share(now.bytes, refused.min(now.packets), now.packets),
            ban: match told.shares.iter().any(|one| one.banned) {
                true => 0,
                false => now.ban,
            },
            at: 0,
        };
        Some(before)
    }

    fn hold(&mut self, who: Who, baseline: Baseline, is_old: bool) {
        let walk = self.walk.number;
        if let Some(held) = self.baselines.get_mut(&who) {
            held.walk = walk;
            if !is_old {
                held.baseline = baseline;
                held.is_new = true;
            }
        } else if self.baselines.len() < BASELINES && (!is_old || self.is_crowded) {
            let held = Held {
                baseline,
                is_new: true,
                walk,
            };
            self.baselines.insert(who, held);
        }
    }

    /// Between the last look, or the first event since, and the source's latest packet.
    fn times(&self, view: &View, record: &SlotRecord, told: &Told) -> Times {
        let clock = view.clock;
        let wall = |at: u64| clock.wall(at).as_millisecond();
        // Kept in steps, rounded down; newcomers have none.
        let seen = match record.last_seen {
            0 => clock.monotonic_ns,
            seen => seen + (1 << SEEN_SHIFT),
        };
        let told_first = (!told.shares.is_empty()).then_some(told.first);
        let last = seen.min(clock.monotonic_ns).max(told_first.unwrap_or(0));
        let since = match self.looked {
            0 => last,
            looked => looked,
        };
        let first = told_first.unwrap_or(since).min(last);
        Times {
            first: wall(first),
            last: wall(last),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call; a struct would only rename them"
    )]
    fn put(
        &mut self,
        view: &View,
        who: Who,
        record: &SlotRecord,
        told: &Told,
        since: u64,
        growth: &Growth,
        spared: (u64, bool),
        times: Times,
    ) {
        let word = Word(record.class);
        let guess = || {
            let mut what = What::guess(&view.description, scope_of(who, told), word.plan());
            if who.are_newcomers() {
                (what.reason, what.limit) = (Reason::TableFull, NO_LIMIT);
            }
            what
        };
        let is_blocked = word.kind() == Class::Block;
        // What an event that came late tells of was in the look before.
        let is_new = |one: &&Share| one.refused > 0 && one.at > since;
        let shares: Vec<Share> = told.shares.iter().filter(is_new).copied().collect();
        let shares = match shares.is_empty() {
            false => shares,
            true => {
                let what = match told.latest {
                    Some(latest) if (latest.reason == Reason::Blocked) == is_blocked => latest,
                    _ if is_blocked => What {
                        reason: Reason::Blocked,
                        ..guess()
                    },
                    _ => guess(),
                };
                vec![Share {
                    what,
                    refused: 1,
                    wait: told.shares.iter().map(|one| one.wait).max().unwrap_or(0),
                    banned: false,
                    at: 0,
                }]
            }
        };
        for monitored in [false, true] {
            let (packets, bytes, is_estimated) = match monitored {
                false => (
                    growth.enforced.packets,
                    growth.enforced.bytes,
                    growth.is_split,
                ),
                true => (growth.spared, spared.0, spared.1),
            };
            // What monitor mode spared is counted among what was dropped for newcomers alone.
            let keep = who.are_newcomers();
            for (mut share, part) in
                parts(&shares, packets, |one| keep || one.monitored == monitored)
            {
                if share.what.reason == Reason::Blocked || part == 0 {
                    continue;
                }
                if !keep {
                    share.what.monitored = monitored;
                }
                let mut found = self.row(view, who, share.what, times);
                found.refused = Tally {
                    packets: part,
                    bytes: self::share(bytes, part, packets),
                };
                found.estimated = is_estimated || part < packets;
                found.wait = Duration::from_nanos(share.wait);
                self.pending.add(found);
            }
        }
        if growth.banned.packets == 0 && growth.bans == 0 {
            return;
        }
        let what = told.of_bans().unwrap_or_else(|| match growth.bans {
            // Its prefix is.
            0 if Ban(record.ban).until() == 0 => What {
                reason: Reason::Banned,
                limit: NO_LIMIT,
                ..guess()
            },
            _ => guess(),
        });
        let mut found = self.row(view, who, what, times);
        found.banned = growth.banned;
        found.estimated = growth.is_split;
        found.bans = growth.bans;
        if growth.bans > 0 {
            let until = Ban(record.ban).until() << MOMENT_SHIFT;
            found.banned_until = Some(view.clock.wall(until).as_millisecond());
        }
        self.pending.add(found);
    }

    fn row(&mut self, view: &View, who: Who, what: What, times: Times) -> Violation {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let label: Option<Arc<Label>> = self.labels.of(what, &names);
        drop(names);
        let label = label.unwrap_or_else(|| Arc::new(Label::unknown(what)));
        let minute = times.last.div_euclid(1_000);
        let begin = minute - minute.rem_euclid(MINUTE);
        let mut row = row(begin, who.prefix(&view.description), &label);
        row.first = times.first.max(begin * 1_000);
        row.last = times.last;
        row
    }
}

/// Newcomers are of the scope that was told of.
fn scope_of(who: Who, told: &Told) -> u8 {
    match (who.are_newcomers(), told.latest) {
        (true, Some(what)) => what.scope,
        (true, None) => 0,
        (false, _) => who.scope,
    }
}

/// Shares of a number of packets, by what was told; what is left over goes to the last one. Where none is `fit`, all are.
fn parts(shares: &[Share], packets: u64, fit: impl Fn(&What) -> bool) -> Vec<(Share, u64)> {
    if packets == 0 {
        return Vec::new();
    }
    let told = |one: &&Share| one.refused > 0;
    let fitting: Vec<Share> = shares
        .iter()
        .filter(told)
        .filter(|one| fit(&one.what))
        .copied()
        .collect();
    let fitting = match fitting.is_empty() {
        true => shares.iter().filter(told).copied().collect(),
        false => fitting,
    };
    let whole: u64 = fitting.iter().map(|one| one.refused).sum();
    let mut left = packets;
    let mut parts: Vec<(Share, u64)> = fitting
        .into_iter()
        .map(|one| {
            let part = share(packets, one.refused, whole);
            left -= part;
            (one, part)
        })
        .collect();
    if let Some((_, part)) = parts.last_mut() {
        *part += left;
    }
    parts
}

/// Bytes of so many packets of what has passed since, and whether that is a guess.
fn mean(record: &SlotRecord, before: Option<Tally>, packets: u64) -> (u64, bool) {
    let before = before.unwrap_or_default();
    let passed = Tally {
        packets: record.passed.packets.saturating_sub(before.packets),
        bytes: record.passed.bytes.saturating_sub(before.bytes),
    };
    let bytes = share(passed.bytes, packets, passed.packets);
    (bytes, packets > 0 && packets != passed.packets)
}
