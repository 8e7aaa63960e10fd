//! Who is at the other end: a process, as the kernel says (unix(7), SO_PEERCRED), or whoever came over TCP.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use tokio::net::UnixStream;

use super::problem::Problem;
use crate::kernel::sys;

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// A process of a user, if the kernel says whose. That it is one of the socket's group, or root, the kernel saw to when
    /// it connected.
    Process(Option<u32>),
    /// Anybody who reached the TCP listener.
    Remote(SocketAddr),
    /// The same with the token.
    Holder,
}

impl Peer {
    /// Who has connected to the socket.
    pub(super) fn of(stream: &UnixStream) -> Self {
        let credentials = stream.peer_cred();
        Self::Process(credentials.ok().map(|credentials| credentials.uid()))
    }

    /// Where it came from over TCP.
    pub(super) const fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Remote(address) => Some(address),
            Self::Process(_) | Self::Holder => None,
        }
    }

    /// Whether it may change something; if not, what it is called.
    fn may_write(self) -> Result<(), String> {
        match self {
            Self::Holder => Ok(()),
            Self::Process(Some(uid)) if uid == 0 || uid == sys::effective_user() => Ok(()),
            Self::Process(Some(uid)) => Err(format!("user {uid}")),
            Self::Process(None) => Err("an unknown user".to_owned()),
            Self::Remote(address) => Err(address.to_string()),
        }
    }
}

/// Root, the user whose daemon it is, or who has the token: what a handler that changes something asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer;

impl<S: Send + Sync> FromRequestParts<S> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>();
        let peer = peer.map_or(Peer::Process(None), |ConnectInfo(peer)| *peer);
        peer.may_write().map(|()| Self).map_err(|who| {
            Problem::new(
                StatusCode::FORBIDDEN,
                format!("{who} may read here, but not change anything"),
                "do it as root",
            )
        })
    }
}
