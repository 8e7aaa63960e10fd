//! Where alerts go: to whoever delivers them, into the metrics and, where the abuse log does not say the same already,
//! into it.

use std::sync::Arc;

use log::Level;

use super::cap::{Cap, Rest};
use super::tally::Tally;
use crate::alert::{Alert, Kind};
use crate::daemon::abuse;
use crate::daemon::control::Telling;
use crate::kernel::monotonic;

/// Who delivers alerts; it never blocks.
pub(in crate::daemon) type Sink = Box<dyn Fn(Alert) + Send>;

/// Whether an alert is a line of the abuse log as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The log says it already.
    Already,
    /// It is news there, under this name.
    Now(Level, &'static str),
}

/// The lookout's way out.
pub(super) struct Desk {
    sink: Sink,
    telling: Telling,
    tally: Arc<Tally>,
    ifaces: Arc<[String]>,
    cap: Cap,
}

impl Desk {
    /// `most`: lines of a kind in a second, which alerts keep to as well.
    pub(super) fn new(
        sink: Sink,
        telling: Telling,
        tally: Arc<Tally>,
        ifaces: Arc<[String]>,
        most: u64,
    ) -> Self {
        Self {
            sink,
            telling,
            tally,
            ifaces,
            cap: Cap::new(most),
        }
    }

    /// Hands an alert on, unless there were too many of its kind in this second. `place`: its interface's.
    pub(super) fn tell(&mut self, place: Option<usize>, mut alert: Alert, said: Said, now: u64) {
        self.catch_up(now);
        self.tally.count(place, alert.event, 1);
        alert.iface = place.and_then(|place| self.ifaces.get(place).cloned());
        if self.cap.admits(place, alert.event, now) {
            self.hand_on(alert, said);
        }
    }

    /// A line of the abuse log alone.
    pub(super) fn say(
        &self,
        place: Option<usize>,
        mut alert: Alert,
        level: Level,
        message: &'static str,
    ) {
        alert.iface = place.and_then(|place| self.ifaces.get(place).cloned());
        self.telling.tell(&abuse::told(level, message, &alert));
    }

    /// One alert that stands for `count`.
    pub(super) fn tell_sum(&mut self, alert: Alert, said: Said, count: u64) {
        self.tally.count(None, alert.event, count);
        self.hand_on(alert, said);
    }

    fn hand_on(&self, alert: Alert, said: Said) {
        if let Said::Now(level, message) = said {
            self.telling.tell(&abuse::told(level, message, &alert));
        }
        (self.sink)(alert);
    }

    /// When there is something left to tell.
    pub(super) fn due(&self) -> Option<u64> {
        self.cap.due()
    }

    /// Says what the second before has left out.
    pub(super) fn catch_up(&mut self, now: u64) {
        let rests = self.cap.take(now);
        self.rests(rests);
    }

    /// Says what is left out until now.
    pub(super) fn end(&mut self) {
        let rests = self.cap.end();
        self.rests(rests);
    }

    fn rests(&self, rests: Vec<Rest>) {
        for rest in rests {
            let iface = rest.place.and_then(|place| self.ifaces.get(place).cloned());
            let on = iface
                .as_ref()
                .map_or_else(String::new, |iface| format!(" on {iface}"));
            let text = format!("and {} more{on}: {}", rest.count, meaning(rest.kind));
            let mut alert = Alert::new(rest.kind, monotonic::now().wall, text);
            alert.iface = iface;
            self.hand_on(alert, Said::Now(Level::Warn, rest.kind.as_str()));
        }
    }
}

/// What happened to those that were left out.
const fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::FirstRefusal => "sources were refused after an hour or more without",
        Kind::Ban => "sources were banned",
        Kind::Unban => "bans are over",
        Kind::NearLimit => "limits are 80 % used or more",
        Kind::LimitReset => "limits are full again",
        Kind::Pressure => "times the source table had no room",
        Kind::ReloadFailed => "policies could not be put into force",
        Kind::RefusedShare => "times more than a tenth was refused",
    }
}
