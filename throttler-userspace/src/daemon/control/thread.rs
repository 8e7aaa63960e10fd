//! Serves both listeners in a thread of its own: the daemon's loop may take seconds for a reload, and whoever asks meanwhile
//! is answered. What changes something is still handed to the loop, and waits for it.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::{oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::{Access, Control, Socket, serve, serve_tcp};

/// Between two looks at whether maps are kept open that nobody uses.
const LET_GO: Duration = Duration::from_secs(10);
/// Whoever reads maps for an answer that nobody waits for any more is not waited for longer than that at the end.
const LEAVE: Duration = Duration::from_secs(2);

/// What is listened at.
pub(in crate::daemon) struct Listeners {
    pub(in crate::daemon) socket: Option<Socket>,
    pub(in crate::daemon) tcp: Option<(TcpListener, Arc<Access>)>,
}

/// Starts the thread; what it gives is done when the thread has ended, as it does when it is told to stop.
///
/// # Errors
/// There can be no such thread.
pub(in crate::daemon) fn start(
    listeners: Listeners,
    control: Control,
    stopped: watch::Receiver<bool>,
) -> Result<impl Future<Output = Result<()>>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the control server's runtime")?;
    let (end, ended) = oneshot::channel();
    let serve = move || {
        let result = runtime.block_on(serve_all(listeners, control, stopped));
        runtime.shutdown_timeout(LEAVE);
        // Whoever does not wait for it any more has ended before.
        let _ = end.send(result);
    };
    let thread = thread::Builder::new()
        .name("control".to_owned())
        .spawn(serve)
        .context("starting the control server's thread")?;
    Ok(async move {
        let result = ended.await;
        // It has nothing left to do, or has panicked.
        thread
            .join()
            .map_err(|_| anyhow!("the control server panicked"))?;
        result.context("the control server ended without a word")?
    })
}

async fn serve_all(
    listeners: Listeners,
    control: Control,
    stopped: watch::Receiver<bool>,
) -> Result<()> {
    let Listeners { socket, tcp } = listeners;
    let at_socket = async {
        match socket {
            Some(socket) => serve(socket, control.clone(), stopped.clone()).await,
            None => Ok(()),
        }
    };
    let at_tcp = async {
        match tcp {
            Some((listener, access)) => {
                serve_tcp(listener, control.clone(), access, stopped.clone()).await
            }
            None => Ok(()),
        }
    };
    tokio::try_join!(at_socket, at_tcp, let_go(&control, stopped.clone()))?;
    Ok(())
}

/// Until told to stop; so that a daemon without listeners has a thread that lasts as well.
async fn let_go(control: &Control, mut stopped: watch::Receiver<bool>) -> Result<()> {
    let mut looks = interval(LET_GO);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => control.sources.let_go(),
            // An error means that the daemon's loop is gone: that is the end, too.
            _ = stopped.changed() => return Ok(()),
        }
    }
}
