//! Who is at the other end, as the kernel says (unix(7), SO_PEERCRED).

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::serve::IncomingStream;
use tokio::net::UnixListener;

use super::problem::Problem;
use crate::kernel::sys;

/// A connected process. That it is one of the socket's group, or root, the kernel saw to when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// `None` where the kernel did not say.
    uid: Option<u32>,
}

impl Peer {
    /// A process of a user.
    pub(super) const fn of(uid: u32) -> Self {
        Self { uid: Some(uid) }
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self {
            uid: stream
                .io()
                .peer_cred()
                .ok()
                .map(|credentials| credentials.uid()),
        }
    }
}

/// Root, or the user whose daemon it is: what a handler that changes something asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer;

impl<S: Send + Sync> FromRequestParts<S> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>();
        let uid = peer.and_then(|ConnectInfo(peer)| peer.uid);
        if uid.is_some_and(|uid| uid == 0 || uid == sys::effective_user()) {
            return Ok(Self);
        }
        let who = uid.map_or_else(|| "an unknown user".to_owned(), |uid| format!("user {uid}"));
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!("{who} may read here, but not change anything"),
            "do it as root",
        ))
    }
}
