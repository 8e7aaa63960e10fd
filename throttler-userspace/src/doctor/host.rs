//! The host: kernel, privileges, BPF file system, compiler, clocks.

use std::fs;
use std::path::Path;

use super::finding::Finding;
use crate::kernel::pins::Pins;
use crate::kernel::{checks, features, sys};

pub(super) fn examine(bpffs: &Path, privileged: bool) -> Vec<Finding> {
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let missing = privileged.then(features::missing);
    vec![
        kernel(&release, missing.as_deref()),
        capabilities(),
        mounted(bpffs),
        other_versions(bpffs),
        compiler(read("/proc/sys/net/core/bpf_jit_enable").as_deref()),
        locked_memory(&release, sys::locked_memory()),
        clock_source(
            read("/sys/devices/system/clocksource/clocksource0/current_clocksource").as_deref(),
        ),
        wall_clock(sys::wall_clock_is_set()),
    ]
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

/// Version and patch level of a release, `6.1.0-30-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(['.', '-', '+']);
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

fn kernel(release: &str, missing: Option<&[String]>) -> Finding {
    const CHECK: &str = "kernel";
    let lowest = features::LOWEST_KERNEL;
    let newer = format!("install Linux {}.{} or later", lowest.0, lowest.1);
    match missing {
        Some([]) if version(release) < Some(lowest) => Finding::warn(
            CHECK,
            format!(
                "Linux {release} has all {} features that the program needs, but nobody has tried it",
                features::count()
            ),
            newer,
        ),
        Some([]) => Finding::ok(
            CHECK,
            format!(
                "Linux {release} has all {} features that the program needs",
                features::count()
            ),
        ),
        Some(missing) => Finding::fail(
            CHECK,
            format!("Linux {release} lacks {}", missing.join(", ")),
            newer,
        ),
        None => Finding::warn(
            CHECK,
            format!("Linux {release}; its features cannot be tried without privileges"),
            "run `throttler doctor` as root",
        ),
    }
}

fn capabilities() -> Finding {
    const CHECK: &str = "capabilities";
    match checks::privilege("throttler") {
        Ok(()) => Finding::ok(CHECK, "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are held"),
        Err(failure) => Finding::fail(
            CHECK,
            failure.to_string(),
            "run it as root, or under the systemd unit that grants these three",
        ),
    }
}

fn mounted(bpffs: &Path) -> Finding {
    const CHECK: &str = "bpffs";
    match checks::bpffs(bpffs) {
        Ok(()) => Finding::ok(CHECK, format!("{} can hold pins", bpffs.display())),
        Err(failure) => Finding::fail(CHECK, failure.to_string(), "mount -t bpf bpf /sys/fs/bpf"),
    }
}

fn other_versions(bpffs: &Path) -> Finding {
    const CHECK: &str = "other versions";
    match Pins::other_abis(bpffs) {
        Ok(found) if found.is_empty() => Finding::ok(CHECK, "none has pins here"),
        Ok(found) => Finding::warn(
            CHECK,
            format!("{} holds pins of {}", bpffs.display(), found.join(", ")),
            "take them off with that version's `throttler detach`",
        ),
        Err(error) => Finding::warn(CHECK, format!("{error:#}"), "run it as root"),
    }
}

fn compiler(enabled: Option<&str>) -> Finding {
    const CHECK: &str = "JIT";
    match enabled {
        Some("0") => Finding::warn(
            CHECK,
            "BPF programs are interpreted, which makes each packet several times as dear",
            "sysctl -w net.core.bpf_jit_enable=1",
        ),
        Some(_) => Finding::ok(CHECK, "BPF programs are compiled"),
        // A setting of the first network namespace alone.
        None => Finding::ok(CHECK, "not to be seen from this network namespace"),
    }
}

/// Linux 5.11 charges maps to the memory cgroup instead (kernel/bpf/syscall.c, commit 80ee81e0403c).
const CHARGED_TO_CGROUPS: (u32, u32) = (5, 11);

fn locked_memory(release: &str, limit: Option<u64>) -> Finding {
    const CHECK: &str = "locked memory";
    let limit = limit.map_or("unlimited".to_owned(), |bytes| {
        format!("limited to {} KiB", bytes >> 10)
    });
    if version(release) >= Some(CHARGED_TO_CGROUPS) {
        return Finding::ok(
            CHECK,
            format!("{limit}, which does not matter: maps are charged to the memory cgroup"),
        );
    }
    if limit == "unlimited" {
        return Finding::ok(CHECK, limit);
    }
    Finding::warn(
        CHECK,
        format!("{limit}, and this kernel charges maps to it"),
        "ulimit -l unlimited, or LimitMEMLOCK=infinity in the systemd unit",
    )
}

fn clock_source(current: Option<&str>) -> Finding {
    const CHECK: &str = "clock source";
    match current {
        Some(slow @ ("acpi_pm" | "hpet" | "jiffies" | "pit")) => Finding::warn(
            CHECK,
            format!("{slow}: reading it costs up to a microsecond a packet"),
            "boot with `tsc=reliable` where the processor's counter is, or have the hypervisor offer kvm-clock",
        ),
        Some(other) => Finding::ok(CHECK, other),
        None => Finding::ok(CHECK, "not said by this kernel"),
    }
}

fn wall_clock(set: bool) -> Finding {
    const CHECK: &str = "wall clock";
    if set {
        return Finding::ok(CHECK, "synchronised");
    }
    Finding::warn(
        CHECK,
        "not synchronised: rules with `until` and bans that are kept across restarts end when this clock says so; limits \
         and running bans do not depend on it",
        "run a time service (chrony, systemd-timesyncd)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_release_has_a_version() {
        assert_eq!(version("6.1.0-30-amd64"), Some((6, 1)));
        assert_eq!(version("6.12-rc1"), Some((6, 12)));
        assert_eq!(version(""), None);
    }

    #[test]
    fn a_kernel_is_judged_by_what_it_has() {
        let (major, minor) = features::LOWEST_KERNEL;
        let lowest = format!("{major}.{minor}.0");
        assert_eq!(kernel(&lowest, Some(&[])).level, Level::Ok);
        let older = kernel("5.15.0", Some(&[]));
        assert_eq!(older.level, Level::Warn);
        let lacking = kernel("5.10.0", Some(&["ring buffers (Linux 5.8)".to_owned()]));
        assert_eq!(lacking.level, Level::Fail);
        assert!(lacking.found.contains("ring buffers"));
        assert!(
            lacking
                .mend
                .is_some_and(|mend| mend.contains(&format!("{major}.{minor}")))
        );
        assert_eq!(kernel(&lowest, None).level, Level::Warn);
    }

    #[test]
    fn an_interpreter_and_slow_clocks_are_named() {
        assert_eq!(compiler(Some("0")).level, Level::Warn);
        assert_eq!(compiler(Some("1")).level, Level::Ok);
        assert_eq!(clock_source(Some("acpi_pm")).level, Level::Warn);
        assert_eq!(clock_source(Some("tsc")).level, Level::Ok);
        assert_eq!(wall_clock(false).level, Level::Warn);
    }

    #[test]
    fn locked_memory_matters_to_old_kernels_alone() {
        assert_eq!(locked_memory("5.10.0", Some(65_536)).level, Level::Warn);
        assert_eq!(locked_memory("5.10.0", None).level, Level::Ok);
        assert_eq!(locked_memory("6.1.0", Some(65_536)).level, Level::Ok);
    }
}
