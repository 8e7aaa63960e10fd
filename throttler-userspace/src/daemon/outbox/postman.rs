//! One target's task: makes batches, delivers one after the other, tries again, and says in the log when that changes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::Client;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::batch::Batch;
use super::breaker::Breaker;
use super::failure::{Failure, Kind};
use super::mailbox::Mailbox;
use super::queue::ROOM;
use super::target::{Target, To};
use super::{hook, webhook};
use crate::kernel::sys;

/// Older alerts help nobody, and hold up the others.
const OLDEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Delivers what one mailbox holds.
pub(super) struct Postman {
    mailbox: Arc<Mailbox>,
    host: Arc<str>,
    target: watch::Receiver<Option<Arc<Target>>>,
    ending: watch::Receiver<bool>,
    breaker: Breaker,
    sender: Sender,
    /// What the log was told of last; once is enough.
    said: Option<String>,
}

/// What became of a batch.
enum End {
    Delivered,
    GivenUp,
    /// The policy has the target no longer, or the daemon ends.
    Left,
}

impl Postman {
    pub(super) fn new(
        mailbox: Arc<Mailbox>,
        host: Arc<str>,
        ending: watch::Receiver<bool>,
        first_wait: Duration,
    ) -> Self {
        Self {
            target: mailbox.target.subscribe(),
            mailbox,
            host,
            ending,
            breaker: Breaker::new(first_wait),
            sender: Sender::default(),
            said: None,
        }
    }

    /// Works until the policy has the target no longer, or the daemon ends and all is delivered that can be.
    pub(super) async fn work(mut self) {
        while let Some(target) = self.next().await {
            let taken = self.mailbox.take(target.most);
            let batch = Batch::new(&self.mailbox.name, &self.host, &taken);
            drop(taken);
            let end = self.deliver(&batch).await;
            match end {
                End::Delivered => self.mailbox.settle(batch.alerts, batch.lost, true),
                End::GivenUp => self.mailbox.settle(batch.alerts, batch.lost, false),
                End::Left => break,
            }
        }
        if self.target.borrow().is_none() {
            let left = self.mailbox.abandon();
            let name = &self.mailbox.name;
            log::info!(
                "notify `{name}` is no longer in the policy: {left} alerts are not delivered"
            );
        }
    }

    /// Waits until a batch is due; who gets it.
    async fn next(&mut self) -> Option<Arc<Target>> {
        loop {
            let target = self.target.borrow_and_update().clone()?;
            let is_ending = *self.ending.borrow_and_update();
            let (waiting, since) = self.mailbox.waiting();
            let due = since.map(|since| since + target.within);
            let is_due = due.is_some_and(|due| due <= Instant::now());
            if waiting > 0 && (is_due || is_ending || waiting >= target.most) {
                return Some(target);
            }
            if is_ending {
                return None;
            }
            let until = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.mailbox.arrived.notified() => {}
                () = until => {}
                _ = self.target.changed() => self.begin_anew(),
                _ = self.ending.changed() => {}
            }
        }
    }

    /// Tries until there is an end to it.
    async fn deliver(&mut self, batch: &Batch) -> End {
        let mut failed = 0;
        loop {
            let Some(target) = self.target.borrow_and_update().clone() else {
                return End::Left;
            };
            let is_ending = *self.ending.borrow_and_update();
            if is_ending && self.breaker.is_open() {
                return End::Left;
            }
            let failure = match self.sender.send(&target, batch).await {
                Ok(()) => {
                    self.succeeded();
                    return End::Delivered;
                }
                Err(failure) => failure,
            };
            failed += u32::from(failure.kind == Kind::Failed);
            let gives_up = match failure.kind {
                Kind::Refused => true,
                Kind::Failed => failed >= target.attempts,
                Kind::Unreachable => batch.made.elapsed() >= OLDEST,
            };
            // Who refuses is there.
            if failure.kind != Kind::Refused {
                self.failed(&target, &failure);
            }
            if gives_up {
                self.say(&format!(
                    "notify `{}`: {} alerts are given up: {}: {}",
                    target.name,
                    batch.alerts,
                    target.place(),
                    failure.text
                ));
                return End::GivenUp;
            }
            if is_ending {
                return End::Left;
            }
            let wait = self.breaker.wait(random());
            let asked = failure.after.unwrap_or_default();
            let wait = wait.max(asked.min(self.breaker.longest()));
            log::debug!("notify `{}`: trying again in {wait:?}", target.name);
            tokio::select! {
                () = sleep(wait) => {}
                _ = self.target.changed() => self.begin_anew(),
                _ = self.ending.changed() => {}
            }
        }
    }

    /// Another policy may have mended what was wrong.
    fn begin_anew(&mut self) {
        if self.breaker.succeeded() {
            self.mailbox.counts.is_open.store(false, Ordering::Relaxed);
        }
        self.said = None;
    }

    fn succeeded(&mut self) {
        let failures = self.breaker.in_a_row();
        self.breaker.succeeded();
        self.mailbox.counts.is_open.store(false, Ordering::Relaxed);
        if self.said.take().is_some() {
            let name = &self.mailbox.name;
            log::info!("notify `{name}`: delivered again, after {failures} failures");
        }
    }

    fn failed(&mut self, target: &Target, failure: &Failure) {
        let Target { name, .. } = target;
        let (place, why) = (target.place(), &failure.text);
        if self.breaker.failed() {
            self.mailbox.counts.is_open.store(true, Ordering::Relaxed);
            self.say(&format!(
                "notify `{name}`: {place} has failed {} times in a row, the latest: {why}; it is tried again now and then, \
                 {ROOM} alerts are kept meanwhile, the latest",
                self.breaker.in_a_row()
            ));
        } else if self.said.is_none() {
            self.say(&format!("notify `{name}`: {place}: {why}; trying again"));
        } else {
            log::debug!("notify `{name}`: {place}: {why}");
        }
    }

    fn say(&mut self, text: &str) {
        if self.said.as_deref() != Some(text) {
            log::warn!("{text}");
            self.said = Some(text.to_owned());
        }
    }
}

/// Delivers once, and keeps what the next delivery needs as well.
#[derive(Default)]
pub(super) struct Sender {
    client: Option<(Arc<Target>, Client)>,
}

impl Sender {
    /// One attempt.
    ///
    /// # Errors
    /// Why it is not delivered.
    pub(super) async fn send(
        &mut self,
        target: &Arc<Target>,
        batch: &Batch,
    ) -> Result<(), Failure> {
        let webhook = match &target.to {
            To::Exec(words) => {
                return hook::run(words, &target.name, batch, target.timeout).await;
            }
            To::Webhook(webhook) => webhook,
        };
        let known = self.client.take();
        let client = match known.filter(|(of, _)| Arc::ptr_eq(of, target)) {
            Some((_, client)) => client,
            None => webhook::client(webhook, target.timeout)?,
        };
        self.client = Some((Arc::clone(target), client.clone()));
        webhook::post(&client, webhook, batch).await
    }
}

/// 0 to 1. Without randomness, the whole wait.
fn random() -> f64 {
    let word = sys::random_words::<1>().map_or(u64::MAX, |[word]| word);
    word as f64 / u64::MAX as f64
}
