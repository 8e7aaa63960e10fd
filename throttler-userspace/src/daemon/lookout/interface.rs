//! One interface under the lookout: its maps, read at the times that the pure parts ask for.

mod bans;
mod limits;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use log::Level;

pub(super) use self::limits::tell_near;
use super::desk::{Desk, Said};
use super::ends::Ends;
use super::episode::Episode;
use super::near::Near;
use super::share::{Change, Minute, STEP_NS};
use super::words;
use super::{Places, Tally};
use crate::compile::Clock;
use crate::daemon::abuse::Names;
use crate::report::{BanId, Share, View};

/// Bans whose ends are kept. The datapath tells of the others' with their source's next packet.
const BANS: usize = 65_536;

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
}
