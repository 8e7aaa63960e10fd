//! The maps of a loaded program, with a policy in force and sources in them.

use std::cell::RefCell;
use std::fs;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use throttler::compile::{Clock, PolicyTables};
use throttler::kernel::geometry::total_sets;
use throttler::kernel::interface::XdpMode;
use throttler::kernel::load::{PROGRAM_AT, load};
use throttler::kernel::pins::Pins;
use throttler::kernel::publish::publish;
use throttler::kernel::sys;
use throttler::report::{self, Attachment};

use crate::harness::{SECOND, START, clock};
use crate::policies;

const BPFFS: &str = "/sys/fs/bpf";
/// Sources of each family that there is room for.
const SOURCES: u32 = 64;

/// Maps, and what was published into them.
pub(super) struct World {
    pub(super) attached: Attachment,
    pub(super) published: PolicyTables,
    /// Sets of the source table.
    pub(super) sets: u32,
}

impl World {
    /// This thread's, made when it is first asked for.
    pub(super) fn with(run: impl FnOnce(&mut Self)) {
        thread_local! {
            static WORLD: RefCell<World> = RefCell::new(World::new());
        }
        WORLD.with_borrow_mut(run);
    }

    fn new() -> Self {
        let mounted = sys::is_bpffs(Path::new(BPFFS)).expect("statfs of /sys/fs/bpf");
        assert!(
            mounted,
            "no BPF file system: run `mount -t bpf bpf {BPFFS}` as root"
        );
        let directory = Directory::new();
        let pins = Pins::of(&directory.0, "fuzz\"0");
        let loaded = load(&pins, PROGRAM_AT, SOURCES).expect("loading the program, as root");
        let tables = loaded.tables;
        let published = policies::compiled()[0].clone();
        publish(&tables, &published).expect("publishing");
        // Sources of every kind: each frame at three times, so that some are over their limits, and banned.
        for second in [0, 1, 2] {
            for frame in crate::frames::plain() {
                for _ in 0..40 {
                    let now = START + second * SECOND;
                    let input = [&now.to_ne_bytes(), &frame[..]].concat();
                    sys::test_run(loaded.program.as_fd(), &input, 1).expect("a test run");
                }
            }
        }
        let sets = total_sets(&tables.sources.head);
        assert!(
            tables.sources.count(0) > 2 && tables.sources.count(1) > 2,
            "no sources"
        );
        let read = report::published(&tables).expect("what was published");
        let (description, generation) = read.expect("a generation");
        Self {
            attached: Attachment {
                pins,
                tables,
                description,
                generation,
                mode: Some(XdpMode::Native),
                clock: Clock {
                    monotonic_ns: START + 3 * SECOND,
                    ..clock()
                },
            },
            published,
            sets,
        }
    }
}

/// A private directory for pins, which are needed only while the maps are opened.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let name = format!(
            "thr-test-fuzz-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        );
        let path = Path::new(BPFFS).join(name.replace(['(', ')'], ""));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("making {}: {error}", path.display()));
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("removing the pins");
    }
}
