//! What must hold before anything is loaded, each with its mend.

use std::io::ErrorKind;
use std::path::Path;

use crate::cli::failure::{Failure, Status};

use super::sys;

const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// That this process may load and attach programs.
///
/// # Errors
/// Status 77, naming the capabilities that are missing.
pub fn privilege(action: &str) -> Result<(), Failure> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    let missing = missing(effective);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Status::Privilege,
        format!(
            "{action} needs {}, which this process does not have: run it as root (`sudo throttler ...`) or grant \
             them (`AmbientCapabilities=` in a systemd unit)",
            missing.join(", ")
        ),
    ))
}

fn missing(effective: u64) -> Vec<&'static str> {
    let has = |cap: u32| effective >> cap & 1 == 1;
    [
        ("CAP_BPF", has(CAP_BPF) || has(CAP_SYS_ADMIN)),
        ("CAP_NET_ADMIN", has(CAP_NET_ADMIN)),
        ("CAP_PERFMON", has(CAP_PERFMON) || has(CAP_SYS_ADMIN)),
    ]
    .into_iter()
    .filter_map(|(name, held)| (!held).then_some(name))
    .collect()
}

/// That pins can be made under `bpffs`.
///
/// # Errors
/// Status 1, with the mount command.
pub fn bpffs(bpffs: &Path) -> Result<(), Failure> {
    let existing = bpffs.ancestors().find(|path| path.exists());
    let on_bpffs = existing.is_some_and(|path| sys::is_bpffs(path).unwrap_or(false));
    if on_bpffs {
        return reachable(bpffs);
    }
    Err(Failure::new(
        Status::Runtime,
        format!(
            "{} is not on a BPF file system, where maps and links are pinned: mount one (`mount -t bpf bpf \
             /sys/fs/bpf`) or name another with --bpffs",
            bpffs.display()
        ),
    ))
}

/// That nothing above keeps this process's user out: systemd mounts /sys/fs/bpf for root alone.
fn reachable(bpffs: &Path) -> Result<(), Failure> {
    match std::fs::metadata(bpffs) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Failure::new(
            Status::Privilege,
            format!(
                "user {} may not enter {}: `chmod o+x` the directories above it, or name another BPF file system with --bpffs",
                sys::effective_user(),
                bpffs.display()
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sys_admin_stands_for_the_newer_capabilities() {
        let all = 1 << CAP_SYS_ADMIN | 1 << CAP_NET_ADMIN;
        assert!(missing(all).is_empty());
        assert_eq!(missing(1 << CAP_BPF), ["CAP_NET_ADMIN", "CAP_PERFMON"]);
    }
}
