//! Loads the object: makes the maps or reuses the pinned ones, and has the program verified.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use aya::programs::{ProgramError, Xdp};
use aya::{EbpfLoader, VerifierLogLevel};
use aya_log::EbpfLogger;
use throttler_common::abi::map;

use super::map::Map;
use super::pins::Pins;
use super::sys::{self, MapInfo};
use super::tables::Tables;

/// The embedded object of throttler-ebpf.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("THROTTLER_OBJECT"));

/// The global that turns the program's own log on.
const TRACE: &str = "TRACE";

/// What interfaces run.
pub const PROGRAM: &str = "throttler";
/// The same at a given time, for test runs.
pub const PROGRAM_AT: &str = "throttler_at";

/// What became of earlier pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// There were none.
    Fresh,
    /// Buckets, counters and names go on.
    Adopted,
    /// They could not be used, and were removed; why.
    Replaced(String),
}

/// A loaded program and its maps.
pub struct Loaded {
    /// The program.
    pub program: OwnedFd,
    /// The maps.
    pub tables: Tables,
    /// What became of earlier pins.
    pub reuse: Reuse,
    /// The program's own log, a line a packet, where the log's level is trace.
    pub trace: Option<EbpfLogger<&'static dyn log::Log>>,
}

/// Loads `program` with maps pinned at `pins`. Pinned maps are reused if every one is there and has
/// this version's type and sizes and the policy's number of sources; otherwise all are made anew, and
/// only when they and the program are loaded is what was there taken off: where the kernel has no
/// room for larger maps, the smaller ones go on enforcing.
///
/// # Errors
/// The kernel refuses the object, or the pins cannot be made.
pub fn load(pins: &Pins, program: &str, max_sources: u32) -> Result<Loaded> {
    let Some(why) = unusable(pins, max_sources)? else {
        let reuse = if pins.exist() {
            Reuse::Adopted
        } else {
            Reuse::Fresh
        };
        return load_at(pins, program, max_sources, reuse);
    };
    let staging = pins.staging();
    if staging.exist() {
        staging.remove()?;
    }
    let loaded = load_at(&staging, program, max_sources, Reuse::Replaced(why));
    if loaded.is_err() && staging.exist() {
        staging.remove()?;
    }
    let loaded = loaded?;
    pins.remove()?;
    staging.rename_to(pins)?;
    Ok(loaded)
}

fn load_at(pins: &Pins, program: &str, max_sources: u32, reuse: Reuse) -> Result<Loaded> {
    pins.create()?;
    let mut loader = EbpfLoader::new();
    loader.verifier_log_level(VerifierLogLevel::STATS);
    loader.map_max_entries(map::SOURCES_V4, max_sources);
    loader.map_max_entries(map::SOURCES_V6, max_sources);
    for name in map::ALL {
        loader.map_pin_path(name, pins.map(name));
    }
    let traced = u8::from(log::log_enabled!(log::Level::Trace));
    loader.override_global(TRACE, &traced, true);
    let mut object = loader
        .load(OBJECT)
        .context("the kernel refused the program's maps (is BPF enabled, and memory left?)")?;
    let xdp: &mut Xdp = object
        .program_mut(program)
        .ok_or_else(|| anyhow!("the object has no program `{program}`"))?
        .try_into()?;
    xdp.load().map_err(verifier_error)?;
    let program = xdp.fd()?.as_fd().try_clone_to_owned()?;
    let trace = match traced {
        0 => None,
        _ => Some(EbpfLogger::init(&mut object).context("reading the program's log")?),
    };
    Ok(Loaded {
        program,
        trace,
        tables: Tables::open(&pins.dir)?,
        reuse,
    })
}

fn verifier_error(error: ProgramError) -> anyhow::Error {
    anyhow!(error).context(
        "the kernel's verifier refused the program; please report this with the kernel's version (uname -r)",
    )
}

/// Why the pinned maps cannot be reused; `None` where they can, or where there are none.
fn unusable(pins: &Pins, max_sources: u32) -> Result<Option<String>> {
    if !pins.exist() {
        return Ok(None);
    }
    if !pins.complete() {
        return Ok(Some("the pin directory is incomplete".to_owned()));
    }
    for spec in specs(max_sources) {
        let path = pins.map(spec.name);
        let fd = sys::open_pinned(&path).with_context(|| format!("opening {}", path.display()))?;
        let info =
            sys::map_info(fd.as_fd()).with_context(|| format!("reading {}", path.display()))?;
        if let Some(why) = spec.differs(&info) {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

struct Spec {
    name: &'static str,
    map_type: u32,
    key_size: usize,
    value_size: usize,
    max_entries: usize,
}

impl Spec {
    fn differs(&self, info: &MapInfo) -> Option<String> {
        let found = [
            info.map_type,
            info.key_size,
            info.value_size,
            info.max_entries,
        ];
        let ours = [
            self.map_type,
            self.key_size as u32,
            self.value_size as u32,
            self.max_entries as u32,
        ];
        let names = ["type", "key size", "value size", "entries"];
        let (what, found, ours) = names
            .iter()
            .zip(found)
            .zip(ours)
            .map(|((what, found), ours)| (what, found, ours))
            .find(|(_, found, ours)| found != ours)?;
        Some(format!("map {} has {what} {found}, not {ours}", self.name))
    }
}

const ARRAY: u32 = 2;
const PERCPU_ARRAY: u32 = 6;
const LRU_HASH: u32 = 9;
const LPM_TRIE: u32 = 11;
const RINGBUF: u32 = 27;

fn specs(max_sources: u32) -> Vec<Spec> {
    use throttler_common::abi::*;
    let array = |name, value_size, max_entries| Spec {
        name,
        map_type: ARRAY,
        key_size: 4,
        value_size,
        max_entries,
    };
    let sources = |name| Spec {
        name,
        map_type: LRU_HASH,
        key_size: size_of::<SourceKey>(),
        value_size: size_of::<SlotRecord>(),
        max_entries: max_sources as usize,
    };
    vec![
        array(map::ACTIVE, 8, 2),
        array(map::HEADS, size_of::<PolicyHead>(), BANKS),
        array(map::PORT_CLASSES, size_of::<PortClasses>(), BANKS),
        array(map::CELLS, size_of::<Cells>(), BANKS),
        array(
            map::DESTINATIONS,
            size_of::<Destination>(),
            BANKS * 2 * MAX_DESTINATIONS,
        ),
        array(map::ROWS, size_of::<Row>(), BANKS * MAX_ROWS),
        array(map::HISTORIES, size_of::<History>(), BANKS * MAX_ROWS),
        Spec {
            name: map::CLASSES,
            map_type: LPM_TRIE,
            key_size: size_of::<ClassKey>(),
            value_size: size_of::<ClassChain>(),
            max_entries: MAX_CLASSES,
        },
        Spec {
            map_type: PERCPU_ARRAY,
            ..array(map::COUNTERS, size_of::<ScopeCounters>(), MAX_SCOPES)
        },
        Spec {
            map_type: PERCPU_ARRAY,
            ..array(map::STATS, size_of::<Stats>(), 1)
        },
        sources(map::SOURCES_V4),
        sources(map::SOURCES_V6),
        Spec {
            name: map::EVENTS,
            map_type: RINGBUF,
            key_size: 0,
            value_size: 0,
            max_entries: EVENT_RING_BYTES,
        },
        array(
            map::DESCRIPTION,
            size_of::<DescriptionChunk>(),
            BANKS * DESCRIPTION_CHUNKS,
        ),
    ]
}

/// The number of sources that the pinned table has room for, if one is pinned.
#[must_use]
pub fn pinned_sources(dir: &Path) -> Option<u32> {
    use throttler_common::abi::{SlotRecord, SourceKey};
    let map = Map::<SourceKey, SlotRecord>::open(&dir.join(map::SOURCES_V4)).ok()?;
    Some(map.info.max_entries)
}
