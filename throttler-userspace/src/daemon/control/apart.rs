//! The router apart from a daemon, for fuzzing: nothing is attached, and orders are taken by a loop that changes nothing.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tower::ServiceExt as _;

use super::peer::Peer;
use super::{Control, Order, Telling, routes};
use crate::kernel::sys;

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
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        #[expect(clippy::expect_used, reason = "for fuzzing: there is nobody to tell")]
        let runtime = runtime.expect("a runtime");
        let (orders, mut ordered) = mpsc::channel(1);
        let (stop, stopped) = watch::channel(false);
        runtime.spawn(async move {
            while let Some(order) = ordered.recv().await {
                let (Order::Reload(reply) | Order::Confirm(reply) | Order::Change(_, reply)) =
                    order;
                // Whoever asked may have gone.
                let _ = reply.send(Ok(Vec::new()));
            }
        });
        let control = Control {
            bpffs: NOWHERE.into(),
            state_dir: NOWHERE.into(),
            ifaces: Arc::new(["eth0".to_owned()]),
            reloaded: Arc::new(AtomicBool::new(true)),
            vitals: Arc::new([]),
            telling: Telling::default(),
            orders,
            stopped,
        };
        Self {
            runtime,
            router: routes::router(control),
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
