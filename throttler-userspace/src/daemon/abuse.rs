//! The abuse log: a line an event.

mod names;

use std::collections::VecDeque;
use std::rc::Rc;

use throttler_common::Reason;
use throttler_common::abi::Event;
use throttler_common::notice::Kind;

use self::names::Whom;
use crate::compile::{Clock, Description};
use crate::kernel::monotonic;
use crate::report::seconds;

/// Descriptions of the latest generations: an event may tell of the one before.
#[derive(Default)]
pub(super) struct Names(VecDeque<Rc<Description>>);

impl Names {
    const KEPT: usize = 4;

    pub(super) fn push(&mut self, description: Description) {
        self.0.push_front(Rc::new(description));
        self.0.truncate(Self::KEPT);
    }

    fn of(&self, generation: u32) -> Option<&Description> {
        let exact = self.0.iter().find(|d| d.generation == generation);
        exact.or_else(|| self.0.front()).map(|d| &**d)
    }
}

/// Writes an event's line.
pub(super) fn log(names: &Names, iface: &str, event: &Event) {
    let Some(description) = names.of(event.generation) else {
        return;
    };
    let clock = monotonic::now();
    let whom = Whom::of(description, event, clock);
    match Kind::from_index(event.kind) {
        Some(Kind::Refusal) => refused(description, iface, event, &whom),
        Some(Kind::Ban) => banned(description, iface, event, &whom, clock),
        Some(Kind::Unban) => unbanned(iface, &whom),
        Some(Kind::WiderBan) => prefix_banned(iface, event, &whom, clock),
        Some(Kind::WiderUnban) => prefix_unbanned(iface, &whom),
        Some(Kind::Pressure) => table_full(iface, event, &whom),
        None => unknown(iface, event, &whom),
    }
}

fn refused(description: &Description, iface: &str, event: &Event, whom: &Whom) {
    let Whom {
        time,
        source,
        scope,
        plan,
    } = whom;
    let (limit, rate) = names::limit(description, event);
    log::warn!(
        target: "throttler::abuse",
        time, iface, source, scope, plan, limit, rate,
        reason = reason(event),
        refused = event.refused,
        refused_total = event.refused_total,
        retry_after_s = seconds(event.retry_after),
        monitored = event.monitored != 0;
        "refused"
    );
}

fn banned(description: &Description, iface: &str, event: &Event, whom: &Whom, clock: Clock) {
    let Whom {
        time,
        source,
        scope,
        plan,
    } = whom;
    let (limit, rate) = names::limit(description, event);
    log::warn!(
        target: "throttler::abuse",
        time, iface, source, scope, plan, limit, rate,
        reason = reason(event),
        refused = event.refused,
        times = event.bans,
        for_s = seconds(event.retry_after),
        until = until(event, clock),
        monitored = event.monitored != 0;
        "banned"
    );
}

/// Told with the source's first packet after the ban.
fn unbanned(iface: &str, whom: &Whom) {
    let Whom {
        time,
        source,
        scope,
        plan,
    } = whom;
    log::info!(target: "throttler::abuse", time, iface, source, scope, plan; "unbanned");
}

fn prefix_banned(iface: &str, event: &Event, whom: &Whom, clock: Clock) {
    let Whom {
        time,
        source,
        scope,
        ..
    } = whom;
    log::warn!(
        target: "throttler::abuse",
        time, iface, source, scope,
        sources = event.refused,
        times = event.bans,
        for_s = seconds(event.retry_after),
        until = until(event, clock);
        "banned prefix"
    );
}

fn prefix_unbanned(iface: &str, whom: &Whom) {
    let Whom {
        time,
        source,
        scope,
        ..
    } = whom;
    log::info!(target: "throttler::abuse", time, iface, source, scope; "unbanned prefix");
}

/// The source is one of many: whoever came last.
fn table_full(iface: &str, event: &Event, whom: &Whom) {
    let Whom {
        time,
        source,
        scope,
        ..
    } = whom;
    log::warn!(
        target: "throttler::abuse",
        time, iface, source, scope,
        refused = event.refused,
        refused_total = event.refused_total,
        monitored = event.monitored != 0;
        "table full"
    );
}

fn unknown(iface: &str, event: &Event, whom: &Whom) {
    let Whom {
        time,
        source,
        scope,
        ..
    } = whom;
    log::warn!(
        target: "throttler::abuse",
        time, iface, source, scope,
        kind = event.kind;
        "an event of a kind that this version does not know"
    );
}

fn reason(event: &Event) -> &'static str {
    Reason::from_index(event.reason).map_or("unknown", Reason::as_str)
}

/// The end of a ban that an event tells of.
fn until(event: &Event, clock: Clock) -> String {
    format!(
        "{:.3}",
        clock.wall(event.at.saturating_add(event.retry_after))
    )
}
