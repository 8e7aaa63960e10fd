//! A directory of its own on the BPF file system, so that daemons of tests at the same time do not share pins.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result};

use crate::{
    lock,
    netns::{entries, is_dead, owner},
    sys,
};

const MOUNT: &str = "/sys/fs/bpf";
const PREFIX: &str = "thr-lab-";

/// `/sys/fs/bpf/thr-lab-<pid>-<n>`; removed with all pins in it on drop.
#[derive(Debug)]
pub struct PinDir(PathBuf);

impl PinDir {
    /// Makes it, and mounts the BPF file system first where it is not.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new() -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        ensure_mounted()?;
        let name = format!(
            "{PREFIX}{}-{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        let path = Path::new(MOUNT).join(name);
        // Left by a dead process of the same pid.
        if path.exists() {
            remove(&path)?;
        }
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PinDir {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            eprintln!("throttler-lab: {error:#}");
        }
    }
}

/// Removes the pins that dead processes left behind; gives their directories.
///
/// # Errors
/// If the BPF file system cannot be read or one of them cannot be removed.
pub(crate) fn sweep_pins() -> Result<Vec<PathBuf>> {
    let _lock = lock::host()?;
    let mut swept = Vec::new();
    for path in entries(Path::new(MOUNT))? {
        let pid = path
            .file_name()
            .and_then(OsStr::to_str)
            .and_then(|name| owner(name, PREFIX));
        if pid.is_some_and(is_dead) {
            remove(&path)?;
            swept.push(path);
        }
    }
    Ok(swept)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn ensure_mounted() -> Result<()> {
    // Over "is it mounted? then mount it": a second mount would hide the first one's pins.
    let _lock = lock::host()?;
    let mount = Path::new(MOUNT);
    if !sys::is_bpffs(mount)
        .with_context(|| format!("no {MOUNT}: is sysfs mounted, and BPF in the kernel?"))?
    {
        sys::mount_bpffs(mount)
            .with_context(|| format!("cannot mount a BPF file system on {MOUNT}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_directory_lives_with_its_guard() {
        let pins = PinDir::new().expect("a directory");
        let path = pins.path().to_owned();
        assert!(sys::is_bpffs(&path).expect("statfs"));
        fs::create_dir_all(path.join("v1/veth-s")).expect("directories as the daemon makes");
        drop(pins);
        assert!(!path.exists());
    }
}
