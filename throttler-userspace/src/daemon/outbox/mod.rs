//! Delivers alerts to whom `[[notify]]` names, beside the daemon's loop: nobody who tells it of one waits.
//!
//! [`Outbox::tell`] puts an alert into the mailbox of each target that wants it. The rest is done by the thread in
//! [`office`]: a task a target makes batches, delivers them in order, and tries again.

mod batch;
mod breaker;
mod failure;
mod hook;
mod interest;
mod mailbox;
mod metrics;
mod office;
mod postman;
mod queue;
mod secret;
mod sign;
mod target;
#[cfg(test)]
mod tests;
mod trial;
mod webhook;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use self::mailbox::Mailbox;
use self::office::Command;
pub(super) use self::target::{Target, prepare, warn};
pub(crate) use self::target::{described, faults};
pub(super) use self::trial::Tried;
use crate::alert::Alert;
use crate::cli::failure::{Failure, Status};

/// Longer than the thread takes to end, whatever hangs.
const END: Duration = Duration::from_secs(3);

/// Where alerts go. Clones are of the same.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Shared>);

struct Shared {
    mailboxes: RwLock<Vec<Arc<Mailbox>>>,
    /// The thread, once there is one.
    office: Mutex<Option<mpsc::UnboundedSender<Command>>>,
    /// Bounds the wait after a first failure.
    first_wait: Duration,
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new(Duration::from_secs(1))
    }
}

impl Outbox {
    /// One that tells nobody yet. `first_wait` bounds the wait after a first failure.
    pub(super) fn new(first_wait: Duration) -> Self {
        Self(Arc::new(Shared {
            mailboxes: RwLock::default(),
            office: Mutex::default(),
            first_wait,
        }))
    }

    /// Hands an alert to whoever wants to hear of it. Never waits and never fails: what finds no room is counted.
    pub(super) fn tell(&self, alert: Alert) {
        let alert = Arc::new(alert);
        let mailboxes = self.0.mailboxes.read();
        let mailboxes = mailboxes.unwrap_or_else(PoisonError::into_inner);
        mailboxes.iter().for_each(|one| one.offer(&alert));
    }

    /// From now on tells these. Those whose name stays keep their queue and counters, and those that are as before notice
    /// nothing at all.
    ///
    /// # Errors
    /// There is no thread to deliver with.
    pub(super) fn set(&self, targets: Vec<Arc<Target>>) -> Result<()> {
        let before = self.mailboxes();
        if targets.is_empty() && before.is_empty() {
            return Ok(());
        }
        let office = self.office()?;
        let mut after = Vec::with_capacity(targets.len());
        for target in targets {
            if let Some(known) = before.iter().find(|one| one.name == target.name) {
                known.change(target);
                after.push(Arc::clone(known));
                continue;
            }
            let mailbox = Arc::new(Mailbox::new(target));
            // A thread that has gone has said so.
            let _ = office.send(Command::Deliver(Arc::clone(&mailbox)));
            after.push(mailbox);
        }
        let is_kept = |one: &Arc<Mailbox>| after.iter().any(|kept| Arc::ptr_eq(kept, one));
        let gone: Vec<_> = before.iter().filter(|one| !is_kept(one)).cloned().collect();
        *self
            .0
            .mailboxes
            .write()
            .unwrap_or_else(PoisonError::into_inner) = after;
        for one in gone {
            one.target.send_replace(None);
        }
        Ok(())
    }

    /// Tries each target once with a batch that says that it is a test; only the one of that name, if one is given.
    ///
    /// # Errors
    /// There is no such target, or none at all; the daemon is ending.
    pub(super) async fn test(&self, name: Option<&str>) -> Result<Vec<Tried>> {
        let mailboxes = self.mailboxes();
        let named = |one: &&Arc<Mailbox>| name.is_none_or(|name| one.name == name);
        let chosen = mailboxes.iter().filter(named);
        let targets: Vec<_> = chosen
            .filter_map(|one| one.target.borrow().clone())
            .collect();
        if targets.is_empty() {
            let known: Vec<&str> = mailboxes.iter().map(|one| one.name.as_str()).collect();
            let message = match (name, known.as_slice()) {
                (_, []) => "the policy has no [[notify]]: add one, and reload".to_owned(),
                (name, known) => format!(
                    "there is no notify `{}`; there is {}",
                    name.unwrap_or_default(),
                    known.join(", ")
                ),
            };
            return Err(Failure::new(Status::NotFound, message).into());
        }
        let (reply, replied) = oneshot::channel();
        let office = self.office()?;
        let gone = "notifications have ended; the log says why";
        let sent = office.send(Command::Try(targets, reply));
        sent.ok().context(gone)?;
        replied.await.context(gone)
    }

    /// In Prometheus' text format.
    pub(super) fn metrics(&self) -> String {
        metrics::metrics(&self.mailboxes())
    }

    /// Delivers what is due, for two seconds at most; says in the log what is left.
    pub(super) async fn end(&self) {
        let office = self.0.office.lock();
        let office = office.unwrap_or_else(PoisonError::into_inner).take();
        let (reply, replied) = oneshot::channel();
        if office.is_some_and(|office| office.send(Command::End(reply)).is_ok())
            && timeout(END, replied).await.is_err()
        {
            log::warn!("notifications do not end; what is left of them is not delivered");
        }
    }

    fn mailboxes(&self) -> Vec<Arc<Mailbox>> {
        let mailboxes = self.0.mailboxes.read();
        mailboxes.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The thread, which is started where there is none.
    fn office(&self) -> Result<mpsc::UnboundedSender<Command>> {
        let office = self.0.office.lock();
        let mut office = office.unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = &*office {
            return Ok(there.clone());
        }
        let there = office::open(self.0.first_wait)?;
        *office = Some(there.clone());
        Ok(there)
    }
}
