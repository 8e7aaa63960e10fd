//! Whose the daemon's files are: the user's that it acts as. Root without CAP_DAC_OVERRIDE may touch no more of other
//! users' files than anybody else, so what a daemon of another user left is taken over while that is still possible.
//!
//! Only what bears the names that the daemon gives is taken over, and a directory only if it holds nothing else: who names
//! a directory of somebody's does not give it away. Links are never followed.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::Path;

use anyhow::{Context as _, Result};
use throttler_common::abi::ABI_VERSION;

use super::lock;
use crate::cli::Common;
use crate::kernel::sys;

/// What the names of files in the state directory contain: an interface's name is in front, and `.new` or `.broken-` may
/// follow.
const STATE: [&str; 6] = [
    ".history.db",
    ".lock",
    ".lookout.json",
    ".overrides.json",
    ".policy.toml",
    ".standing.json",
];

/// Makes another user's daemon its directories, and gives them with what is in them to a user; not those that a daemon uses.
pub(super) fn take_over(common: &Common, uid: u32, gid: u32) -> Result<()> {
    if lock::is_any_held(&common.state_dir) {
        return Ok(());
    }
    let new_owner = Owner { uid, gid };
    // Who stays who it is makes its directories when it needs them.
    let makes = uid != sys::effective_user();
    let socket = common.socket();
    let run = socket.parent().filter(|run| !run.as_os_str().is_empty());
    if let Some((run, socket)) = run.zip(socket.file_name().and_then(OsStr::to_str)) {
        if makes && !run.exists() {
            new_owner.make(run)?;
        }
        new_owner.take(run, &|name| name.starts_with(socket))?;
    }
    if makes && !common.state_dir.exists() {
        new_owner.make(&common.state_dir)?;
    }
    let state = |name: &str| STATE.iter().any(|kind| name.contains(kind));
    new_owner.take(&common.state_dir, &state)?;
    let bpffs = &common.bpffs;
    let parent = bpffs.parent().unwrap_or(bpffs);
    if makes && !bpffs.exists() && sys::is_bpffs(parent).unwrap_or(false) {
        new_owner.make(bpffs)?;
    }
    let version = |name: &str| {
        let number = name.strip_prefix('v');
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    new_owner.take(bpffs, &version)?;
    let ours = bpffs.join(format!("v{ABI_VERSION}"));
    for iface in names(&ours) {
        let directory = ours.join(iface);
        new_owner.take(&directory, &|_| true)?;
        new_owner.give(&directory)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    fn make(self, directory: &Path) -> Result<()> {
        fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        self.give(directory)
    }

    /// Gives what bears such names in a directory; the directory as well, if that is all there is.
    fn take(self, directory: &Path, is_ours: &dyn Fn(&str) -> bool) -> Result<()> {
        let names = names(directory);
        let (ours, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| is_ours(name));
        for name in ours {
            self.give(&directory.join(name))?;
        }
        // A mounted file system's own directory may be shared, too.
        let is_mount = || device(directory) != directory.parent().and_then(device);
        if others.is_empty() && directory.is_dir() && !is_mount() {
            self.give(directory)?;
        }
        Ok(())
    }

    fn give(self, path: &Path) -> Result<()> {
        let giving = || format!("giving {} to user {}", path.display(), self.uid);
        let there = fs::symlink_metadata(path).with_context(giving)?;
        // A second name of a file may be somebody else's for a file that matters.
        let is_plain = there.is_dir() || !there.is_symlink() && there.nlink() == 1;
        if is_plain && (there.uid(), there.gid()) != (self.uid, self.gid) {
            lchown(path, Some(self.uid), Some(self.gid)).with_context(giving)?;
        }
        Ok(())
    }
}

fn device(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().as_ref().map(Metadata::dev)
}

/// What is in a directory; nothing, if it cannot be read.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}
