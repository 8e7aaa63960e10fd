//! What an event speaks of, for those that make alerts of it, and an alert as a line of the abuse log.

use ipnet::IpNet;
use jiff::Timestamp;
use log::Level;
use throttler_common::abi::Event;
use throttler_common::notice::Kind;

use super::line::Line;
use super::{Names, names};
use crate::alert::Alert;
use crate::compile::{Clock, LimitDescription};

/// An event by names.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::daemon) struct Spoken {
    pub(in crate::daemon) time: Timestamp,
    pub(in crate::daemon) source: IpNet,
    /// The source is a whole prefix, banned for its sources.
    pub(in crate::daemon) prefix: bool,
    pub(in crate::daemon) scope: String,
    /// Identifier of the layer whose limit refused.
    pub(in crate::daemon) layer: Option<u8>,
    pub(in crate::daemon) plan: Option<String>,
    /// The limit that refused, by the name that the log has.
    pub(in crate::daemon) limit: Option<LimitDescription>,
}

impl Spoken {
    /// `None` where no generation is known.
    pub(in crate::daemon) fn of(names: &Names, event: &Event, clock: Clock) -> Option<Self> {
        let description = names.of(event.generation)?;
        let limit = names::found(description, event.scope, event.plan, event.limit).map(
            |(holder, limit)| {
                let mut limit = limit.clone();
                if !holder.is_empty() {
                    limit.name = format!("{holder}.{}", limit.name);
                }
                limit
            },
        );
        Some(Self {
            time: clock.wall(event.at),
            source: names::source(description, event),
            prefix: matches!(
                Kind::from_index(event.kind),
                Some(Kind::WiderBan | Kind::WiderUnban)
            ),
            scope: description.scope_name(event.scope),
            layer: names::layer(description, event),
            plan: description.plan(event.plan).map(|plan| plan.name.clone()),
            limit,
        })
    }
}

/// The line of an alert; the fields are those of other lines.
pub(in crate::daemon) fn told(level: Level, message: &'static str, alert: &Alert) -> Line {
    let mut line = Line::new(level, message, format!("{:.3}", alert.time));
    let mut text = |key, value: Option<&str>| {
        if let Some(value) = value {
            line.add(key, value);
        }
    };
    let source = alert.source.map(|source| source.to_string());
    let until = alert.until.map(|until| format!("{until:.3}"));
    text("iface", alert.iface.as_deref());
    text("source", source.as_deref());
    text("scope", alert.scope.as_deref());
    text("plan", alert.plan.as_deref());
    text("limit", alert.limit.as_deref());
    text("unit", alert.unit.as_deref());
    text("rate", alert.rate.as_deref());
    text("by", alert.by.as_deref());
    text("until", until.as_deref());
    let numbers = [
        (
            "share",
            alert.share.map(|share| (share * 1e4).round() / 1e4),
        ),
        ("retry_after_s", alert.retry_after_s),
        ("reset_s", alert.reset_s),
    ];
    if let Some(refused) = alert.refused {
        line.add("refused", refused);
    }
    for (key, value) in numbers {
        if let Some(value) = value {
            line.add(key, value);
        }
    }
    if let Some(monitored) = alert.monitored {
        line.add("monitored", monitored);
    }
    line.add("text", alert.text.as_str());
    line
}
