//! What an event speaks of, by name.

use std::net::IpAddr;

use ipnet::IpNet;
use throttler_common::abi::{Event, GLOBAL_LIMIT, LAYER_LIMIT, NO_LIMIT, PARENT_PREFIX};
use throttler_common::notice::Kind;

use crate::compile::{Clock, Description, LimitDescription};

/// Whom an event is about, when and where.
#[derive(Debug, PartialEq)]
pub(super) struct Whom {
    pub(super) time: String,
    pub(super) source: String,
    pub(super) scope: String,
    pub(super) plan: String,
}

impl Whom {
    pub(super) fn of(description: &Description, event: &Event, clock: Clock) -> Self {
        let plan = description.plan(event.plan);
        Self {
            time: format!("{:.3}", clock.wall(event.at)),
            source: source(description, event).to_string(),
            scope: description.scope_name(event.scope),
            plan: plan.map_or_else(|| "-".to_owned(), |plan| plan.name.clone()),
        }
    }
}

/// Name and rate of the limit that refused; one of a layer is `layer.NAME`, one of all sources together
/// `global.NAME`.
pub(super) fn limit(description: &Description, event: &Event) -> (String, String) {
    match found(description, event.scope, event.plan, event.limit) {
        Some(("", limit)) => (limit.name.clone(), limit.rate.clone()),
        Some((holder, limit)) => (format!("{holder}.{}", limit.name), limit.rate.clone()),
        None => ("-".to_owned(), "-".to_owned()),
    }
}

/// The limit that an event names, and whose it is: the scope's own (empty), a layer's, or `global`.
pub(in crate::daemon) fn found(
    description: &Description,
    scope: u8,
    plan: u16,
    limit: u8,
) -> Option<(&str, &LimitDescription)> {
    if limit == NO_LIMIT {
        return None;
    }
    let scope = description.scope(scope)?;
    let (holder, limits) = if limit & LAYER_LIMIT != 0 {
        let name = scope.layer.as_ref()?;
        let layer = description
            .scopes
            .iter()
            .find(|scope| scope.name == *name)?;
        (&**name, description.limits(layer, plan))
    } else if limit & GLOBAL_LIMIT != 0 {
        ("global", &*scope.global)
    } else {
        ("", description.limits(scope, plan))
    };
    let index = limit & !(LAYER_LIMIT | GLOBAL_LIMIT);
    let limit = limits.iter().find(|limit| limit.index == index)?;
    Some((holder, limit))
}

/// Identifier of the layer whose limit refused.
pub(in crate::daemon) fn layer(description: &Description, event: &Event) -> Option<u8> {
    if event.limit == NO_LIMIT || event.limit & LAYER_LIMIT == 0 {
        return None;
    }
    let name = description.scope(event.scope)?.layer.as_ref()?;
    let layer = description.scopes.iter().find(|scope| scope.name == *name);
    layer.map(|layer| layer.id)
}

/// Whom it is about, as a prefix.
pub(super) fn source(description: &Description, event: &Event) -> IpNet {
    let bytes = event.source.to_bytes();
    let v4 = event.family == 4;
    let ip = match v4 {
        true => IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]),
        false => IpAddr::from(bytes),
    };
    let bits = match Kind::from_index(event.kind) {
        Some(Kind::WiderBan | Kind::WiderUnban) => PARENT_PREFIX[usize::from(!v4)],
        _ if v4 => description.ipv4_prefix,
        _ => description.ipv6_prefix,
    };
    IpNet::new(ip, bits).unwrap_or_else(|_| IpNet::from(ip))
}
