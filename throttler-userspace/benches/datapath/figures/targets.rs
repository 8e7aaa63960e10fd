//! The targets, each computed from the same run. A figure that is missing makes a target unknown, never
//! reached.

pub(crate) mod live;
pub(crate) mod work;

use super::{Draw, Report};

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A target and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) case: &'static str,
    /// What the measured figure is.
    pub(crate) figure: &'static str,
    pub(crate) bound: Bound,
    pub(crate) measured: Option<f64>,
}

impl Target {
    pub(crate) fn reached(&self) -> Option<bool> {
        let measured = self.measured?;
        Some(match self.bound {
            Bound::AtMost(most) => measured <= most,
            Bound::AtLeast(least) => measured >= least,
        })
    }
}

pub(crate) const THROTTLER: &str = "throttler";
pub(crate) const FILTER_ONE: &str = "xdp-filter, 1 entry";
pub(crate) const FILTER_MANY: &str = "xdp-filter, 100,000 entries";
pub(crate) const LRU: &str = "reference: LRU hash + GCRA, 2M entries";

pub(crate) const PASS: &str = "pass, 1 limit";
pub(crate) const PASS_FOUR: &str = "pass, 4 limits";
pub(crate) const OVER: &str = "drop, over limit";
pub(crate) const BLOCKED: &str = "drop, blocked";
pub(crate) const BANNED: &str = "drop, banned";
pub(crate) const PLAIN_PASS: &str = "pass";
pub(crate) const PLAIN_DROP: &str = "drop";

pub(crate) const MILLION: Draw = Draw::Uniform(1_000_000);

/// What XDP-Firewall took with a million sources in a run whose floor was the second figure: its own
/// object cannot be had here as a package, so that its target is held as a ratio to the floor.
const XDP_FIREWALL: [f64; 2] = [543.0, 24.0];

/// All of them, in the order of the project's list.
pub(crate) fn targets(report: &Report) -> Vec<Target> {
    let mut targets = datapath(report);
    targets.extend(live::targets(report));
    targets.extend(work::targets(report));
    targets
}

fn datapath(report: &Report) -> Vec<Target> {
    let net = |program, case, draw, cpus| {
        let cost = report.cost(program, case, draw, cpus)?;
        cost.net().map(f64::from)
    };
    let ours = |case, draw| net(THROTTLER, case, draw, 1);
    let most = |case, figure, bound, measured| Target {
        case,
        figure,
        bound: Bound::AtMost(bound),
        measured,
    };
    let million = ours(PASS, MILLION);
    let ever_new = ours(PASS, Draw::EverNew);
    let floors = report.cost(THROTTLER, PASS, MILLION, 1);
    let floors = floors
        .and_then(|cost| Some(f64::from(cost.net()?) / f64::from(cost.nanos.as_ref().ok()?[1])));
    vec![
        most(
            "known source, pass, 1 source",
            "net / xdp-filter's with one entry",
            1.3,
            ratio(
                ours(PASS, Draw::One),
                net(FILTER_ONE, PLAIN_PASS, Draw::One, 1),
            ),
        ),
        most(
            "known source, over limit, 1 source",
            "net / xdp-filter's with one entry",
            1.3,
            ratio(
                ours(OVER, Draw::One),
                net(FILTER_ONE, PLAIN_DROP, Draw::One, 1),
            ),
        ),
        most(
            "each further limit of a scope",
            "ns, a third of four limits' less one's",
            8.0,
            less(ours(PASS_FOUR, Draw::One), ours(PASS, Draw::One)).map(|more| more / 3.0),
        ),
        most(
            "1,000,000 sources uniform, pass",
            "net / xdp-filter's with 100,000 entries",
            1.5,
            ratio(million, net(FILTER_MANY, PLAIN_PASS, MILLION, 1)),
        ),
        most(
            "1,000,000 sources uniform, over limit",
            "net / xdp-filter's pass with 100,000 entries",
            1.5,
            ratio(
                ours(OVER, MILLION),
                net(FILTER_MANY, PLAIN_PASS, MILLION, 1),
            ),
        ),
        most(
            "1,000,000 sources uniform, pass",
            "net in floors / XDP-Firewall's (543 of 24 ns, measured elsewhere)",
            0.35,
            ratio(floors, Some(XDP_FIREWALL[0] / XDP_FIREWALL[1])),
        ),
        most(
            "ever-new sources",
            "net / own net of 1,000,000",
            1.6,
            ratio(ever_new, million),
        ),
        most(
            "ever-new sources",
            "net / LRU hash + GCRA's, 2M entries",
            0.25,
            ratio(ever_new, net(LRU, PLAIN_PASS, Draw::EverNew, 1)),
        ),
        most(
            "blocked source",
            "net / passing source's",
            1.0,
            ratio(ours(BLOCKED, Draw::One), ours(PASS, Draw::One)),
        ),
        most(
            "banned source",
            "net / passing source's",
            1.0,
            ratio(ours(BANNED, Draw::One), ours(PASS, Draw::One)),
        ),
        most(
            "2 CPUs, one source, pass",
            "net / one CPU's",
            2.5,
            ratio(net(THROTTLER, PASS, Draw::One, 2), ours(PASS, Draw::One)),
        ),
        most(
            "2 CPUs, one source",
            "packets admitted beyond the limit",
            0.0,
            report.fact(OVER_ADMITTED),
        ),
    ]
}

/// Name of the fact.
pub(crate) const OVER_ADMITTED: &str = "packets admitted beyond the limit by 2 CPUs on one source";

pub(super) fn ratio(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    theirs
        .filter(|theirs| *theirs > 0.0)
        .and_then(|theirs| Some(ours? / theirs))
}

fn less(from: Option<f64>, what: Option<f64>) -> Option<f64> {
    Some(from? - what?)
}
