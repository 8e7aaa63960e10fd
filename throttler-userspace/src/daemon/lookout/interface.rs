//! One interface under the lookout: its maps, read at the times that the pure parts ask for.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use log::Level;

use super::desk::{Desk, Said};
use super::ends::Ends;
use super::episode::Episode;
use super::near::Near;
use super::share::{Change, Minute, STEP_NS};
use super::store::{self, Told};
use super::words::{self, Bucket};
use super::{Places, Tally};
use crate::compile::{Clock, ScopeKind};
use crate::daemon::abuse::Names;
use crate::kernel::sys;
use crate::report::{BanEnd, BanId, BucketId, Lifted, Share, Standing, Used, View};

/// Bans whose ends are kept. The datapath tells of the others' with their source's next packet.
const BANS: usize = 65_536;

const ENDED: Said = Said::Now(Level::Info, "unbanned");
const ENDED_PREFIX: Said = Said::Now(Level::Info, "unbanned prefix");
const NEAR: Said = Said::Now(Level::Warn, "near_limit");
const RESET: Said = Said::Now(Level::Info, "limit_reset");
const SHARE: Said = Said::Now(Level::Warn, "refused_share");

/// What the lookout knows of it.
pub(super) struct Interface {
    pub(super) place: usize,
    iface: String,
    /// Of its events; `None`: it has not come yet.
    pub(super) names: Option<Arc<Mutex<Names>>>,
    pub(super) view: Option<View>,
    /// The source table that the bans are of.
    table: Option<u32>,
    pub(super) bans: Ends<BanId>,
    pub(super) near: Near,
    minute: Minute,
    pub(super) episode: Episode,
    next_step: u64,
    /// Whether the file of what was told was read.
    is_loaded: bool,
    /// Whether it could not be written when it was last tried.
    is_failing: bool,
    /// Whether it was said that there are too many.
    is_full: bool,
}

impl Interface {
    pub(super) fn new(place: usize, iface: &str) -> Self {
        Self {
            place,
            iface: iface.to_owned(),
            names: None,
            view: None,
            table: None,
            bans: Ends::new(BANS),
            near: Near::new(),
            minute: Minute::default(),
            episode: Episode::default(),
            next_step: 0,
            is_loaded: false,
            is_failing: false,
            is_full: false,
        }
    }

    pub(super) fn iface(&self) -> &str {
        &self.iface
    }

    /// What there was no room for.
    pub(super) fn beyond(&self) -> u64 {
        self.bans.beyond + self.near.beyond()
    }

    /// Its events come from now on; its counters began at nothing if it is `new`.
    pub(super) fn follow(&mut self, names: Arc<Mutex<Names>>, is_new: bool, now: u64) {
        if is_new {
            // What came before the first reading is of the first minute.
            self.minute = Minute::default();
            self.minute.read(now, Share::default());
        }
        self.names = Some(names);
        self.view = None;
        self.next_step = 0;
    }

    /// When there is something to do, in monotonic nanoseconds.
    pub(super) fn due(&self) -> u64 {
        if self.names.is_none() {
            return u64::MAX;
        }
        let Some(view) = &self.view else {
            return self.next_step;
        };
        let ends = [self.bans.next(), self.episode.due()];
        let first = ends.into_iter().flatten().min().unwrap_or(u64::MAX);
        first
            .min(self.near.due(view.has_long_limits()))
            .min(self.next_step)
    }

    /// Does what is due.
    pub(super) fn look(&mut self, places: &Places, clock: Clock, desk: &mut Desk, tally: &Tally) {
        let Some(names) = &self.names else { return };
        let now = clock.monotonic_ns;
        let newest = names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .newest();
        let is_step = now >= self.next_step;
        let is_stale = |view: &View| {
            newest.is_some_and(|newest| newest != view.description().generation)
                || is_step && !view.is_same_table()
        };
        // What cannot be opened is tried again with the next step.
        if self.view.as_ref().is_some_and(is_stale) || self.view.is_none() && is_step {
            self.open(places, clock);
        }
        if is_step {
            self.next_step = now + STEP_NS;
            self.step(clock, desk);
        }
        // Opening maps takes its time.
        let clock = crate::report::clock();
        let now = clock.monotonic_ns;
        let Some(view) = &mut self.view else { return };
        view.at(clock);
        if view.has_long_limits() && self.near.is_sweep_due(now) {
            self.sweep(clock, desk);
            tally
                .of(Some(self.place))
                .sweeps
                .fetch_add(1, Ordering::Relaxed);
        }
        self.end_bans(clock, desk);
        self.verify(clock, desk);
        self.pressure(clock, desk);
        if self.near.is_save_due(now) {
            self.save(places);
        }
        tally
            .of(Some(self.place))
            .near
            .store(self.near.len() as u64, Ordering::Relaxed);
    }

    fn open(&mut self, places: &Places, clock: Clock) {
        self.view = match View::open(&places.bpffs, &self.iface) {
            Ok(view) => view,
            Err(error) => {
                log::debug!(
                    "{}: the lookout cannot read the maps: {error:#}",
                    self.iface
                );
                None
            }
        };
        let Some(view) = &mut self.view else { return };
        view.at(clock);
        if self.table != Some(view.table()) {
            self.table = Some(view.table());
            self.bans.clear();
            let bans = &mut self.bans;
            view.bans(|id, until| {
                bans.put(id, until);
            });
            self.episode.calm(clock.monotonic_ns, view.turned_away());
        }
        if view.has_long_limits() {
            self.near.make_room();
        }
        self.near.recheck();
        if !self.is_loaded {
            self.is_loaded = true;
            self.load(places);
        }
    }

    /// Looks at the counters.
    fn step(&mut self, clock: Clock, desk: &mut Desk) {
        let Some(view) = &self.view else { return };
        self.episode.calm(clock.monotonic_ns, view.turned_away());
        let share = match view.share() {
            Ok(share) => share,
            Err(error) => {
                log::debug!(
                    "{}: the lookout cannot read the counters: {error:#}",
                    self.iface
                );
                return;
            }
        };
        match self.minute.read(clock.monotonic_ns, share) {
            Some(Change::Begun(share)) => {
                let mut alert = words::refused_share(clock.wall, &self.iface, share, false);
                alert.monitored = Some(view.description().mode == "monitor");
                desk.tell(Some(self.place), alert, SHARE, clock.monotonic_ns);
            }
            Some(Change::Over(share)) => {
                let alert = words::refused_share(clock.wall, &self.iface, share, true);
                desk.say(Some(self.place), alert, Level::Info, "refused_share_over");
            }
            None => {}
        }
    }

    fn sweep(&mut self, clock: Clock, desk: &mut Desk) {
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
    fn verify(&mut self, clock: Clock, desk: &mut Desk) {
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

    /// Says which bans are over, unless the datapath has said so.
    fn end_bans(&mut self, clock: Clock, desk: &mut Desk) {
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

    fn pressure(&mut self, clock: Clock, desk: &mut Desk) {
        let Some(view) = &self.view else { return };
        if self
            .episode
            .due()
            .is_none_or(|due| due > clock.monotonic_ns)
        {
            return;
        }
        if let Some(refused) = self.episode.take(clock.monotonic_ns, view.turned_away()) {
            let mut alert = words::pressure(clock.wall, &self.iface, refused);
            alert.monitored = Some(view.description().mode == "monitor");
            // Of each second the log has a line.
            desk.tell(Some(self.place), alert, Said::Already, clock.monotonic_ns);
        }
    }

    /// Bans of the datapath were taken back; the log has it.
    pub(super) fn lifted(&mut self, bans: &[Lifted], clock: Clock, desk: &mut Desk) {
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

    fn load(&mut self, places: &Places) {
        let Some(view) = &self.view else { return };
        for told in store::load(&store::path(&places.state_dir, &self.iface)) {
            if let Some(id) = view.bucket_id(told.source, &told.scope, &told.limit) {
                self.near.knew(id);
            }
        }
    }

    /// Writes what was told. A full disk must not fill the log.
    pub(super) fn save(&mut self, places: &Places) {
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
pub(super) fn tell_near(view: &View, place: usize, used: &Used, clock: Clock, desk: &mut Desk) {
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
