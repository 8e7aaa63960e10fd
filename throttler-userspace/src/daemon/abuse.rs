//! The abuse log: a line an event.

mod line;
mod names;
mod quota;
mod told;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use log::Level;
use throttler_common::Reason;
use throttler_common::abi::Event;
use throttler_common::notice::Kind;

pub(super) use self::line::Line;
use self::names::Whom;
pub(super) use self::names::{found as found_limit, layer};
pub(super) use self::quota::{LeftOut, Quota};
pub(super) use self::told::{Spoken, told};
use crate::compile::{Clock, Description};
use crate::kernel::monotonic;
use crate::report::{Lifted, seconds};

/// Descriptions of the latest generations: an event may tell of the one before.
#[derive(Default)]
pub(super) struct Names(VecDeque<Arc<Description>>);

impl Names {
    const KEPT: usize = 4;

    /// Those of one generation, to be shared by who reads and who publishes.
    pub(super) fn shared(description: &Arc<Description>) -> Arc<Mutex<Self>> {
        let mut names = Self::default();
        names.push(Arc::clone(description));
        Arc::new(Mutex::new(names))
    }

    pub(super) fn push(&mut self, description: Arc<Description>) {
        self.0.push_front(description);
        self.0.truncate(Self::KEPT);
    }

    /// Of the generation in force.
    pub(super) fn latest(&self) -> Option<&Arc<Description>> {
        self.0.front()
    }

    /// The latest generation.
    pub(super) fn newest(&self) -> Option<u32> {
        self.latest().map(|description| description.generation)
    }

    pub(super) fn of(&self, generation: u32) -> Option<&Arc<Description>> {
        let exact = self.0.iter().find(|d| d.generation == generation);
        exact.or_else(|| self.0.front())
    }
}

/// An event's line.
pub(super) fn line(names: &Names, iface: &str, event: &Event) -> Option<Line> {
    let description = names.of(event.generation)?;
    let clock = monotonic::now();
    let whom = Whom::of(description, event, clock);
    let kind = Kind::from_index(event.kind);
    let (level, message) = message(kind);
    let mut line = Line::new(level, message, whom.time);
    line.add("iface", iface);
    line.add("source", whom.source);
    line.add("scope", whom.scope);
    if matches!(kind, Some(Kind::Refusal | Kind::Ban | Kind::Unban)) {
        line.add("plan", whom.plan);
    }
    if matches!(kind, Some(Kind::Refusal | Kind::Ban)) {
        let (limit, rate) = names::limit(description, event);
        line.add("limit", limit);
        line.add("rate", rate);
        line.add("reason", reason(event));
    }
    match kind {
        Some(Kind::Refusal | Kind::Ban | Kind::Pressure) => line.add("refused", event.refused),
        Some(Kind::WiderBan) => line.add("sources", event.refused),
        None => line.add("kind", event.kind),
        Some(Kind::Unban | Kind::WiderUnban) => {}
    }
    match kind {
        Some(Kind::Refusal | Kind::Pressure) => line.add("refused_total", event.refused_total),
        Some(Kind::Ban | Kind::WiderBan) => {
            line.add("times", event.bans);
            line.add("for_s", seconds(event.retry_after));
            line.add("until", until(event, clock));
        }
        _ => {}
    }
    if kind == Some(Kind::Refusal) {
        line.add("retry_after_s", seconds(event.retry_after));
    }
    if matches!(kind, Some(Kind::Refusal | Kind::Ban | Kind::Pressure)) {
        line.add("monitored", event.monitored != 0);
    }
    Some(line)
}

/// The line of a ban of the datapath that was taken back: at once, where that of one that ends comes with the source's next
/// packet.
pub(super) fn lifted(iface: &str, ban: &Lifted) -> Line {
    let message = match ban.prefix {
        true => "unbanned prefix",
        false => "unbanned",
    };
    let now = monotonic::now().wall;
    let mut line = Line::new(Level::Info, message, format!("{now:.3}"));
    line.add("iface", iface);
    line.add("source", ban.source.to_string());
    line.add("scope", ban.scope.as_str());
    line.add("by", "operator");
    line.add("times", ban.times);
    line.add("until", format!("{:.3}", ban.until));
    line
}

fn message(kind: Option<Kind>) -> (Level, &'static str) {
    match kind {
        Some(Kind::Refusal) => (Level::Warn, "refused"),
        Some(Kind::Ban) => (Level::Warn, "banned"),
        // Told with the source's first packet after the ban.
        Some(Kind::Unban) => (Level::Info, "unbanned"),
        Some(Kind::WiderBan) => (Level::Warn, "banned prefix"),
        Some(Kind::WiderUnban) => (Level::Info, "unbanned prefix"),
        // The source is one of many: whoever came last.
        Some(Kind::Pressure) => (Level::Warn, "table full"),
        None => (
            Level::Warn,
            "an event of a kind that this version does not know",
        ),
    }
}

/// The line that stands for those that a second has left out.
pub(super) fn left_out(iface: &str, left: LeftOut) -> Line {
    let time = format!("{:.3}", monotonic::now().wall);
    let (level, message) = message(left.kind);
    let mut line = Line::new(level, "left out", time);
    line.add("iface", iface);
    line.add("of", message);
    line.add("lines", left.lines);
    line.add("refused", left.refused);
    line
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
