//! What maps take, and what there is.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use throttler_common::abi::map;

use super::finding::Finding;
use crate::kernel::pins::Pins;
use crate::kernel::sys;

const CHECK: &str = "memory";

/// Bytes of each map, the largest first, as the kernel accounts for them.
fn maps(pins: &Pins) -> Result<Vec<(&'static str, u64)>> {
    let mut all = Vec::new();
    for name in map::ALL {
        let path = pins.map(name);
        let fd = sys::open_pinned(&path).with_context(|| format!("opening {}", path.display()))?;
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd()))
            .context("reading what a map takes")?;
        all.push((name, accounted(&info).unwrap_or(0)));
    }
    all.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Ok(all)
}

/// `memlock` of a map's fdinfo (kernel/bpf/syscall.c, `bpf_map_show_fdinfo`), in bytes.
fn accounted(info: &str) -> Option<u64> {
    let mut lines = info.lines();
    lines.find_map(|line| line.strip_prefix("memlock:")?.trim().parse().ok())
}

pub(super) fn taken(pins: &Pins) -> Finding {
    match maps(pins) {
        Ok(all) => {
            let each: Vec<String> = all
                .iter()
                .map(|(name, bytes)| format!("{name} {}", size(*bytes)))
                .collect();
            let sum: u64 = all.iter().map(|(_, bytes)| bytes).sum();
            Finding::ok(CHECK, format!("{} in maps: {}", size(sum), each.join(", ")))
        }
        Err(error) => Finding::warn(
            CHECK,
            format!("{error:#}"),
            "restart the daemon, which makes what is missing anew",
        ),
    }
}

/// Bytes in words, to a tenth.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let fits = UNITS.iter().find(|(unit, _)| bytes >= *unit);
    fits.map_or(format!("{bytes} B"), |(unit, name)| {
        format!("{:.1} {name}", bytes as f64 / *unit as f64)
    })
}

/// What the cgroup of a process may take, and takes now: the tightest of its limits.
pub(super) fn cgroup(pid: u32) -> Finding {
    const CHECK: &str = "memory limit";
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let Some(path) = text.lines().find_map(|line| line.strip_prefix("0::/")) else {
        return Finding::ok(CHECK, "none: no unified cgroup");
    };
    let root = Path::new("/sys/fs/cgroup");
    let limits = root.join(path);
    let tightest = limits
        .ancestors()
        .take_while(|dir| *dir != root)
        .filter_map(|dir| Some((dir.to_owned(), number(&dir.join("memory.max"))?)))
        .min_by_key(|(_, limit)| *limit);
    let Some((dir, limit)) = tightest else {
        return Finding::ok(CHECK, "none on the daemon's cgroup");
    };
    let used = number(&dir.join("memory.current")).unwrap_or(0);
    let found = format!(
        "{} of {} used by {}",
        size(used),
        size(limit),
        dir.display()
    );
    if used > limit / 10 * 9 {
        return Finding::warn(
            CHECK,
            format!("{found}: a larger policy may find no room"),
            "raise MemoryMax= of the unit; `throttler check` prints what the maps need",
        );
    }
    Finding::ok(CHECK, found)
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{accounted, size};

    #[test]
    fn sizes_are_read_and_said() {
        assert_eq!(
            accounted("pos:\t0\nmemlock:\t8392704\nmap_id:\t1\n"),
            Some(8_392_704)
        );
        assert_eq!(accounted("pos:\t0\n"), None);
        let said = [0, 1_023, 1_024, 1_572_864, 3 << 30].map(size);
        assert_eq!(said, ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "3.0 GiB"]);
    }
}
