//! What an event of the datapath is worth.

use std::sync::PoisonError;

use throttler_common::Reason;
use throttler_common::abi::{Event, GLOBAL_LIMIT, LAYER_LIMIT, NO_LIMIT};
use throttler_common::notice::Kind;

use super::desk::{Desk, Said};
use super::firsts::Firsts;
use super::interface::{Interface, tell_near};
use super::words;
use crate::compile::Clock;
use crate::daemon::abuse::{Spoken, layer};
use crate::report::{BanId, BucketId, Standing, Used};

impl Interface {
    /// Takes an event.
    pub(super) fn event(
        &mut self,
        event: &Event,
        clock: Clock,
        firsts: &mut Firsts,
        desk: &mut Desk,
    ) {
        let tell = |alert, desk: &mut Desk| {
            desk.tell(Some(self.place), alert, Said::Already, clock.monotonic_ns);
        };
        match Kind::from_index(event.kind) {
            Some(Kind::Refusal) => self.refusal(event, clock, firsts, desk),
            Some(Kind::Ban) => {
                // It is the last of the refusals that led to it.
                self.refusal(event, clock, firsts, desk);
                self.ban(event, clock, desk);
            }
            Some(Kind::WiderBan) => self.ban(event, clock, desk),
            Some(Kind::Unban | Kind::WiderUnban) => {
                if let Some(spoken) = self.spoken(event, clock) {
                    let plan = spoken.plan.as_deref();
                    let alert = words::over(
                        spoken.time,
                        spoken.source,
                        spoken.prefix,
                        &spoken.scope,
                        plan,
                    );
                    tell(alert, desk);
                }
                self.bans.remove(&ban_id(event));
            }
            Some(Kind::Pressure) => self.episode.note(event.at),
            None => {}
        }
    }

    fn spoken(&self, event: &Event, clock: Clock) -> Option<Spoken> {
        let names = self.names.as_ref()?;
        let names = names.lock().unwrap_or_else(PoisonError::into_inner);
        Spoken::of(&names, event, clock)
    }

    fn ban(&mut self, event: &Event, clock: Clock, desk: &mut Desk) {
        let until = event.at.saturating_add(event.retry_after);
        self.bans.put(ban_id(event), until);
        if let Some(spoken) = self.spoken(event, clock) {
            let alert = words::ban(&spoken, event, clock);
            desk.tell(Some(self.place), alert, Said::Already, clock.monotonic_ns);
        }
    }

    fn refusal(&mut self, event: &Event, clock: Clock, firsts: &mut Firsts, desk: &mut Desk) {
        // What is blocked is refused because somebody wants it so.
        if event.reason == Reason::Blocked as u8 {
            return;
        }
        let id = self.bucket(event);
        let whom = (self.place, id.global, id.family, id.addr, id.scope);
        let second = u32::try_from(event.at / 1_000_000_000).unwrap_or(u32::MAX);
        if firsts.note(&whom, second)
            && let Some(spoken) = self.spoken(event, clock)
        {
            let alert = words::first_refusal(&spoken, event, id.global);
            desk.tell(Some(self.place), alert, Said::Already, clock.monotonic_ns);
        }
        if event.limit != NO_LIMIT && !self.near.contains(&id) {
            self.refused_by_limit(&id, event, clock, desk);
        }
    }

    /// Who is refused by a long limit has used it up.
    fn refused_by_limit(&mut self, id: &BucketId, event: &Event, clock: Clock, desk: &mut Desk) {
        let Some(view) = &mut self.view else { return };
        // The identifiers of another generation's limits may be others'; the next look will tell.
        if view.description().generation != event.generation || !view.is_long(id, event.plan) {
            return;
        }
        view.at(clock);
        let reset = match view.standings(&[*id]).first() {
            Some(Standing::Used(used)) => used.reset.max(event.retry_after),
            _ => event.retry_after,
        };
        let used = Used {
            id: *id,
            plan: event.plan,
            share: 1.0,
            retry: event.retry_after,
            reset,
        };
        if self.near.saw(&used, clock.monotonic_ns) {
            tell_near(view, self.place, &used, clock, desk);
        }
    }

    /// The bucket that refused.
    fn bucket(&self, event: &Event) -> BucketId {
        let global = event.limit != NO_LIMIT && event.limit & GLOBAL_LIMIT != 0;
        let layer = match event.limit != NO_LIMIT && event.limit & LAYER_LIMIT != 0 {
            true => self.names.as_ref().and_then(|names| {
                let names = names.lock().unwrap_or_else(PoisonError::into_inner);
                layer(names.of(event.generation)?, event)
            }),
            false => None,
        };
        BucketId {
            global,
            family: if global {
                0
            } else {
                u8::from(event.family == 6)
            },
            addr: if global {
                [0; 16]
            } else {
                event.source.to_bytes()
            },
            scope: layer.unwrap_or(event.scope),
            limit: event.limit & !(LAYER_LIMIT | GLOBAL_LIMIT),
        }
    }
}

fn ban_id(event: &Event) -> BanId {
    BanId {
        prefix: matches!(
            Kind::from_index(event.kind),
            Some(Kind::WiderBan | Kind::WiderUnban)
        ),
        family: u8::from(event.family == 6),
        addr: event.source.to_bytes(),
        scope: event.scope,
    }
}
