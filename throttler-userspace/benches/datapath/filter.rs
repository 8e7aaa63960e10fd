//! xdp-filter, as Debian's xdp-tools ships it: its object is loaded as it is, and its map filled.
//!
//! What `xdp-filter load IF` loads is `xdpfilt_alw_all.o`: everything passes but what is listed. Its map
//! `filter_ipv4` has addresses in network order as keys; bit 0 of a value denies the address as a source,
//! bit 1 as a destination, counters are above (xdp-filter/common_kern_user.h in xdp-tools).

use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aya::EbpfLoader;
use aya::maps::{PerCpuHashMap, PerCpuValues};
use aya::programs::Xdp;
use aya::util::nr_cpus;
use throttler_lab::PinDir;

use crate::driver::Subject;
use crate::packets::DESTINATION;

const OBJECT: &str = "xdpfilt_alw_all.o";
const PROGRAM: &str = "xdpfilt_alw_all";
const ADDRESSES: &str = "filter_ipv4";
const SOURCE: u64 = 1;
const TARGET: u64 = 2;
/// Where the driver's sources begin, and where nobody sends from.
const KNOWN: u32 = 0x0a00_0000;
const UNKNOWN: u32 = 0xc000_0000;

/// Entries of the larger list.
pub(crate) const MANY: u32 = 100_000;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Listed {
    /// So many addresses that nobody sends from.
    Others(u32),
    /// The first so many sources.
    Sources(u32),
    /// The destination, and others up to this number.
    Destination(u32),
}

impl Listed {
    pub(crate) const ALL: [Self; 6] = [
        Self::Others(1),
        Self::Sources(1),
        Self::Destination(1),
        Self::Others(MANY),
        Self::Sources(MANY),
        Self::Destination(MANY),
    ];

    pub(crate) fn entries(self) -> u32 {
        match self {
            Self::Others(entries) | Self::Sources(entries) | Self::Destination(entries) => entries,
        }
    }

    fn addresses(self) -> impl Iterator<Item = (u32, u64)> {
        let others = match self {
            Self::Others(entries) => entries,
            Self::Sources(_) => 0,
            Self::Destination(entries) => entries - 1,
        };
        let sources = self.entries() - others;
        let listed = (0..others).map(|index| (UNKNOWN + index, SOURCE));
        let (first, flag) = match self {
            Self::Destination(_) => (u32::from(DESTINATION), TARGET),
            _ => (KNOWN, SOURCE),
        };
        listed.chain((0..sources).map(move |index| (first + index, flag)))
    }
}

/// The loaded program.
pub(crate) struct Filter {
    pub(crate) subject: Subject,
}

impl Filter {
    pub(crate) fn load(pins: &PinDir, listed: Listed) -> Result<Self> {
        let path = object()?;
        // Its maps ask to be pinned by name; each list has a directory of its own.
        let dir = pins
            .path()
            .join(format!("{listed:?}").replace(['(', ')'], "-"));
        std::fs::create_dir_all(&dir).context("making a directory for xdp-filter's maps")?;
        let mut loader = EbpfLoader::new();
        loader.default_map_pin_directory(&dir);
        if listed.entries() > 1 {
            loader.map_max_entries(ADDRESSES, listed.entries() + 1);
        }
        let mut object = loader
            .load_file(&path)
            .with_context(|| format!("loading xdp-filter's {OBJECT}"))?;
        let mut addresses: PerCpuHashMap<_, u32, u64> = object
            .map_mut(ADDRESSES)
            .context("xdp-filter has no map of IPv4 addresses")?
            .try_into()?;
        let cpus = nr_cpus().map_err(|(_, error)| error)?;
        for (address, flag) in listed.addresses() {
            let values = PerCpuValues::try_from(vec![flag; cpus])?;
            addresses.insert(address.to_be(), values, 0)?;
        }
        let xdp: &mut Xdp = object
            .program_mut(PROGRAM)
            .context("xdp-filter's object has no such program")?
            .try_into()?;
        xdp.load().context("verifying xdp-filter")?;
        Ok(Self {
            subject: Subject {
                program: xdp.fd()?.as_fd().try_clone_to_owned()?,
                linear: true,
            },
        })
    }
}

/// Where the package has it: below the directory of the machine's architecture, or without one.
fn object() -> Result<PathBuf> {
    let triplet = format!("/usr/lib/{}-linux-gnu/bpf", std::env::consts::ARCH);
    let dirs = [triplet.as_str(), "/usr/lib/bpf", "/usr/lib64/bpf"];
    let mut paths = dirs.iter().map(|dir| Path::new(dir).join(OBJECT));
    paths
        .find(|path| path.exists())
        .context("xdp-filter is not installed (package xdp-tools)")
}
