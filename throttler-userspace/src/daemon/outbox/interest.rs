//! Who wants to hear of which alert.
//!
//! What an alert has nothing to say of is judged by what that means: without a scope or an interface it is about all of
//! them, and passes. Sources, plans and limits are asked of alerts about a source, which have none if they name none;
//! one that is about no source (`pressure`, `reload_failed`, `refused_share`) passes.

use ipnet::IpNet;

use crate::alert::Alert;
use crate::config::Interest;

/// Whether an alert is wanted: its event is, and every filter that is there holds.
pub(super) fn wants(interest: &Interest, alert: &Alert) -> bool {
    let is_general = alert.source.is_none();
    interest.events.contains(&alert.event)
        && among(&interest.scopes, alert.scope.as_ref(), true)
        && among(&interest.ifaces, alert.iface.as_ref(), true)
        && among(&interest.plans, alert.plan.as_ref(), is_general)
        && among(&interest.limits, alert.limit.as_ref(), is_general)
        && (interest.sources.is_empty()
            || alert.source.map_or(is_general, |source| {
                interest.sources.iter().any(|one| overlap(one, &source))
            }))
}

fn among(filter: &[String], name: Option<&String>, otherwise: bool) -> bool {
    filter.is_empty() || name.map_or(otherwise, |name| filter.contains(name))
}

/// A banned prefix concerns whoever looks after a part of it.
fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Kind;

    fn interest() -> Interest {
        Interest {
            events: Kind::ALL.to_vec(),
            scopes: Vec::new(),
            plans: Vec::new(),
            limits: Vec::new(),
            sources: Vec::new(),
            ifaces: Vec::new(),
        }
    }

    fn alert(event: Kind) -> Alert {
        Alert::new(event, jiff::Timestamp::UNIX_EPOCH, String::new())
    }

    fn refusal() -> Alert {
        Alert {
            source: Some("192.0.2.1/32".parse().unwrap()),
            iface: Some("eth0".to_owned()),
            scope: Some("api".to_owned()),
            plan: Some("free".to_owned()),
            limit: Some("daily".to_owned()),
            ..alert(Kind::FirstRefusal)
        }
    }

    #[test]
    fn every_filter_that_is_there_holds() {
        let named = |name: &str| vec![name.to_owned()];
        let prefixes = |text: &str| vec![text.parse().unwrap()];
        let all = interest();
        let pairs = [
            (
                Interest {
                    scopes: named("api"),
                    ..all.clone()
                },
                Interest {
                    scopes: named("web"),
                    ..all.clone()
                },
            ),
            (
                Interest {
                    plans: named("free"),
                    ..all.clone()
                },
                Interest {
                    plans: named("pro"),
                    ..all.clone()
                },
            ),
            (
                Interest {
                    limits: named("daily"),
                    ..all.clone()
                },
                Interest {
                    limits: named("burst"),
                    ..all.clone()
                },
            ),
            (
                Interest {
                    ifaces: named("eth0"),
                    ..all.clone()
                },
                Interest {
                    ifaces: named("eth1"),
                    ..all.clone()
                },
            ),
            (
                Interest {
                    sources: prefixes("192.0.2.0/24"),
                    ..all.clone()
                },
                Interest {
                    sources: prefixes("198.51.100.0/24"),
                    ..all.clone()
                },
            ),
            (
                Interest {
                    events: vec![Kind::FirstRefusal],
                    ..all.clone()
                },
                Interest {
                    events: vec![Kind::Ban],
                    ..all.clone()
                },
            ),
        ];
        for (right, wrong) in pairs {
            assert!(wants(&right, &refusal()), "{right:?}");
            assert!(!wants(&wrong, &refusal()), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_about_everything_passes() {
        let named = |name: &str| vec![name.to_owned()];
        let narrow = Interest {
            scopes: named("api"),
            plans: named("free"),
            limits: named("daily"),
            ifaces: named("eth0"),
            sources: vec!["192.0.2.0/24".parse().unwrap()],
            ..interest()
        };
        assert!(wants(&narrow, &alert(Kind::ReloadFailed)));
        let elsewhere = Alert {
            iface: Some("eth1".to_owned()),
            ..alert(Kind::Pressure)
        };
        assert!(!wants(&narrow, &elsewhere));
        // A source without a plan is not one of that plan.
        let unplanned = Alert {
            plan: None,
            ..refusal()
        };
        assert!(!wants(&narrow, &unplanned));
        // A wider ban, in every scope, concerns the part of it.
        let wide = Alert {
            source: Some("192.0.0.0/16".parse().unwrap()),
            scope: None,
            ..refusal()
        };
        assert!(wants(&narrow, &wide));
    }
}
