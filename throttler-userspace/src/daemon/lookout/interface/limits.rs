//! Long limits: who has nearly used one up, and whose is full again.

use std::borrow::Cow;

use log::Level;

use super::Interface;
use crate::compile::{Clock, ScopeKind};
use crate::daemon::lookout::Places;
use crate::daemon::lookout::desk::{Desk, Said};
use crate::daemon::lookout::store::{self, Told};
use crate::daemon::lookout::words::Bucket;
use crate::kernel::sys;
use crate::report::{BucketId, Standing, Used, View};

const NEAR: Said = Said::Now(Level::Warn, "near_limit");
const RESET: Said = Said::Now(Level::Info, "limit_reset");

impl Interface {
    pub(super) fn sweep(&mut self, clock: Clock, desk: &mut Desk) {
        let Some(view) = &self.view else { return };
        let before = sys::thread_ns();
        let (near, place) = (&mut self.near, self.place);
        view.near(|used| {
            if near.saw(&used, clock.monotonic_ns) {
                tell_near(view, place, &used, clock, desk);
            }
        });
        let took = sys::thread_ns().saturating_sub(before);
        self.near.swept(clock.monotonic_ns, took);
        if self.near.beyond() > 0 && !self.is_full {
            self.is_full = true;
            log::warn!(
                "{}: more sources have nearly used up a limit than the lookout remembers ({}); of the others no alert comes, \
                 and throttler_lookout_forgotten_total counts them at every look",
                self.iface,
                self.near.len()
            );
        }
    }

    /// Looks whether buckets are full that were expected to be by now.
    pub(super) fn verify(&mut self, clock: Clock, desk: &mut Desk) {
        let Some(view) = &self.view else { return };
        let now = clock.monotonic_ns;
        let taken = self.near.take(now);
        if taken.is_empty() {
            return;
        }
        let before = sys::thread_ns();
        let ids: Vec<BucketId> = taken.iter().map(|(id, _)| *id).collect();
        for ((id, plan), standing) in taken.iter().zip(view.standings(&ids)) {
            match standing {
                Standing::Used(used) => self.near.put_off(&used, now),
                Standing::Void => self.near.is_done(now),
                Standing::Full => {
                    self.near.is_done(now);
                    if let Some(bucket) = bucket(view, id, *plan) {
                        desk.tell(Some(self.place), bucket.reset(clock.wall), RESET, now);
                    }
                }
            }
        }
        self.near
            .verified(now, sys::thread_ns().saturating_sub(before));
    }

    pub(super) fn load(&mut self, places: &Places) {
        let Some(view) = &self.view else { return };
        for told in store::load(&store::path(&places.state_dir, &self.iface)) {
            if let Some(id) = view.bucket_id(told.source, &told.scope, &told.limit) {
                self.near.knew(id);
            }
        }
    }

    /// Writes what was told. A full disk must not fill the log.
    pub(in crate::daemon::lookout) fn save(&mut self, places: &Places) {
        let Some(view) = &self.view else { return };
        if !self.near.is_unsaved() {
            return;
        }
        let clock = crate::report::clock();
        let told = self.near.all().filter_map(|(id, full)| {
            let (scope, limit) = view.limit(id, 0)?;
            Some(Told {
                source: view.bucket_net(id),
                scope: Cow::Borrowed(&scope.name),
                limit: Cow::Borrowed(&limit.name),
                full_at: clock.wall(full.max(clock.monotonic_ns)),
            })
        });
        let saved = store::save(&store::path(&places.state_dir, &self.iface), told);
        if let (Err(error), false) = (&saved, self.is_failing) {
            log::warn!(
                "{}: after a restart limits may be told of again as nearly used up: {error:#}",
                self.iface
            );
        }
        self.is_failing = saved.is_err();
        self.near.saved(clock.monotonic_ns, saved.is_ok());
    }
}

/// Says that a bucket is nearly used up.
pub(in crate::daemon::lookout) fn tell_near(
    view: &View,
    place: usize,
    used: &Used,
    clock: Clock,
    desk: &mut Desk,
) {
    if let Some(bucket) = bucket(view, &used.id, used.plan) {
        let alert = bucket.near(clock.wall, used);
        desk.tell(Some(place), alert, NEAR, clock.monotonic_ns);
    }
}

fn bucket<'a>(view: &'a View, id: &BucketId, plan: u16) -> Option<Bucket<'a>> {
    let (scope, limit) = view.limit(id, plan)?;
    Some(Bucket {
        net: view.bucket_net(id),
        global: id.global,
        scope,
        layer: scope.kind == ScopeKind::Layer,
        limit,
        plan: view.description().plan(plan).map(|plan| plan.name.as_str()),
    })
}
