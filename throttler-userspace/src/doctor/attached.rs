//! What runs on an interface, and how it does.

use std::path::Path;

use super::finding::Finding;
use super::memory;
use crate::daemon::lock;
use crate::kernel::interface::{self, XdpMode};
use crate::kernel::pins::Pins;
use crate::kernel::programs;
use crate::kernel::topology::Device;
use crate::report::{self, Attachment, Load};
use crate::standing::{self, Standing};

/// Beyond this part of its room the source table turns newcomers away, see ARCHITECTURE.md.
const FULL_PERCENT: u64 = 75;

pub(super) fn examine(
    bpffs: &Path,
    state_dir: &Path,
    device: &Device,
    privileged: bool,
) -> Vec<Finding> {
    let iface = &device.name;
    let pins = Pins::of(bpffs, iface);
    let daemon = lock::holder(state_dir, iface);
    let standing = standing::read(&standing::path(state_dir, iface));
    if !privileged {
        return Vec::new();
    }
    let attached = report::attachments(bpffs, std::slice::from_ref(iface));
    let attachment = match attached.as_deref() {
        Ok([one]) => one,
        _ if !pins.exist() => return vec![foreign(iface)],
        Ok(_) => return vec![program(None, iface, standing.as_ref())],
        Err(error) => {
            return vec![Finding::fail(
                "program",
                format!("{error:#}"),
                "`throttler run` makes what is missing anew",
            )];
        }
    };
    let mut findings = vec![
        program(attachment.mode, iface, standing.as_ref()),
        served(daemon, standing.as_ref()),
        memory::taken(&pins),
    ];
    findings.extend(daemon.map(memory::cgroup));
    findings.extend(loads(attachment));
    findings
}

/// Where nothing of ours is: whether anything is.
fn foreign(iface: &str) -> Finding {
    const CHECK: &str = "program";
    match interface::find(iface).map(|found| found.xdp) {
        Ok(Some((mode, id))) => Finding::fail(
            CHECK,
            format!(
                "another XDP program runs here in {} mode: {}",
                mode.as_str(),
                programs::describe(id),
            ),
            format!("take it off (`ip link set dev {iface} xdp off`, or its owner's tool)"),
        ),
        Ok(None) => Finding::ok(CHECK, "none runs here yet"),
        Err(error) => Finding::fail(CHECK, format!("{error:#}"), "see `ip link`"),
    }
}

fn program(mode: Option<XdpMode>, iface: &str, standing: Option<&Standing>) -> Finding {
    const CHECK: &str = "program";
    let why = standing.map_or_else(String::new, |known| format!(" ({})", known.xdp_why));
    match mode {
        Some(XdpMode::Native) => Finding::ok(CHECK, format!("runs in native mode{why}")),
        Some(XdpMode::Generic) => Finding::warn(
            CHECK,
            format!("runs in generic mode{why}: packets are dropped later, at a higher cost"),
            format!(
                "mend what the other findings name, then `throttler detach --iface {iface}` and start the daemon again"
            ),
        ),
        None => Finding::fail(
            CHECK,
            "its pins are there, but it does not run on the interface: nothing is limited",
            "start the daemon again",
        ),
    }
}

fn served(daemon: Option<u32>, standing: Option<&Standing>) -> Finding {
    const CHECK: &str = "daemon";
    let Some(pid) = daemon else {
        return Finding::warn(
            CHECK,
            "none: limits hold, but nobody reloads, logs, heals or ends a trial",
            "start it: `throttler run`, or `systemctl start throttler`",
        );
    };
    let reload = standing.and_then(|known| known.last_reload.as_ref());
    let refused = reload.and_then(|reload| reload.error.as_deref());
    match (standing.and_then(|known| known.fault.as_deref()), refused) {
        (Some(fault), _) => Finding::fail(
            CHECK,
            format!("process {pid}; its self-check fails: {fault}"),
            "do what it says",
        ),
        (None, Some(error)) => Finding::warn(
            CHECK,
            format!(
                "process {pid}; its latest reload failed, the policy before stays in force: {error}"
            ),
            "mend the policy file (`throttler check FILE`) and reload",
        ),
        (None, None) => Finding::ok(CHECK, format!("process {pid}; its self-check succeeds")),
    }
}

fn loads(attachment: &Attachment) -> Vec<Finding> {
    match report::load(attachment) {
        Ok(load) => vec![sources(&load), events(&load)],
        Err(error) => vec![Finding::fail(
            "source table",
            format!("{error:#}"),
            "restart the daemon",
        )],
    }
}

fn sources(load: &Load) -> Finding {
    const CHECK: &str = "source table";
    let larger = "raise `max_sources` in the policy and restart the daemon: buckets are kept";
    let fullest = load.fullest;
    let found = format!(
        "{fullest} of {} places taken in the fuller family",
        load.max
    );
    if load.refused > 0 {
        return Finding::warn(
            CHECK,
            format!(
                "{found}; {} packets of newcomers were refused for want of room",
                load.refused
            ),
            larger,
        );
    }
    if fullest * 100 > load.max * FULL_PERCENT {
        return Finding::warn(CHECK, found, larger);
    }
    Finding::ok(CHECK, found)
}

fn events(load: &Load) -> Finding {
    const CHECK: &str = "events";
    if load.events_lost == 0 {
        return Finding::ok(CHECK, format!("{} sent, none lost", load.events_sent));
    }
    Finding::warn(
        CHECK,
        format!(
            "{} lost of {}: lines of the abuse log are missing, limits held",
            load.events_lost,
            load.events_sent + load.events_lost
        ),
        "see that a daemon runs, and that its log is not what it waits for",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn load() -> Load {
        Load {
            fullest: 10,
            max: 100,
            refused: 0,
            events_sent: 5,
            events_lost: 0,
        }
    }

    #[test]
    fn a_table_that_fills_up_is_named() {
        assert_eq!(sources(&load()).level, Level::Ok);
        let full = Load {
            fullest: 76,
            ..load()
        };
        assert_eq!(sources(&full).level, Level::Warn);
        let refusing = Load {
            refused: 1,
            ..load()
        };
        assert_eq!(sources(&refusing).level, Level::Warn);
    }

    #[test]
    fn lost_events_are_named() {
        assert_eq!(events(&load()).level, Level::Ok);
        let losing = Load {
            events_lost: 2,
            ..load()
        };
        let found = events(&losing);
        assert_eq!(found.level, Level::Warn);
        assert!(found.found.contains("2 lost of 7"), "{}", found.found);
    }
}
