//! Bans: their ends, and those that are taken back.

use log::Level;

use super::Interface;
use crate::compile::Clock;
use crate::daemon::lookout::desk::{Desk, Said};
use crate::daemon::lookout::words;
use crate::report::{BanEnd, Lifted};

const ENDED: Said = Said::Now(Level::Info, "unbanned");
const ENDED_PREFIX: Said = Said::Now(Level::Info, "unbanned prefix");

impl Interface {
    /// Says which bans are over, unless the datapath has said so.
    pub(super) fn end_bans(&mut self, clock: Clock, desk: &mut Desk) {
        let Some(view) = &self.view else { return };
        while let Some(id) = self.bans.take(clock.monotonic_ns) {
            let plan = match view.end_ban(&id) {
                BanEnd::On(until) => {
                    self.bans.put(id, until);
                    continue;
                }
                BanEnd::Told => continue,
                BanEnd::Over(plan) => plan,
                BanEnd::Gone => 0,
            };
            let Some(net) = view.banned_net(&id) else {
                continue;
            };
            let description = view.description();
            let plan = description.plan(plan).map(|plan| plan.name.as_str());
            let scope = description.scope_name(id.scope);
            let alert = words::over(clock.wall, net, id.prefix, &scope, plan);
            let said = if id.prefix { ENDED_PREFIX } else { ENDED };
            desk.tell(Some(self.place), alert, said, clock.monotonic_ns);
        }
    }

    /// Bans of the datapath were taken back; the log has it.
    pub(in crate::daemon::lookout) fn lifted(
        &mut self,
        bans: &[Lifted],
        clock: Clock,
        desk: &mut Desk,
    ) {
        for ban in bans {
            let view = self.view.as_ref();
            if let Some(id) = view.and_then(|view| view.ban_id(ban.source, ban.prefix, &ban.scope))
            {
                self.bans.remove(&id);
            }
            let alert = words::lifted(clock.wall, ban);
            desk.tell(Some(self.place), alert, Said::Already, clock.monotonic_ns);
        }
    }
}
