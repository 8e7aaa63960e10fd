//! What follows from a refusal: it is counted against its source, told of, and may earn a ban.

use crate::abi::NO_LIMIT;
use crate::ban::{Ban, MOMENT_SHIFT, moment};
use crate::charge::Refused;
use crate::clock::Clock;
use crate::notice::{Kind, Notice};
use crate::parse::Packet;
use crate::policy::Policies;
use crate::reason::Reason;
use crate::slot::Slots;
use crate::table::Way;

/// A packet that was refused, for any reason but a ban: of a banned source has been told, and nobody
/// counts what it goes on sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, without monitor mode.
    pub why: Reason,
    /// Whether monitor mode let it pass.
    pub monitored: bool,
    /// The scope.
    pub scope: u8,
    /// The source's plan; 0: none.
    pub plan: u16,
    /// The limit, if one refused.
    pub refused: Refused,
}

/// Draws the consequences. `way` is the source's; its handle is 0 where the source found no room. Whether
/// the source was banned, and its prefix is to be asked after ([`crate::abuse::widen`]).
#[inline(always)]
pub fn refuse<P: Policies, S: Slots, C: Clock>(
    policy: &P,
    slots: &S,
    way: &Way<S::Words>,
    packet: &Packet,
    clock: &C,
    refusal: &Refusal,
) -> bool {
    let Some(head) = policy.head() else {
        return false;
    };
    let now = clock.coarse();
    let at = moment(now);
    let mut widen = false;
    let mut notice = Notice {
        reason: refusal.why,
        monitored: refusal.monitored,
        limit: refusal.refused.limit,
        ..Notice::new(Kind::Refusal, refusal.scope, refusal.plan)
    };
    if way.handle == 0 {
        if refusal.why != Reason::TableFull {
            return false;
        }
        let (refused, total) = slots.refuse_newcomer(packet, at);
        if refused == 0 {
            return false;
        }
        notice.kind = Kind::Pressure;
        notice.refused = refused;
        notice.refused_total = total;
    } else {
        let mut given = Ban::default();
        if refusal.why == Reason::OverLimit
            && refusal.refused.limit != NO_LIMIT
            && head.abuse.refusals != 0
        {
            given = Ban(slots.strike(policy, way, at));
            widen = given.is_fresh() && head.abuse.wider_sources != 0;
        }
        notice.bans = given.times();
        if given != Ban::default() {
            notice.kind = Kind::Ban;
            notice.refused = u64::from(head.abuse.refusals);
            // Not told of as refused: the next event does that.
            notice.refused_total = way.count_refusal();
            notice.retry_after = given.until().saturating_sub(at) << MOMENT_SHIFT;
        } else if !slots.may_tell(at) {
            way.count_refusal();
            return false;
        } else if let Some((refused, total)) = way.claim_event(at) {
            notice.refused = refused;
            notice.refused_total = total;
            notice.retry_after = refusal.refused.wait;
        } else {
            return false;
        }
    }
    // Both are counted from the coarse time.
    let late = clock.exact().saturating_sub(now);
    notice.retry_after = notice.retry_after.saturating_sub(late);
    slots.tell(head, packet, clock, &notice);
    widen
}
