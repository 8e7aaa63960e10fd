//! The lookout's thread: waits for notes, and for what is due.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use log::Level;

use super::desk::{Desk, Said};
use super::firsts::Firsts;
use super::interface::Interface;
use super::operators::{Groups, News};
use super::words::{self, Turn};
use super::{Note, Places, QUEUE, Tally, Word};
use crate::compile::Clock;
use crate::kernel::monotonic;

/// The name of an operator's order in the abuse log.
const GIVEN: Said = Said::Now(Level::Warn, "banned");
const ENDED: Said = Said::Now(Level::Info, "unbanned");

/// Everything that the lookout knows.
pub(super) struct Thread {
    places: Places,
    interfaces: Vec<Interface>,
    firsts: Firsts,
    operators: Groups,
    desk: Desk,
    tally: Arc<Tally>,
    ends: bool,
}

impl Thread {
    pub(super) fn new(
        places: Places,
        ifaces: Arc<[String]>,
        desk: Desk,
        tally: Arc<Tally>,
    ) -> Self {
        let interfaces = ifaces.iter().enumerate();
        Self {
            interfaces: interfaces
                .map(|(place, iface)| Interface::new(place, iface))
                .collect(),
            places,
            firsts: Firsts::new(),
            operators: Groups::default(),
            desk,
            tally,
            ends: false,
        }
    }

    /// Works until told to end.
    pub(super) fn run(mut self, noted: &Receiver<Note>, words: &Mutex<Vec<Word>>) {
        let mut events = 0;
        while !self.ends {
            let now = monotonic::now();
            let wait = self.due(now).saturating_sub(now.monotonic_ns);
            let note = noted.recv_timeout(Duration::from_nanos(wait));
            let now = monotonic::now();
            // Words have a note in the queue, so that they come in their order, unless it was full then.
            let mut is_heard = events >= QUEUE;
            match note {
                Ok(Note::Event(place, event)) => {
                    events += 1;
                    if let Some(interface) = self.interfaces.get_mut(place) {
                        interface.event(&event, now, &mut self.firsts, &mut self.desk);
                    }
                }
                Ok(Note::Look) | Err(RecvTimeoutError::Timeout) => is_heard = true,
                Err(RecvTimeoutError::Disconnected) => self.ends = true,
            }
            if is_heard {
                events = 0;
                let said =
                    std::mem::take(&mut *words.lock().unwrap_or_else(PoisonError::into_inner));
                for word in said {
                    self.hear(word, now);
                }
            }
            self.look(now);
        }
        // What waits was earned before the end.
        while let Ok(Note::Event(place, event)) = noted.try_recv() {
            if let Some(interface) = self.interfaces.get_mut(place) {
                interface.event(&event, monotonic::now(), &mut self.firsts, &mut self.desk);
            }
        }
        self.desk.end();
        for interface in &mut self.interfaces {
            interface.save(&self.places);
        }
    }

    /// When there is something to do, in monotonic nanoseconds.
    fn due(&self, now: Clock) -> u64 {
        let operators = self.operators.next().map(|until| now.monotonic(until));
        let interfaces = self.interfaces.iter().map(Interface::due);
        let first = interfaces.chain(operators).chain(self.desk.due()).min();
        // With nothing to do it waits for notes alone.
        first.unwrap_or(u64::MAX)
    }

    fn look(&mut self, now: Clock) {
        for interface in &mut self.interfaces {
            interface.look(&self.places, now, &mut self.desk, &self.tally);
        }
        while let Some((until, group)) = self.operators.take(now.wall) {
            let count = group.named.len() as u64 + group.more;
            if group.more > 0 {
                let alert = words::operators_many(Turn::Over, now.wall, count, Some(until));
                self.desk.tell_sum(alert, ENDED, count);
                continue;
            }
            for net in group.named {
                let alert = words::operators(Turn::Over, now.wall, net, Some(until));
                self.desk.tell(None, alert, ENDED, now.monotonic_ns);
            }
        }
        self.desk.catch_up(now.monotonic_ns);
        let forgotten = self.firsts.forgotten
            + self.operators.beyond
            + self.interfaces.iter().map(Interface::beyond).sum::<u64>();
        self.tally
            .forgotten
            .store(forgotten, std::sync::atomic::Ordering::Relaxed);
    }

    fn hear(&mut self, word: Word, now: Clock) {
        match word {
            Word::Follow(place, names, is_new) => {
                if let Some(interface) = self.interfaces.get_mut(place) {
                    interface.follow(names, is_new, now.monotonic_ns);
                }
            }
            Word::Known(bans) => {
                for (net, until) in bans.into_iter().filter(|(_, until)| *until > now.wall) {
                    self.operators.put(net, until);
                }
            }
            Word::Ordered(news) => self.order(news, now),
            Word::Lifted(iface, bans) => {
                let found = self.interfaces.iter_mut().find(|one| one.iface() == iface);
                if let Some(interface) = found {
                    interface.lifted(&bans, now, &mut self.desk);
                }
            }
            Word::End => self.ends = true,
        }
    }

    fn order(&mut self, news: News, now: Clock) {
        for (net, before, after) in &news.moved {
            before
                .iter()
                .for_each(|before| self.operators.remove(*net, *before));
            after
                .iter()
                .for_each(|after| self.operators.put(*net, *after));
        }
        for (net, until) in &news.taken {
            until
                .iter()
                .for_each(|until| self.operators.remove(*net, *until));
        }
        for (net, until) in &news.given {
            until
                .iter()
                .for_each(|until| self.operators.put(*net, *until));
        }
        for (turn, said, all) in [
            (Turn::Given, GIVEN, &news.given),
            (Turn::Taken, ENDED, &news.taken),
        ] {
            let count = all.len() as u64;
            if count > super::cap::MOST {
                let until = all.first().and_then(|(_, until)| *until);
                let alert = words::operators_many(turn, now.wall, count, until);
                self.desk.tell_sum(alert, said, count);
                continue;
            }
            for (net, until) in all {
                let alert = words::operators(turn, now.wall, *net, *until);
                self.desk.tell(None, alert, said, now.monotonic_ns);
            }
        }
    }
}
