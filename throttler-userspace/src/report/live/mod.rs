//! `top`'s view of the maps: one look after the other, and what came in between.
//!
//! A look walks the mapped source table once, as `dump buckets` does: it counts, compares with the look before, and
//! keeps the places of the best. Only those are then read in full.

mod baseline;
mod best;
mod snapshot;

use std::path::{Path, PathBuf};

use anyhow::Result;
use ipnet::IpNet;
use throttler_common::Reason;
use throttler_common::abi::{Addr, MAX_SCOPES, SEEN_SHIFT, region};
use throttler_common::ban::Ban;
use throttler_common::table::{Words as _, header, layout};

use self::baseline::Baseline;
use self::best::{Best, Candidate};
pub use self::snapshot::{Counted, Interface, Query, SHOWN, Snapshot, Sort, Source, Tallies};
use super::attached::{Attachment, attachments};
use super::bans::holds;
use super::counters::{self, InterfaceReport};
use super::entries::Entries;
use super::rank::Wanted;
use super::reader::{Reader, ip};
use super::sweep::sweep;
use crate::kernel::pins::Pins;
use crate::kernel::sources::Sources;
use crate::kernel::{link, monotonic, publish};

/// The interfaces that are looked at.
pub struct Live {
    bpffs: PathBuf,
    ifaces: Vec<String>,
    watched: Vec<Watched>,
}

struct Watched {
    attachment: Attachment,
    baseline: Baseline,
}

/// What one CPU found.
#[derive(Default)]
struct Part {
    entries: Entries,
    matching: u64,
    best: Best,
}

impl Live {
    /// Opens the pins of the interfaces asked for, or of all.
    ///
    /// # Errors
    /// Status 3 where nothing is attached; the kernel's errors.
    pub fn open(bpffs: &Path, ifaces: &[String]) -> Result<Self> {
        let mut live = Self {
            bpffs: bpffs.to_owned(),
            ifaces: ifaces.to_vec(),
            watched: Vec::new(),
        };
        live.renew()?;
        Ok(live)
    }

    /// Looks. `daemon` answers for an interface whether a daemon serves it.
    ///
    /// # Errors
    /// As [`Live::open`]; the next look tries again.
    pub fn look(&mut self, query: &Query, daemon: impl Fn(&str) -> bool) -> Result<Snapshot> {
        if !self.is_current() {
            self.renew()?;
        }
        let mut snapshot = Snapshot {
            at: monotonic::now().monotonic_ns,
            ..Snapshot::default()
        };
        for watched in &mut self.watched {
            watched.look(query, &daemon, &mut snapshot)?;
        }
        if self.watched.len() > 1 {
            let key = |source: &Source| query.sort.key(&source.tallies);
            snapshot
                .sources
                .sort_by_key(|one| std::cmp::Reverse(key(one)));
            snapshot.sources.truncate(SHOWN);
        }
        Ok(snapshot)
    }

    /// Whether what is open is what is pinned, of the generation in force.
    fn is_current(&self) -> bool {
        let current = |watched: &Watched| {
            let attachment = &watched.attachment;
            let pins = &attachment.pins;
            let tables = &attachment.tables;
            pins.link().exists()
                && Sources::pinned_id(&pins.dir).is_ok_and(|id| id == tables.sources.id)
                && publish::generation(tables)
                    .is_ok_and(|found| found == attachment.description.generation)
        };
        let names = || self.watched.iter().map(|one| one.attachment.iface());
        let all = self.ifaces.is_empty().then(|| Pins::all(&self.bpffs));
        let same = match all {
            Some(Ok(pins)) => {
                let linked = pins.iter().filter(|pins| pins.link().exists());
                linked.map(|pins| &*pins.iface).eq(names())
            }
            Some(Err(_)) => false,
            None => true,
        };
        same && !self.watched.is_empty() && self.watched.iter().all(current)
    }

    /// Opens everything anew; a table that is still the same keeps what the look before saw of it.
    fn renew(&mut self) -> Result<()> {
        let mut before = std::mem::take(&mut self.watched);
        for attachment in attachments(&self.bpffs, &self.ifaces)? {
            let sources = &attachment.tables.sources;
            let known = before
                .iter()
                .position(|one| one.attachment.tables.sources.id == sources.id);
            let baseline = match known {
                Some(index) => before.swap_remove(index).baseline,
                None => Baseline::new(sources.places()),
            };
            self.watched.push(Watched {
                attachment,
                baseline,
            });
        }
        Ok(())
    }
}

impl Watched {
    fn look(
        &mut self,
        query: &Query,
        daemon: impl Fn(&str) -> bool,
        into: &mut Snapshot,
    ) -> Result<()> {
        self.attachment.clock = monotonic::now();
        self.attachment.mode = link::state(&self.attachment.pins)?;
        let began = self.attachment.clock.monotonic_ns;
        let elapsed = self.baseline.at.map(|at| began.saturating_sub(at));
        let reader = Reader::new(&self.attachment);
        let parts = walk(&reader, &self.baseline, query);
        let (mut entries, mut best) = (Entries::default(), Vec::new());
        for part in parts {
            entries = entries.and(part.entries);
            into.matching += part.matching;
            best.push(part.best);
        }
        let best = Best::merged(best);
        let read = best.iter().filter_map(|one| source(&reader, one, elapsed));
        into.sources.extend(read);
        let report = counters::report_with(&self.attachment, entries)?;
        let serves = daemon(self.attachment.iface());
        into.interfaces.push(interface(report, serves));
        self.baseline.at = Some(began);
        Ok(())
    }
}

/// Looks at every place of a table.
fn walk(reader: &Reader<'_>, baseline: &Baseline, query: &Query) -> Vec<Part> {
    let attachment = reader.attachment;
    let sources = &attachment.tables.sources;
    let wanted = Wanted::new(reader, query.source);
    let scopes: [bool; MAX_SCOPES] =
        std::array::from_fn(|id| query.wants_scope(&reader.names.scope(id as u8).text));
    sweep(sources, |part: &mut Part, spot, set, way| {
        let word = |index| set.load(index);
        let region = spot.region(&sources.head);
        if region < region::PARENTS {
            part.entries.families[region % 2] += 1;
        }
        part.entries.banned += u64::from(holds(attachment, region, Ban(word(layout::ban(way)))));
        let (passed, dropped) = (word(layout::passed(way)), word(layout::dropped(way)));
        let (new_passed, new_dropped) = baseline.step(spot, passed, dropped);
        let found = word(layout::header(way));
        let addr = Addr {
            words: [word(layout::address(way, 0)), word(layout::address(way, 1))],
        };
        if !scopes[usize::from(header::scope(found))] || !wanted.wants(region, addr) {
            return;
        }
        part.matching += 1;
        let tallies = Tallies {
            passed,
            dropped,
            new_passed,
            new_dropped,
            last_seen: u64::from(header::seen(found)) << SEEN_SHIFT,
        };
        part.best.offer(Candidate {
            key: query.sort.key(&tallies),
            spot,
            tallies,
        });
    })
}

/// Reads a source in full, unless it is gone.
fn source(reader: &Reader<'_>, one: &Candidate, elapsed: Option<u64>) -> Option<Source> {
    let bucket = reader.bucket_at(one.spot)?;
    let plan = reader.names.plan(bucket.word.plan());
    let addr = ip(bucket.family, bucket.record.addr);
    Some(Source {
        iface: reader.attachment.iface().to_owned(),
        source: IpNet::new(addr, bucket.bits as u8).ok()?,
        scope: reader.names.scope(bucket.record.scope).text.clone(),
        class: plan.map_or_else(|| bucket.class().to_owned(), |plan| plan.text.clone()),
        tallies: one.tallies,
        elapsed,
        idle: bucket.last_seen().unwrap_or(0),
        banned_for: bucket.banned_for(),
    })
}

fn interface(report: InterfaceReport, daemon: bool) -> Interface {
    let mut interface = Interface {
        name: report.iface,
        xdp_mode: report.xdp_mode,
        mode: report.mode,
        paused: report.paused,
        daemon,
        generation: report.generation,
        entries: report.sources.entries,
        room: report.sources.max,
        banned: report.bans.active,
        ..Interface::default()
    };
    for scope in report.scopes {
        let counted = Reason::ALL.into_iter().filter_map(|reason| {
            let count = scope.reasons.get(reason.as_str())?;
            Some(Counted {
                scope: scope.scope.clone(),
                reason,
                packets: count.packets,
                bytes: count.bytes,
            })
        });
        interface.counted.extend(counted);
        interface.scopes.push(scope.scope);
    }
    interface
}
