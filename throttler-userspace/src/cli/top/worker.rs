//! The thread that looks at the maps, so that keys are answered meanwhile.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use ipnet::IpNet;

use super::app::{Answer, Look};
use super::orders;
use super::terminal::Message;
use crate::cli::Common;
use crate::daemon::lock;
use crate::report::{Live, Query};

/// After a change of what is looked for, and for the first rates, nobody waits longer than this. Sooner, rates would
/// be of too short a time.
const SOON: Duration = Duration::from_millis(500);

/// What the worker is told.
enum Order {
    Look(Query),
    Freeze(bool),
    Explain(IpNet),
    Ban(IpNet, Option<String>),
}

/// The worker's end on this side.
pub(super) struct Worker(Sender<Order>);

impl Worker {
    /// Starts it; it reports to `sender` until nobody listens.
    ///
    /// # Errors
    /// The kernel's, if there can be no thread.
    pub(super) fn start(
        live: Live,
        common: &Common,
        ifaces: Vec<String>,
        interval: Duration,
        sender: Sender<Message>,
    ) -> Result<Self> {
        let (orders, receiver) = mpsc::channel();
        let mut looking = Looking {
            live,
            common: common.clone(),
            ifaces,
            interval,
            sender,
            query: Query::default(),
            frozen: false,
            due: Instant::now(),
            began: Instant::now(),
        };
        thread::Builder::new()
            .name("top-looks".to_owned())
            .spawn(move || looking.run(&receiver))
            .context("starting a thread")?;
        Ok(Self(orders))
    }

    // Where the worker has gone, its end of the other channel says so.

    pub(super) fn look(&self, query: Query) {
        let _ = self.0.send(Order::Look(query));
    }

    pub(super) fn freeze(&self, frozen: bool) {
        let _ = self.0.send(Order::Freeze(frozen));
    }

    pub(super) fn explain(&self, source: IpNet) {
        let _ = self.0.send(Order::Explain(source));
    }

    pub(super) fn ban(&self, source: IpNet, duration: Option<String>) {
        let _ = self.0.send(Order::Ban(source, duration));
    }
}

struct Looking {
    live: Live,
    common: Common,
    ifaces: Vec<String>,
    interval: Duration,
    sender: Sender<Message>,
    query: Query,
    frozen: bool,
    /// When the next look is.
    due: Instant,
    /// When the last one was.
    began: Instant,
}

impl Looking {
    fn run(&mut self, orders: &mpsc::Receiver<Order>) {
        let _told = Told(self.sender.clone());
        let mut first = true;
        loop {
            let rest = match self.frozen {
                true => Duration::from_secs(3_600),
                false => self.due.saturating_duration_since(Instant::now()),
            };
            match orders.recv_timeout(rest) {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) if self.frozen => {}
                Err(RecvTimeoutError::Timeout) => {
                    if !self.look(std::mem::take(&mut first)) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self, first: bool) -> bool {
        self.began = Instant::now();
        let serves = |iface: &str| lock::holder(&self.common.state_dir, iface).is_some();
        let found = self.live.look(&self.query, serves);
        let took = self.began.elapsed();
        let pause = pace(self.interval, took);
        self.due = self.began
            + if first {
                pause.min(SOON.max(2 * took))
            } else {
                pause
            };
        let found = found.map_err(|error| format!("{error:#}"));
        let look = Look { found, took, pause };
        self.sender.send(Message::Look(look)).is_ok()
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Look(query) => {
                self.query = query;
                self.due = self.due.min(self.began + SOON);
            }
            Order::Freeze(frozen) => self.frozen = frozen,
            Order::Explain(source) => {
                let answer = orders::explain(&self.common, &self.ifaces, source);
                let _ = self.sender.send(Message::Answer(answer));
            }
            Order::Ban(source, duration) => self.ban(source, duration),
        }
    }

    /// On a thread of its own: a daemon may take its time.
    fn ban(&self, source: IpNet, duration: Option<String>) {
        let (common, sender) = (self.common.clone(), self.sender.clone());
        let ask = move || {
            let answer = orders::ban(&common, source, duration.as_deref());
            let _ = sender.send(Message::Answer(answer));
        };
        let thread = thread::Builder::new().name("top-ban".to_owned());
        if let Err(error) = thread.spawn(ask) {
            let answer = Answer::Failed(format!("{source} is not banned: {error}"));
            let _ = self.sender.send(Message::Answer(answer));
        }
    }
}

/// A panic of this thread ends `top`: the terminal has been given back for its message.
struct Told(Sender<Message>);

impl Drop for Told {
    fn drop(&mut self) {
        if thread::panicking() {
            let why = "the thread that looks at the maps has failed";
            let _ = self.0.send(Message::Gone(why.to_owned()));
        }
    }
}

/// From the beginning of one look to that of the next: the interval, but never more than half of it is spent looking.
fn pace(interval: Duration, took: Duration) -> Duration {
    interval.max(2 * took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_that_take_long_come_less_often() {
        let ms = Duration::from_millis;
        assert_eq!(pace(ms(1_000), ms(30)), ms(1_000));
        assert_eq!(pace(ms(1_000), ms(500)), ms(1_000));
        assert_eq!(pace(ms(1_000), ms(1_500)), ms(3_000));
    }
}
