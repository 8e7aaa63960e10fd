//! Alerts in words.

use ipnet::IpNet;
use jiff::Timestamp;
use throttler_common::abi::Event;

use crate::alert::{Alert, Kind};
use crate::compile::{Clock, LimitDescription, ScopeDescription};
use crate::daemon::abuse::Spoken;
use crate::report::{Lifted, Share, Used, seconds};

/// A length of time for people: its two largest units.
fn lasts(nanos: u64) -> String {
    let seconds = nanos.div_ceil(1_000_000_000);
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let (large, small) = match (days, hours, minutes) {
        (0, 0, 0) => ((rest, "s"), (0, "")),
        (0, 0, _) => ((minutes, "min"), (rest, "s")),
        (0, ..) => ((hours, "h"), (minutes, "min")),
        _ => ((days, "d"), (hours, "h")),
    };
    match small.0 {
        0 => format!("{} {}", large.0, large.1),
        _ => format!("{} {} {} {}", large.0, large.1, small.0, small.1),
    }
}

fn percent(share: f64) -> u64 {
    // Rounded down: 79.9 % are not 80 %.
    (share * 100.0 + 1e-9) as u64
}

/// With whom and where an event is.
fn of_event(kind: Kind, spoken: &Spoken, event: &Event, text: String) -> Alert {
    let mut alert = Alert::new(kind, spoken.time, text);
    alert.source = Some(spoken.source);
    alert.scope = Some(spoken.scope.clone());
    alert.plan.clone_from(&spoken.plan);
    if let Some(limit) = &spoken.limit {
        alert.limit = Some(limit.name.clone());
        alert.unit = Some(limit.unit.clone());
        alert.rate = Some(limit.rate.clone());
    }
    alert.monitored = Some(event.monitored != 0);
    alert
}

/// What refused, with its place.
fn by(spoken: &Spoken) -> String {
    let scope = &spoken.scope;
    match &spoken.limit {
        Some(limit) => format!(
            "by the limit {} ({}) in scope {scope}",
            limit.name, limit.rate
        ),
        None => format!("in scope {scope}"),
    }
}

pub(super) fn first_refusal(spoken: &Spoken, event: &Event, everybody: bool) -> Alert {
    let by = by(spoken);
    let spared = if event.monitored != 0 {
        " (monitor mode let it pass)"
    } else {
        ""
    };
    let whom = spoken.source;
    let text = match everybody {
        false => format!("{whom} is refused {by}{spared}, for the first time in an hour or more"),
        true => format!(
            "packets are refused {by}{spared}, for the first time in an hour or more; the first was of {whom}"
        ),
    };
    let mut alert = of_event(Kind::FirstRefusal, spoken, event, text);
    if everybody {
        (alert.source, alert.plan) = (None, None);
    }
    alert.refused = Some(u64::from(event.refused));
    alert.retry_after_s = Some(seconds(event.retry_after));
    alert
}

pub(super) fn ban(spoken: &Spoken, event: &Event, clock: Clock) -> Alert {
    let until = clock.wall(event.at.saturating_add(event.retry_after));
    let (whom, scope) = (spoken.source, &spoken.scope);
    let lasts = lasts(event.retry_after);
    let spared = if event.monitored != 0 {
        " (monitor mode lets it pass)"
    } else {
        ""
    };
    let text = match spoken.prefix {
        false => format!(
            "{whom} is banned in scope {scope} for {lasts}, after {} refusals{spared}",
            event.refused
        ),
        true => format!(
            "the prefix {whom} is banned in scope {scope} for {lasts}, for the bans of {} of its sources{spared}",
            event.refused
        ),
    };
    let mut alert = of_event(Kind::Ban, spoken, event, text);
    alert.refused = (!spoken.prefix).then_some(u64::from(event.refused));
    alert.until = Some(until);
    alert.by = Some("datapath".to_owned());
    alert
}

/// A ban of the datapath is over.
pub(super) fn over(
    time: Timestamp,
    net: IpNet,
    prefix: bool,
    scope: &str,
    plan: Option<&str>,
) -> Alert {
    let what = if prefix { "the prefix " } else { "" };
    let text = format!("{what}{net} is no longer banned in scope {scope}: the ban is over");
    let mut alert = Alert::new(Kind::Unban, time, text);
    alert.source = Some(net);
    alert.scope = Some(scope.to_owned());
    alert.plan = plan.map(str::to_owned);
    alert.by = Some("datapath".to_owned());
    alert
}

/// A ban of the datapath was taken back.
pub(super) fn lifted(time: Timestamp, ban: &Lifted) -> Alert {
    let what = if ban.prefix { "the prefix " } else { "" };
    let text = format!(
        "{what}{} is no longer banned in scope {}: an operator took the ban back",
        ban.source, ban.scope
    );
    let mut alert = Alert::new(Kind::Unban, time, text);
    alert.source = Some(ban.source);
    alert.scope = Some(ban.scope.clone());
    alert.until = Some(ban.until);
    alert.by = Some("operator".to_owned());
    alert
}

/// What becomes of an operator's ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It was given.
    Given,
    /// It was taken back.
    Taken,
    /// Its time is over.
    Over,
}

impl Turn {
    fn kind(self) -> Kind {
        match self {
            Self::Given => Kind::Ban,
            Self::Taken | Self::Over => Kind::Unban,
        }
    }

    fn text(self, whom: &str, until: Option<Timestamp>) -> String {
        match (self, until) {
            (Self::Given, Some(until)) => format!("{whom} banned by an operator until {until:.0}"),
            (Self::Given, None) => format!("{whom} banned by an operator until that is taken back"),
            (Self::Taken, _) => format!("{whom} no longer banned: an operator took that back"),
            (Self::Over, _) => {
                format!("{whom} no longer banned: the time that an operator gave is over")
            }
        }
    }
}

/// One operator's ban.
pub(super) fn operators(
    turn: Turn,
    time: Timestamp,
    net: IpNet,
    until: Option<Timestamp>,
) -> Alert {
    let mut alert = Alert::new(turn.kind(), time, turn.text(&format!("{net} is"), until));
    alert.source = Some(net);
    alert.until = until;
    alert.by = Some("operator".to_owned());
    alert
}

/// Many of them at once.
pub(super) fn operators_many(
    turn: Turn,
    time: Timestamp,
    count: u64,
    until: Option<Timestamp>,
) -> Alert {
    let whom = format!("{count} sources and prefixes are");
    let mut alert = Alert::new(turn.kind(), time, turn.text(&whom, until));
    alert.until = until;
    alert.by = Some("operator".to_owned());
    alert
}

/// What is said of a bucket of a long limit, whichever way it goes.
pub(super) struct Bucket<'a> {
    pub(super) net: Option<IpNet>,
    pub(super) global: bool,
    pub(super) scope: &'a ScopeDescription,
    /// Whether it is a layer's.
    pub(super) layer: bool,
    pub(super) limit: &'a LimitDescription,
    pub(super) plan: Option<&'a str>,
}

impl Bucket<'_> {
    fn alert(&self, kind: Kind, time: Timestamp, text: String) -> Alert {
        let mut alert = Alert::new(kind, time, text);
        alert.source = self.net;
        alert.scope = Some(self.scope.name.clone());
        alert.plan = self.plan.map(str::to_owned);
        alert.limit = Some(self.name());
        alert.unit = Some(self.limit.unit.clone());
        alert.rate = Some(self.limit.rate.clone());
        alert.monitored = Some(self.scope.mode == "monitor");
        alert
    }

    /// As in the abuse log.
    fn name(&self) -> String {
        let name = &self.limit.name;
        match (self.global, self.layer) {
            (true, _) => format!("global.{name}"),
            (false, true) => format!("{}.{name}", self.scope.name),
            (false, false) => name.clone(),
        }
    }

    fn whom(&self) -> String {
        self.net.map_or_else(
            || "all sources together have".to_owned(),
            |net| format!("{net} has"),
        )
    }

    pub(super) fn near(&self, time: Timestamp, used: &Used) -> Alert {
        let text = format!(
            "{} used {} % of the limit {} ({} {}) in scope {}; it is full again in {}",
            self.whom(),
            percent(used.share),
            self.name(),
            self.limit.rate,
            self.limit.unit,
            self.scope.name,
            lasts(used.reset),
        );
        let mut alert = self.alert(Kind::NearLimit, time, text);
        alert.share = Some(used.share);
        alert.retry_after_s = Some(seconds(used.retry));
        alert.reset_s = Some(seconds(used.reset));
        alert
    }

    pub(super) fn reset(&self, time: Timestamp) -> Alert {
        let text = format!(
            "{} all of the limit {} ({} {}) in scope {} again",
            self.whom(),
            self.name(),
            self.limit.rate,
            self.limit.unit,
            self.scope.name,
        );
        let mut alert = self.alert(Kind::LimitReset, time, text);
        alert.share = Some(0.0);
        alert
    }
}

pub(super) fn pressure(time: Timestamp, iface: &str, refused: u64) -> Alert {
    let text = format!(
        "the source table of {iface} has no room for newcomers: {refused} of their packets were refused in the first second"
    );
    let mut alert = Alert::new(Kind::Pressure, time, text);
    alert.refused = Some(refused);
    alert
}

fn part(share: Share) -> f64 {
    share.refused as f64 / share.seen.max(1) as f64
}

/// `over`: the share is small again.
pub(super) fn refused_share(time: Timestamp, iface: &str, share: Share, over: bool) -> Alert {
    let again = if over { "again no more than " } else { "" };
    let text = format!(
        "{again}{:.1} % of the packets of the last minute on {iface} were refused ({} of {})",
        part(share) * 100.0,
        share.refused,
        share.seen
    );
    let mut alert = Alert::new(Kind::RefusedShare, time, text);
    alert.share = Some(part(share));
    alert.refused = Some(share.refused);
    alert
}
