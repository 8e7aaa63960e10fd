//! The BPF file system, in which tests and demo pin.

use std::{fs, process::Command};

use crate::workspace::is_root;

const MOUNT: &str = "/sys/fs/bpf";

/// Mounts it where nothing else has, for root. Only a warning if that fails: a container that may not mount can build.
pub(super) fn mount_if_missing() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    if !is_root() || is_mounted(&mounts) {
        return;
    }
    let mounted = Command::new("mount")
        .args(["-t", "bpf", "bpf", MOUNT])
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("setup: no BPF file system on {MOUNT}, which tests and demo need");
    }
}

fn is_mounted(mounts: &str) -> bool {
    mounts.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        fields.next() == Some(MOUNT) && fields.next() == Some("bpf")
    })
}

#[cfg(test)]
mod tests {
    use super::is_mounted;

    #[test]
    fn only_a_bpf_file_system_at_its_place_counts() {
        assert!(is_mounted(
            "proc /proc proc rw 0 0\nbpf /sys/fs/bpf bpf rw,relatime 0 0\n"
        ));
        assert!(!is_mounted(
            "bpf /run/bpf bpf rw 0 0\ntmpfs /sys/fs/bpf tmpfs rw 0 0\n"
        ));
    }
}
