//! The control socket: HTTP/1.1 and JSON over a Unix socket, for the command line, curl and applications alike; and the
//! same over TCP (`--metrics-listen`), where only the metrics are open to everybody.
//! `docs/openapi.json` describes it; a test holds the two together.

pub mod apart;
mod connections;
mod documents;
mod events;
mod guard;
mod history;
mod listen;
mod notify;
mod orders;
mod overrides;
mod peer;
mod problem;
mod report;
mod routes;
mod source;
mod tcp;
mod thread;
mod token;
mod unban;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use axum::middleware::from_fn_with_state;
use axum::serve::ListenerExt as _;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};

pub(super) use self::events::Telling;
use self::guard::Guard;
pub use self::guard::OPEN;
pub(super) use self::listen::{Socket, bind};
pub(super) use self::orders::Order;
use self::peer::Peer;
pub use self::routes::PATHS;
pub(super) use self::source::Sources;
pub(super) use self::tcp::{address, bind as bind_tcp};
pub(super) use self::thread::{Listeners, start};
pub(super) use self::token::Access;
use super::historian::Historian;
use super::lookout::Lookout;
use super::outbox::Outbox;
use super::vitals::{Pulse, Vitals};

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
    /// Interfaces that are kept open, for applications.
    pub(super) sources: Sources,
    /// When the daemon's loop turned last.
    pub(super) pulse: Pulse,
    /// Events, for those who ask and those who follow.
    pub(super) telling: Telling,
    /// What is worth an alert.
    pub(super) lookout: Lookout,
    /// Where alerts go.
    pub(super) outbox: Outbox,
    /// What was refused, kept.
    pub(super) historian: Historian,
    /// Ends streams.
    pub(super) stopped: watch::Receiver<bool>,
}

/// Serves the control socket until told to stop.
async fn serve(socket: Socket, control: Control, stopped: watch::Receiver<bool>) -> Result<()> {
    let listener = UnixListener::from_std(socket.listener()?)?;
    let router = routes::router(control);
    connections::serve(
        listener,
        router,
        |stream, _| Peer::of(stream),
        true,
        stopped,
    )
    .await
}

/// Serves the same over TCP to whoever has the token, and the open paths to everybody. A connection is for one request.
async fn serve_tcp(
    listener: TcpListener,
    control: Control,
    access: Arc<Access>,
    stopped: watch::Receiver<bool>,
) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(tcp::watch_over);
    let guard = from_fn_with_state(Arc::new(Guard::new(access)), guard::check);
    let router = routes::router(control).layer(guard);
    connections::serve(
        listener,
        router,
        |_, from| Peer::Remote(*from),
        false,
        stopped,
    )
    .await
}
