//! The thread that delivers: a runtime of its own, a task a target. It begins with the first `[[notify]]`; a daemon without
//! any has none.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use super::mailbox::Mailbox;
use super::postman::Postman;
use super::target::Target;
use super::trial::{self, Tried};
use crate::kernel::{capabilities, sys};

/// For what is due at the daemon's end.
const LAST: Duration = Duration::from_secs(2);
/// Names are resolved in threads; one that hangs is left to itself.
const RESOLVERS: usize = 64;

/// What the thread is asked for.
pub(super) enum Command {
    /// Deliver what comes into it.
    Deliver(Arc<Mailbox>),
    /// Try all of these once.
    Try(Vec<Arc<Target>>, oneshot::Sender<Vec<Tried>>),
    /// Deliver what is due, and end.
    End(oneshot::Sender<()>),
}

/// Starts the thread.
///
/// # Errors
/// The system's.
pub(super) fn open(first_wait: Duration) -> Result<mpsc::UnboundedSender<Command>> {
    let (send, commands) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVERS)
        .build()
        .context("starting the runtime of notifications")?;
    // What the daemon was started with, too: no command inherits it.
    sys::close_on_exec().context("marking descriptors as this process's own")?;
    std::thread::Builder::new()
        .name("outbox".to_owned())
        .spawn(move || {
            // Of this thread, and of what it starts: who speaks to strangers needs none.
            if let Err(error) = capabilities::give_up_all() {
                log::error!("no notifications: giving up this thread's capabilities: {error}");
                return;
            }
            runtime.block_on(work(commands, first_wait));
            // A name that is being resolved cannot be waited for.
            runtime.shutdown_background();
        })
        .context("starting the thread of notifications")?;
    Ok(send)
}

async fn work(mut commands: mpsc::UnboundedReceiver<Command>, first_wait: Duration) {
    let host: Arc<str> = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
        .into();
    let (ending, ended) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut mailboxes: Vec<Arc<Mailbox>> = Vec::new();
    while let Some(command) = commands.recv().await {
        match command {
            Command::Deliver(mailbox) => {
                mailboxes.retain(|one| one.target.borrow().is_some());
                mailboxes.push(Arc::clone(&mailbox));
                let postman = Postman::new(mailbox, Arc::clone(&host), ended.clone(), first_wait);
                // Those that have ended, first.
                while let Some(over) = tasks.try_join_next() {
                    note(over);
                }
                tasks.spawn(postman.work());
            }
            Command::Try(targets, reply) => {
                tokio::spawn(trial::all(targets, Arc::clone(&host), reply));
            }
            Command::End(reply) => {
                let _ = ending.send(true);
                let _ = timeout(LAST, async {
                    while let Some(over) = tasks.join_next().await {
                        note(over);
                    }
                })
                .await;
                tasks.shutdown().await;
                for mailbox in &mailboxes {
                    let left = mailbox.abandon();
                    if left > 0 {
                        log::warn!("notify `{}`: {left} alerts are not delivered", mailbox.name);
                    }
                }
                let _ = reply.send(());
                return;
            }
        }
    }
}

/// A task ends when it is told to; anything else must not go unseen.
fn note(over: Result<(), JoinError>) {
    if let Err(error) = over {
        log::error!("a task of notifications: {error}");
    }
}
