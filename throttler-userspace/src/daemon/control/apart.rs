//! The router apart from a daemon, for fuzzing: nothing is attached, and orders are taken by a loop that changes nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tower::ServiceExt as _;

use super::peer::Peer;
use super::{Control, Order, Pulse, Sources, Telling, bind, routes, serve};
use crate::daemon::historian::Historian;
use crate::daemon::lookout::Lookout;
use crate::daemon::outbox::Outbox;
use crate::kernel::sys;
use crate::report::Kept;

/// A router, and what it needs to live.
pub struct Apart {
    runtime: Runtime,
    router: Router,
    _stop: watch::Sender<bool>,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Content type.
    pub kind: String,
    /// The body; of a success it is not read: events have no end.
    pub body: Vec<u8>,
}

/// No such directory: nothing is pinned there.
const NOWHERE: &str = "/nonexistent/throttler";

impl Default for Apart {
    fn default() -> Self {
        Self::new()
    }
}

impl Apart {
    /// A router of its own.
    ///
    /// # Panics
    /// The runtime cannot be started.
    #[must_use]
    pub fn new() -> Self {
        let runtime = runtime();
        let (stop, stopped) = watch::channel(false);
        let router = routes::router(control(&runtime, stopped));
        Self {
            runtime,
            router,
            _stop: stop,
        }
    }

    /// Asks, as the user that this process runs as. `None`: HTTP has no such request.
    pub fn ask(&mut self, method: &str, uri: &str, kind: &[u8], body: &[u8]) -> Option<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::CONTENT_TYPE, kind)
            .extension(ConnectInfo(Peer::Process(Some(sys::effective_user()))))
            .body(Body::from(body.to_vec()))
            .ok()?;
        let router = self.router.clone();
        self.runtime.block_on(async {
            let Ok(response) = router.oneshot(request).await;
            let (head, body) = response.into_parts();
            let kind = head.headers.get(header::CONTENT_TYPE);
            let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let body = match head.status.is_success() {
                true => Vec::new(),
                false => to_bytes(body, usize::MAX).await.ok()?.to_vec(),
            };
            Some(Answer {
                status: head.status.as_u16(),
                kind: kind.to_owned(),
                body,
            })
        })
    }
}

/// The router behind a socket, served as a daemon serves it; streams of events end at once. It ends when it is dropped.
pub struct Served {
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<Result<()>>>,
}

impl Served {
    /// Listens at `path`.
    ///
    /// # Errors
    /// The path cannot be taken.
    ///
    /// # Panics
    /// The runtime cannot be started.
    pub fn at(path: &Path) -> Result<Self> {
        let socket = bind(path, None)?;
        let (stop, stopped) = watch::channel(false);
        let server = thread::spawn(move || {
            let runtime = runtime();
            // Whose sender is gone: no stream goes on.
            let (_, ended) = watch::channel(false);
            let control = control(&runtime, ended);
            runtime.block_on(serve(socket, control, stopped))
        });
        let server = Some(server);
        Ok(Self { stop, server })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A server that has ended needs no word, and whoever drops this is told of nothing.
        let _ = self.stop.send(true);
        let _ = self.server.take().map(JoinHandle::join);
    }
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    #[expect(clippy::expect_used, reason = "for fuzzing: there is nobody to tell")]
    runtime.expect("a runtime")
}

fn control(runtime: &Runtime, stopped: watch::Receiver<bool>) -> Control {
    let (orders, mut ordered) = mpsc::channel(1);
    runtime.spawn(async move {
        while let Some(order) = ordered.recv().await {
            let (Order::Reload(reply) | Order::Confirm(reply) | Order::Change(_, reply)) = order;
            // Whoever asked may have gone.
            let _ = reply.send(Ok(Vec::new()));
        }
    });
    Control {
        bpffs: NOWHERE.into(),
        state_dir: NOWHERE.into(),
        ifaces: Arc::new(["eth0".to_owned()]),
        reloaded: Arc::new(AtomicBool::new(true)),
        vitals: Arc::new([]),
        sources: Sources::new(Kept::new(NOWHERE.as_ref(), Arc::new(["eth0".to_owned()]))),
        pulse: Pulse::new(Duration::ZERO),
        telling: Telling::default(),
        lookout: Lookout::apart(&["eth0".to_owned()]),
        outbox: Outbox::default(),
        historian: Historian::of_none(),
        orders,
        stopped,
    }
}
