//! `status`: one screen.

use std::io::Write;

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;

use super::attached::Attachment;
use super::output::{Format, json, seconds};
use super::rates::Rates;
use super::{counters, global, status_text};
use crate::standing::{Reload, Standing};

/// What is known of an interface beside its maps.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// The process that serves it.
    pub daemon: Option<u32>,
    /// What its daemon has left in a file.
    pub standing: Option<Standing>,
    /// What passes and drops now.
    pub rates: Option<Rates>,
}

#[derive(Debug, Serialize)]
pub(super) struct StatusReport<'a> {
    pub(super) iface: &'a str,
    pub(super) xdp_mode: &'a str,
    pub(super) xdp_why: Option<String>,
    pub(super) attached: bool,
    pub(super) attached_at: Option<Timestamp>,
    pub(super) daemon_pid: Option<u32>,
    pub(super) daemon_since: Option<Timestamp>,
    pub(super) last_reload: Option<Reload>,
    pub(super) fault: Option<String>,
    pub(super) history_fault: Option<String>,
    pub(super) mode: &'a str,
    pub(super) paused: bool,
    pub(super) paused_for_s: Option<f64>,
    pub(super) generation: u32,
    pub(super) policy: &'a str,
    pub(super) published: &'a str,
    pub(super) on_exit: &'a str,
    pub(super) scopes: usize,
    pub(super) plans: usize,
    pub(super) prefixes: usize,
    pub(super) sources: counters::SourceCount,
    pub(super) bans: counters::Bans,
    pub(super) global_limits: usize,
    pub(super) global_used_up: Vec<UsedUp<'a>>,
    pub(super) pressure: counters::Pressure,
    pub(super) totals: counters::Totals,
    pub(super) per_second: Option<Rates>,
}

/// A `global` limit that refuses whoever has no share reserved.
#[derive(Debug, Serialize)]
pub(super) struct UsedUp<'a> {
    pub(super) scope: &'a str,
    pub(super) limit: &'a str,
    pub(super) retry_after_s: f64,
}

fn used_up(attachment: &Attachment) -> Vec<UsedUp<'_>> {
    let mut found = Vec::new();
    for scope in &attachment.description.scopes {
        let (levels, _) =
            global::levels(attachment, scope, false, &|| attachment.clock.monotonic_ns);
        let empty = levels.into_iter().filter(|one| one.level.retry > 0);
        found.extend(empty.map(|one| UsedUp {
            scope: &scope.name,
            limit: &one.limit.name,
            retry_after_s: seconds(one.level.retry),
        }));
    }
    found
}

/// Prints the state of the interfaces. `beside` tells of each, by its place, what its maps do not.
///
/// # Errors
/// The kernel's, or the writer's.
pub fn status(
    out: &mut impl Write,
    attached: &[Attachment],
    beside: impl Fn(usize) -> Beside,
    format: Format,
) -> Result<()> {
    let mut all = Vec::new();
    for (place, attachment) in attached.iter().enumerate() {
        let is_attached = attachment.mode.is_some();
        let Beside {
            daemon,
            standing,
            rates,
        } = beside(place);
        let counted = counters::report(attachment)?;
        let description = &attachment.description;
        // What a daemon has said that is gone is no longer so.
        let serving = standing.as_ref().filter(|_| daemon.is_some());
        all.push(StatusReport {
            iface: attachment.iface(),
            xdp_mode: attachment.xdp_mode(),
            xdp_why: standing
                .as_ref()
                .filter(|_| is_attached)
                .map(|known| known.xdp_why.clone()),
            attached: is_attached,
            attached_at: standing
                .as_ref()
                .filter(|_| is_attached)
                .map(|known| known.attached_at),
            daemon_pid: daemon,
            daemon_since: serving.map(|known| known.daemon_since),
            last_reload: serving.and_then(|known| known.last_reload.clone()),
            fault: serving.and_then(|known| known.fault.clone()),
            history_fault: serving.and_then(|known| known.history_fault.clone()),
            mode: &description.mode,
            paused: counted.paused,
            paused_for_s: counted.paused_for_s,
            generation: description.generation,
            policy: &description.policy,
            published: &description.published,
            on_exit: &description.on_exit,
            scopes: description.scopes.len(),
            plans: description.plans.len(),
            prefixes: description.prefixes,
            sources: counted.sources,
            bans: counted.bans,
            global_limits: description.scopes.iter().map(|s| s.global.len()).sum(),
            global_used_up: used_up(attachment),
            pressure: counted.pressure,
            totals: counted.totals,
            per_second: rates,
        });
    }
    if format != Format::Table {
        return json(out, format, "interfaces", &all);
    }
    for report in &all {
        status_text::print(out, report)?;
    }
    Ok(())
}
