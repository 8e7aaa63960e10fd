//! A private directory on the BPF file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use throttler::kernel::sys;

const MOUNT: &str = "/sys/fs/bpf";

/// `/sys/fs/bpf/thr-test-<pid>-<n>`, removed with all pins in it on drop, also by a panic.
pub(crate) struct PinDir(PathBuf);

impl PinDir {
    /// Makes one that no other test has.
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let mounted = sys::is_bpffs(Path::new(MOUNT)).expect("statfs of /sys/fs/bpf");
        assert!(
            mounted,
            "no BPF file system: run `mount -t bpf bpf {MOUNT}` as root"
        );
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(MOUNT).join(format!("thr-test-{}-{number}", std::process::id()));
        // Left by a killed process of the same pid.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("making {}: {error}", path.display()));
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PinDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("removing {}: {error}", self.0.display());
        }
    }
}
