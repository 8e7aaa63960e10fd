//! The control socket: HTTP/1.1 and JSON over a Unix socket, for the command line, curl and applications alike.
//! `docs/openapi.json` describes it; a test holds the two together.

pub mod apart;
mod documents;
mod events;
mod listen;
mod orders;
mod overrides;
mod peer;
mod problem;
mod routes;
mod unban;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};

pub(super) use self::events::Telling;
pub(super) use self::listen::{Socket, bind};
pub(super) use self::orders::Order;
use self::peer::Peer;
pub use self::routes::PATHS;
use super::vitals::Vitals;

/// What requests are answered from.
#[derive(Clone)]
pub(super) struct Control {
    pub(super) bpffs: PathBuf,
    pub(super) state_dir: PathBuf,
    pub(super) ifaces: Arc<[String]>,
    /// Whether the latest reload succeeded.
    pub(super) reloaded: Arc<AtomicBool>,
    /// To the daemon's loop, which alone changes the policy.
    pub(super) orders: mpsc::Sender<Order>,
    /// How enforcement does, by interface.
    pub(super) vitals: Arc<[Arc<Vitals>]>,
    /// Events, for those who ask and those who follow.
    pub(super) telling: Telling,
    /// Ends streams.
    pub(super) stopped: watch::Receiver<bool>,
}

/// Serves the socket until told to stop; requests under way are answered first.
pub(super) async fn serve(
    socket: Socket,
    control: Control,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let listener = UnixListener::from_std(socket.listener()?)?;
    let service = routes::router(control).into_make_service_with_connect_info::<Peer>();
    let stop = async move {
        // An error means that the daemon's loop is gone: that is the end, too.
        let _ = stopped.changed().await;
    };
    axum::serve(listener, service)
        .with_graceful_shutdown(stop)
        .await
        .context("serving the control socket")
}
