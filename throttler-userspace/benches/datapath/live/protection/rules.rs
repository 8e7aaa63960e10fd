//! The kernel's own rate limits: as many packets a second and source as our policy, others dropped as
//! early as each can.

use std::process::Command;
use std::time::Duration;

use super::Allowed;
use anyhow::{Context as _, Result, ensure};
use throttler_lab::topology::SERVER_IFACE;
use throttler_lab::{Lab, run};

const LIMIT: Duration = Duration::from_secs(10);
/// Room for every source of the flood.
const SOURCES: u32 = 262_144;

/// Rules in the server's namespace.
pub(super) struct Rules {
    /// What takes them off.
    off: Command,
}

impl Rules {
    pub(super) fn nft(lab: &Lab, allowed: Allowed) -> Result<Self> {
        let (packets, [_, unit, _]) = (allowed.packets, allowed.unit);
        let rules = format!(
            "table netdev bench {{\n\
             set sources {{ type ipv4_addr; size {SOURCES}; flags dynamic,timeout; timeout 60s; }}\n\
             chain ingress {{ type filter hook ingress device \"{SERVER_IFACE}\" priority 0; policy accept;\n\
             update @sources {{ ip saddr limit rate over {packets}/{unit} burst {packets} packets }} drop\n\
             }}\n}}"
        );
        let mut nft = lab.server().command("nft");
        put(nft.arg(rules), "nftables")?;
        let mut off = lab.server().command("nft");
        off.args(["delete", "table", "netdev", "bench"]);
        Ok(Self { off })
    }

    pub(super) fn iptables(lab: &Lab, allowed: Allowed) -> Result<Self> {
        let (packets, [.., unit]) = (allowed.packets, allowed.unit);
        let (rate, burst, sources) = (
            format!("{packets}/{unit}"),
            packets.to_string(),
            SOURCES.to_string(),
        );
        let rule = [
            "-m",
            "hashlimit",
            "--hashlimit-above",
            &rate,
            "--hashlimit-burst",
            &burst,
            "--hashlimit-mode",
            "srcip",
            "--hashlimit-name",
            "bench",
            "--hashlimit-htable-size",
            &sources,
            "--hashlimit-htable-max",
            &sources,
            "-j",
            "DROP",
        ];
        // The kernel's old tables where Debian's alternatives have them; the same match over nftables otherwise.
        let mut why = None;
        for program in ["iptables-legacy", "iptables"] {
            let mut iptables = lab.server().command(program);
            iptables
                .args(["-w", "-t", "raw", "-A", "PREROUTING"])
                .args(rule);
            match put(&mut iptables, "iptables") {
                Ok(()) => {
                    let mut off = lab.server().command(program);
                    off.args(["-w", "-t", "raw", "-F"]);
                    return Ok(Self { off });
                }
                Err(error) => why = Some(error),
            }
        }
        Err(why.context("no iptables was tried")?)
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        if let Err(error) = run(&mut self.off, LIMIT) {
            eprintln!("bench: {error:#}");
        }
    }
}

fn put(command: &mut Command, package: &str) -> Result<()> {
    let output = run(command, LIMIT).with_context(|| format!("package {package}"))?;
    ensure!(
        output.status.success(),
        "{package} refused the rules: {}",
        output.stderr.trim()
    );
    Ok(())
}
