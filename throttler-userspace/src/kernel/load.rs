//! Loads the object: makes the maps or reuses the pinned ones, and has the program verified.

use std::os::fd::{AsFd as _, OwnedFd};

use anyhow::{Context as _, Result, anyhow};
use aya::programs::{ProgramError, Xdp};
use aya::{EbpfLoader, VerifierLogLevel};
use aya_log::EbpfLogger;
use throttler_common::abi::{TableHead, map};

use super::features;
use super::geometry;
use super::map::Map;
use super::pins::Pins;
use super::resize::Resize;
use super::sources::Sources;
use super::sys::{self, MapInfo};
use super::tables::Tables;
use super::takeover::{self, OF_SOURCES};

/// The embedded object of throttler-ebpf.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("THROTTLER_OBJECT"));

/// The global that turns the program's own log on.
const TRACE: &str = "TRACE";

/// The global that says how old the program's coarse clock may be.
const CLOCK_LAG: &str = "CLOCK_LAG";

/// What interfaces run.
pub const PROGRAM: &str = "throttler";
/// The same at a given time, for test runs.
pub const PROGRAM_AT: &str = "throttler_at";

/// What became of earlier pins.
#[derive(Debug)]
pub enum Reuse {
    /// There were none.
    Fresh,
    /// Buckets, counters and names go on.
    Adopted,
    /// The same with a source table of another size; [`Resize::finish`] once the program is attached.
    Resized(Box<Resize>),
    /// They cannot be used, and others take their place with [`takeover::finish`] once the program is attached; why.
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
/// this version's type and sizes. Where only the policy's number of sources is another, the source table
/// alone is made anew, and filled from the old one. Otherwise all are made anew. What is there stays, and goes on
/// enforcing, until the program is attached that uses the new ones: see [`takeover`].
///
/// # Errors
/// The kernel refuses the object, or the pins cannot be made. Where it lacks what the object needs, a
/// [`Failure`](crate::cli::failure::Failure) says what.
pub fn load(pins: &Pins, program: &str, max_sources: u32) -> Result<Loaded> {
    let staging = pins.staging();
    if takeover::settle(pins)? {
        log::info!(
            "{}: an earlier daemon was ended while its maps took the place of others; they have it now",
            pins.iface
        );
    }
    match unusable(pins, max_sources)? {
        None => {
            let reuse = if pins.exist() {
                Reuse::Adopted
            } else {
                Reuse::Fresh
            };
            load_at(pins, pins, program, max_sources, reuse)
        }
        Some(Unusable::Sources) => {
            let mut loaded = stage(pins, pins, program, max_sources, Reuse::Adopted)?;
            let old = Sources::open(&pins.dir, Tables::head(&pins.dir)?)?;
            let resize = Resize::begin(old, &loaded.tables.sources);
            loaded.reuse = Reuse::Resized(Box::new(resize));
            Ok(loaded)
        }
        Some(Unusable::All(why)) => {
            stage(pins, &staging, program, max_sources, Reuse::Replaced(why))
        }
    }
}

/// Loads with a source table that is pinned in the staging directory, and all other maps at `others`.
fn stage(
    pins: &Pins,
    others: &Pins,
    program: &str,
    max_sources: u32,
    reuse: Reuse,
) -> Result<Loaded> {
    let staging = pins.staging();
    let loaded = load_at(others, &staging, program, max_sources, reuse).and_then(|loaded| {
        takeover::announce(&staging, loaded.program.as_fd())?;
        Ok(loaded)
    });
    if loaded.is_err() && staging.exist() {
        staging.remove()?;
    }
    loaded
}

/// Loads with the source table pinned at `sources` and all other maps at `pins`.
fn load_at(
    pins: &Pins,
    sources: &Pins,
    program: &str,
    max_sources: u32,
    reuse: Reuse,
) -> Result<Loaded> {
    try_load_at(pins, sources, program, max_sources, reuse).map_err(features::explain)
}

fn try_load_at(
    pins: &Pins,
    sources: &Pins,
    program: &str,
    max_sources: u32,
    reuse: Reuse,
) -> Result<Loaded> {
    pins.create()?;
    sources.create()?;
    let mut loader = EbpfLoader::new();
    loader.verifier_log_level(VerifierLogLevel::STATS);
    let head = geometry::layout(max_sources, seed(pins)?);
    loader.map_max_entries(map::SOURCES, geometry::total_sets(&head));
    for name in map::ALL {
        let at = if OF_SOURCES.contains(&name) {
            sources
        } else {
            pins
        };
        loader.map_pin_path(name, at.map(name));
    }
    let traced = u8::from(log::log_enabled!(log::Level::Trace));
    loader.override_global(TRACE, &traced, true);
    let lag = 2 * sys::tick_ns();
    loader.override_global(CLOCK_LAG, &lag, true);
    let mut object = loader
        .load(OBJECT)
        .context("the kernel refused the program's maps (is BPF enabled, and memory left?)")?;
    let table: Map<u32, TableHead> = Map::open(&sources.map(map::TABLE))?;
    if table.get(&0)?.is_none_or(|head| head.seed == [0; 7]) {
        table
            .set(&0, &head)
            .context("laying out the source table")?;
    }
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
        tables: Tables::open_both(&pins.dir, &sources.dir)?,
        reuse,
    })
}

/// The key of the hash: that of the pinned table, so that a resize finds its sources, or a new one.
fn seed(pins: &Pins) -> Result<[u64; 7]> {
    if pins.map(map::TABLE).exists() {
        let seed = Tables::head(&pins.dir)?.seed;
        if seed != [0; 7] {
            return Ok(seed);
        }
    }
    sys::random_words().context("drawing the key of the source table's hash")
}

fn verifier_error(error: ProgramError) -> anyhow::Error {
    let (version, level) = features::LOWEST_KERNEL;
    anyhow!(error).context(format!(
        "the kernel's verifier refused the program, which is tested from Linux {version}.{level} on; please report this \
         with the kernel's version (uname -r)"
    ))
}

/// Why pinned maps cannot be reused as they are.
enum Unusable {
    /// The source table has another size.
    Sources,
    /// Something else.
    All(String),
}

/// `None` where they can, or where there are none.
fn unusable(pins: &Pins, max_sources: u32) -> Result<Option<Unusable>> {
    if !pins.exist() {
        return Ok(None);
    }
    if !pins.complete() {
        let why = "the pin directory is incomplete".to_owned();
        return Ok(Some(Unusable::All(why)));
    }
    let mut resized = false;
    let sets = geometry::total_sets(&geometry::layout(max_sources, [0; 7]));
    for spec in specs(sets) {
        let path = pins.map(spec.name);
        let fd = sys::open_pinned(&path).with_context(|| format!("opening {}", path.display()))?;
        let info =
            sys::map_info(fd.as_fd()).with_context(|| format!("reading {}", path.display()))?;
        match spec.differs(&info) {
            None => {}
            Some(difference) if difference.is_size && spec.name == map::SOURCES => resized = true,
            Some(difference) => return Ok(Some(Unusable::All(difference.text))),
        }
    }
    if resized && Tables::head(&pins.dir)?.seed == [0; 7] {
        let why = "its source table was never laid out".to_owned();
        return Ok(Some(Unusable::All(why)));
    }
    Ok(resized.then_some(Unusable::Sources))
}

struct Difference {
    text: String,
    /// In the number of entries alone.
    is_size: bool,
}

struct Spec {
    name: &'static str,
    map_type: u32,
    key_size: usize,
    value_size: usize,
    flags: u32,
    max_entries: usize,
}

impl Spec {
    fn differs(&self, info: &MapInfo) -> Option<Difference> {
        let found = [
            info.map_type,
            info.key_size,
            info.value_size,
            info.flags,
            info.max_entries,
        ];
        let ours = [
            self.map_type,
            self.key_size as u32,
            self.value_size as u32,
            self.flags,
            self.max_entries as u32,
        ];
        let names = ["type", "key size", "value size", "flags", "entries"];
        let (what, found, ours) = names
            .iter()
            .zip(found)
            .zip(ours)
            .map(|((what, found), ours)| (what, found, ours))
            .find(|(_, found, ours)| found != ours)?;
        Some(Difference {
            text: format!("map {} has {what} {found}, not {ours}", self.name),
            is_size: *what == "entries",
        })
    }
}

const ARRAY: u32 = 2;
const PERCPU_ARRAY: u32 = 6;
const LPM_TRIE: u32 = 11;
const RINGBUF: u32 = 27;
const NO_PREALLOC: u32 = 1;
const MMAPABLE: u32 = 1 << 10;

fn specs(sets: u32) -> Vec<Spec> {
    use throttler_common::abi::*;
    let array = |name, value_size, max_entries| Spec {
        name,
        map_type: ARRAY,
        key_size: 4,
        value_size,
        flags: 0,
        max_entries,
    };
    vec![
        array(map::ACTIVE, 8, active::COUNT),
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
            flags: NO_PREALLOC,
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
        array(map::TABLE, size_of::<TableHead>(), 1),
        Spec {
            flags: MMAPABLE,
            ..array(map::SOURCES, size_of::<Set>(), sets as usize)
        },
        Spec {
            name: map::EVENTS,
            map_type: RINGBUF,
            key_size: 0,
            value_size: 0,
            flags: 0,
            max_entries: EVENT_RING_BYTES,
        },
        array(
            map::DESCRIPTION,
            size_of::<DescriptionChunk>(),
            BANKS * DESCRIPTION_CHUNKS,
        ),
    ]
}
