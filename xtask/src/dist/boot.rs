//! The package under a real systemd, booted in a container: the unit's sandbox, its notifications, its watchdog.

use std::{fs, path::Path, process::Command};

use anyhow::{Result, bail};

use super::{root, run};

const SCRIPT: &str = include_str!("boot.sh");
/// Runs the script once the container is up, and ends the container.
const UNIT: &str = "\
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/bash /boot.sh
StandardOutput=append:/boot.log
StandardError=inherit
TimeoutStartSec=5min
ExecStopPost=/bin/systemctl poweroff --force --force
[Install]
WantedBy=multi-user.target
";
/// `$1`: the root, `$2`: where a BPF file system is mounted as systemd does it, for root alone.
const CONTAINER: &str = r#"
mount -t bpf -o mode=0700 bpf "$2"
exec timeout 400 systemd-nspawn --quiet --directory="$1" --register=no --keep-unit --private-network \
    --capability=all --system-call-filter="bpf perf_event_open" --bind="$2:/sys/fs/bpf" --boot
"#;

/// Boots it; fails with what the script said.
pub(super) fn check(archive: &Path, dist: &Path, deb: &Path) -> Result<()> {
    let clean = root::unpack(archive, dist)?;
    let bpffs = tempfile::TempDir::with_prefix_in("bpffs-", dist)?;
    fs::copy(deb, clean.path().join("throttler.deb"))?;
    fs::write(clean.path().join("boot.sh"), SCRIPT)?;
    let units = clean.path().join("etc/systemd/system");
    fs::write(units.join("check.service"), UNIT)?;
    run(Command::new("systemctl")
        .arg("--root")
        .arg(clean.path())
        .args(["--quiet", "enable", "check.service"]))?;
    // A mount namespace of its own: nothing stays mounted.
    let booted = run(Command::new("unshare")
        .args(["--mount", "sh", "-euc", CONTAINER, "container"])
        .args([clean.path(), bpffs.path()]));
    if !clean.path().join("boot.done").exists() {
        let said = fs::read_to_string(clean.path().join("boot.log")).unwrap_or_default();
        bail!("under systemd: {booted:?}\n{said}");
    }
    Ok(())
}
