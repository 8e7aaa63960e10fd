//! The abuse log: a line an event.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use throttler_common::Reason;
use throttler_common::abi::{Event, LAYER_LIMIT, NO_LIMIT};

use crate::compile::{Clock, Description, LimitDescription};
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
    let line = Line::of(description, event, monotonic::now());
    let Line {
        time,
        source,
        scope,
        plan,
        limit,
        rate,
        ..
    } = &line;
    log::warn!(
        target: "throttler::abuse",
        time, iface, source, scope, plan, limit, rate,
        reason = line.reason,
        refused = event.refused,
        refused_total = event.refused_total,
        retry_after_s = seconds(event.retry_after),
        monitored = event.monitored != 0;
        "refused"
    );
}

/// An event, made readable.
#[derive(Debug, PartialEq)]
struct Line {
    time: String,
    source: String,
    scope: String,
    plan: String,
    limit: String,
    rate: String,
    reason: &'static str,
}

impl Line {
    fn of(description: &Description, event: &Event, clock: Clock) -> Self {
        let limit = limit(description, event);
        let text = |value: Option<&String>| value.cloned().unwrap_or_else(|| "-".to_owned());
        Self {
            time: format!("{:.3}", clock.wall(event.at)),
            source: source(description, event).to_string(),
            scope: description.scope_name(event.scope),
            plan: text(description.plan(event.plan).map(|plan| &plan.name)),
            limit: match &limit {
                Some((layer, limit)) if layer.is_empty() => limit.name.clone(),
                Some((layer, limit)) => format!("{layer}.{}", limit.name),
                None => "-".to_owned(),
            },
            rate: text(limit.as_ref().map(|(_, limit)| &limit.rate)),
            reason: Reason::from_index(event.reason).map_or("unknown", Reason::as_str),
        }
    }
}

/// The limit that refused, with its layer's name if it is a layer's.
fn limit<'a>(
    description: &'a Description,
    event: &Event,
) -> Option<(String, &'a LimitDescription)> {
    if event.limit == NO_LIMIT {
        return None;
    }
    let scope = description.scope(event.scope)?;
    let (holder, layer) = if event.limit & LAYER_LIMIT == 0 {
        (scope, String::new())
    } else {
        let name = scope.layer.as_ref()?;
        let layer = description
            .scopes
            .iter()
            .find(|scope| scope.name == *name)?;
        (layer, name.clone())
    };
    let index = event.limit & !LAYER_LIMIT;
    let limits = description.limits(holder, event.plan);
    let limit = limits.iter().find(|limit| limit.index == index)?;
    Some((layer, limit))
}

fn source(description: &Description, event: &Event) -> IpNet {
    let bytes = event.source.to_bytes();
    let (ip, bits) = if event.family == 4 {
        let v4 = [bytes[0], bytes[1], bytes[2], bytes[3]];
        (IpAddr::from(v4), description.ipv4_prefix)
    } else {
        (IpAddr::from(bytes), description.ipv6_prefix)
    };
    IpNet::new(ip, bits).unwrap_or_else(|_| IpNet::from(ip))
}
