//! What the program needs of the kernel, tried feature by feature where a load has failed: distributions carry
//! features back, and builds leave some out, so that a version says little.
//!
//! Bounded loops, global functions and XDP links are older than compare-and-swap and no build can be without them.

use std::io;

use super::lowest::LOWEST;
use super::sys::probe;
use crate::cli::failure::{Failure, Status};

/// The lowest supported Linux: version and patch level.
pub const LOWEST_KERNEL: (u32, u32) = LOWEST;

/// Something that the program needs.
struct Feature {
    /// As messages name it.
    name: &'static str,
    /// The first Linux that has it.
    since: (u32, u32),
    /// Uses it once.
    probe: fn() -> io::Result<()>,
}

const FEATURES: [Feature; 8] = [
    Feature {
        name: "XDP programs",
        since: (4, 8),
        probe: probe::xdp,
    },
    Feature {
        name: "longest-prefix tries",
        since: (4, 11),
        probe: probe::trie,
    },
    Feature {
        name: "arrays that a process can map",
        since: (5, 5),
        probe: probe::mapped_array,
    },
    Feature {
        name: "the timer's tick (bpf_jiffies64)",
        since: (5, 6),
        probe: probe::jiffies,
    },
    Feature {
        name: "ring buffers",
        since: (5, 8),
        probe: probe::ring_buffer,
    },
    Feature {
        name: "compare-and-swap in BPF programs",
        since: (5, 12),
        probe: probe::compare_exchange,
    },
    Feature {
        name: "XDP on frames of several buffers",
        since: (5, 18),
        probe: probe::frags,
    },
    Feature {
        name: "the length of such a frame (bpf_xdp_get_buff_len)",
        since: (5, 18),
        probe: probe::frame_length,
    },
];

/// What this kernel has not got, each with the first Linux that has it. What cannot be tried, for want of
/// privileges or memory, is not said to be missing.
#[must_use]
pub fn missing() -> Vec<String> {
    missing_of(&FEATURES)
}

/// How many features [`missing`] tries.
#[must_use]
pub fn count() -> usize {
    FEATURES.len()
}

fn missing_of(features: &[Feature]) -> Vec<String> {
    let lacks = |feature: &&Feature| (feature.probe)().is_err_and(|error| is_unknown(&error));
    let missing = features.iter().filter(lacks);
    missing
        .map(|Feature { name, since, .. }| format!("{name} (Linux {}.{})", since.0, since.1))
        .collect()
}

/// Whether an error says that the kernel does not know what it was asked for.
fn is_unknown(error: &io::Error) -> bool {
    // ENOTSUPP (524) is the kernel's own and has no name in libc.
    matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP | 524)
    )
}

/// The error of a load that failed: where features are missing, which; else the error itself.
pub(super) fn explain(error: anyhow::Error) -> anyhow::Error {
    let missing = missing();
    if missing.is_empty() {
        return error;
    }
    log::debug!("{error:#}");
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Failure::new(Status::Runtime, refusal(release.trim(), &missing)).into()
}

fn refusal(release: &str, missing: &[String]) -> String {
    format!(
        "this kernel (Linux {release}) does not have what the XDP program needs: {}; Throttler needs Linux {}.{} or \
         later",
        missing.join(", "),
        LOWEST.0,
        LOWEST.1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(errno: i32) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(errno))
    }

    #[test]
    fn only_what_the_kernel_does_not_know_is_missing() {
        let feature = |name, probe| Feature {
            name,
            since: (5, 99),
            probe,
        };
        let features = [
            feature("there", || Ok(())),
            feature("unknown", || fails(libc::EINVAL)),
            feature("no system call", || fails(libc::ENOSYS)),
            feature("forbidden", || fails(libc::EPERM)),
            feature("no memory", || fails(libc::ENOMEM)),
        ];
        assert_eq!(
            missing_of(&features),
            ["unknown (Linux 5.99)", "no system call (Linux 5.99)"]
        );
    }

    #[test]
    fn a_refusal_names_the_kernel_what_it_lacks_and_what_is_needed() {
        let missing = ["a (Linux 5.12)".to_owned(), "b (Linux 5.18)".to_owned()];
        assert_eq!(
            refusal("5.10.0-9-amd64", &missing),
            format!(
                "this kernel (Linux 5.10.0-9-amd64) does not have what the XDP program needs: a (Linux 5.12), \
                 b (Linux 5.18); Throttler needs Linux {}.{} or later",
                LOWEST.0, LOWEST.1
            )
        );
    }

    #[test]
    fn no_feature_is_newer_than_the_lowest_kernel() {
        for feature in &FEATURES {
            assert!(feature.since <= LOWEST, "{}", feature.name);
        }
    }
}
