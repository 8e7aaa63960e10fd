//! What the limits say of a packet.

use super::meeting::part;
use super::{Charged, Outcome, Reference, Verdict};
use crate::bucket::{Bucket, Says, Spec};
use crate::interval::Log;
use crate::sources::Packet;

impl Reference {
    /// What each limit of the scope or layer says, in the order in which they are asked.
    pub(super) fn ask(
        &mut self,
        source: usize,
        scope: usize,
        plan: Option<usize>,
        packet: &Packet,
        now: u64,
    ) -> Vec<(usize, Says)> {
        let policy = self.generations.last().expect("a generation");
        let slot = self.slots.get_mut(&(source, scope)).expect("it was met");
        let mut said = Vec::new();
        for limit in &self.order[scope][0] {
            let unit = policy.scopes[scope].limits[*limit].unit;
            let units = packet.units(unit);
            let (Some(rate), 1..) = (policy.rate(plan, scope, *limit), units) else {
                continue;
            };
            let charged = slot.buckets.entry(*limit).or_insert_with(|| Charged {
                bucket: Bucket::full(Spec::new(rate, unit, 100, rate.burst), now),
                log: Log::new(),
                lifted: false,
            });
            charged.bucket.pass(now);
            said.push((*limit, charged.bucket.says(units)));
        }
        said
    }

    /// Asks the reserved share, if the source may have it, and the common one. Whether the packet may go on.
    pub(super) fn ask_together(
        &mut self,
        verdict: &mut Verdict,
        packet: &Packet,
        protected: bool,
        now: u64,
    ) -> bool {
        let mut reserved = Says::Refuse;
        if protected {
            let said = self.ask_share(packet, true, now);
            let refuse = said.iter().any(|(_, says)| *says == Says::Refuse);
            let either = said.iter().any(|(_, says)| *says == Says::Either);
            reserved = match (refuse, either) {
                (true, _) => Says::Refuse,
                (false, true) => Says::Either,
                (false, false) => Says::Admit,
            };
        }
        verdict.shares[1] = match reserved {
            Says::Admit => Some(true),
            Says::Either => Some(false),
            Says::Refuse => None,
        };
        if reserved == Says::Admit {
            return true;
        }
        let said = self.ask_share(packet, false, now);
        let may = verdict.refusals(said, Outcome::Global);
        if may {
            verdict.shares[0] = Some(reserved == Says::Refuse);
        }
        may || reserved == Says::Either
    }

    pub(super) fn ask_share(
        &mut self,
        packet: &Packet,
        reserved: bool,
        now: u64,
    ) -> Vec<(usize, Says)> {
        let scope = packet.scope;
        self.meet_share(scope, reserved, now);
        let policy = self.generations.last().expect("a generation");
        let share = &mut self.shares.get_mut(&scope).expect("just met")[usize::from(reserved)];
        let mut said = Vec::new();
        for limit in &self.order[scope][1] {
            let units = packet.units(policy.scopes[scope].global[*limit].unit);
            if units > 0 {
                let new = || Bucket::full(part(policy, scope, *limit, reserved), now);
                let bucket = share.buckets.entry(*limit).or_insert_with(new);
                bucket.pass(now);
                said.push((*limit, bucket.says(units)));
            }
        }
        said
    }
}
