//! Targets of the live part.

use super::super::{Draw, Report};
use super::{Bound, Target, ratio};

pub(crate) const BARE_DROP: &str = "XDP_DROP alone";
pub(crate) const OURS: &str = "throttler, over limit";
pub(crate) const NFT: &str = "nftables, ingress hook, dynamic set with limit";

const THOUSAND: Draw = Draw::Uniform(1_000);
const HUNDRED_THOUSAND: Draw = Draw::Uniform(100_000);

pub(super) fn targets(report: &Report) -> Vec<Target> {
    let capacity = |program, draw| {
        let mut rows = report.live.iter();
        let row = rows.find(|row| (row.program, row.draw) == (program, draw))?;
        row.seen.as_ref().ok().map(super::super::Handled::capacity)
    };
    // A packet's share, so that a sender that fell behind its rate does not flatter anybody.
    let busy = |program| {
        let row = report.loads.iter().find(|row| row.program == program)?;
        row.seen
            .as_ref()
            .ok()
            .map(|share| share.busy / share.pps.max(1.0))
    };
    let least = |case, figure, bound, measured| Target {
        case,
        figure,
        bound: Bound::AtLeast(bound),
        measured,
    };
    let (few, many) = (capacity(OURS, THOUSAND), capacity(OURS, HUNDRED_THOUSAND));
    vec![
        least(
            "live, 1,000 sources over limit",
            "packets a core-second / XDP_DROP alone's",
            0.55,
            ratio(few, capacity(BARE_DROP, THOUSAND)),
        ),
        least(
            "live, 1,000 sources over limit",
            "packets a core-second / nftables ingress'",
            2.8,
            ratio(few, capacity(NFT, THOUSAND)),
        ),
        least(
            "live, 100,000 sources over limit",
            "packets a core-second / nftables ingress'",
            2.2,
            ratio(many, capacity(NFT, HUNDRED_THOUSAND)),
        ),
        Target {
            case: "receive path under a 750 kpps flood",
            figure: "CPU a handled packet / nftables ingress'",
            bound: Bound::AtMost(0.4),
            measured: ratio(busy(OURS), busy(NFT)),
        },
    ]
}
