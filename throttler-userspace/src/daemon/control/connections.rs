//! Serves connections of either kind, within limits: a client that is slow, or many that are, keep nobody else waiting for
//! long, nor the daemon from ending.

use std::io;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use futures_util::stream::{self, StreamExt as _};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, body::Body as _};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use super::peer::Peer;

/// Connections at once; others wait until one of them ends.
const MOST: usize = 64;
/// A client has so long for the head of its request.
const HEAD: Duration = Duration::from_secs(5);
/// So large it may be, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// So long for the rest.
const BODY: Duration = Duration::from_secs(30);
/// So long it may take nothing of an answer that waits for it.
const TAKING: Duration = Duration::from_secs(10);
/// So long answers under way have when the daemon ends.
const DRAIN: Duration = Duration::from_secs(2);

/// Serves until told to stop; requests under way are answered first, if they can be soon.
pub(super) async fn serve<L: Listener>(
    mut listener: L,
    router: Router,
    peer: impl Fn(&L::Io, &L::Addr) -> Peer,
    keep_alive: bool,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            (stream, from) = listener.accept(), if open.len() < MOST => {
                let peer = peer(&stream, &from);
                open.spawn(answer(stream, router.clone(), peer, keep_alive, stopped.clone()));
            }
            Some(ended) = open.join_next() => tell(ended),
            // An error means that the daemon's loop is gone: that is the end, too.
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    while let Some(ended) = open.join_next().await {
        tell(ended);
    }
    Ok(())
}

fn tell(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        log::error!("answering a request: {error}");
    }
}

async fn answer<S>(
    stream: S,
    router: Router,
    peer: Peer,
    keep_alive: bool,
    mut stopped: watch::Receiver<bool>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let mut stream = TimeoutStream::new(stream);
    // Reading has its limits below: whoever follows events has nothing to say.
    stream.set_write_timeout(Some(TAKING));
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(in_time);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(keep_alive)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            match timeout(DRAIN, connection).await {
                Ok(ended) => ended,
                Err(_) => return log::debug!("{peer:?}: not answered before the end"),
            }
        }
    };
    if let Err(error) = ended {
        log::debug!("{peer:?}: {:#}", anyhow::Error::from(error));
    }
}

/// The body, or an error once it has taken too long.
fn in_time(body: Incoming) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    let end = Instant::now() + BODY;
    let pieces = Body::new(body).into_data_stream();
    let pieces = stream::unfold(Some(pieces), move |pieces| async move {
        let mut pieces = pieces?;
        match timeout_at(end, pieces.next()).await {
            Ok(Some(piece)) => Some((piece.map_err(io::Error::other), Some(pieces))),
            Ok(None) => None,
            Err(_) => {
                let late = format!("it did not arrive within {} s", BODY.as_secs());
                Some((Err(io::Error::other(late)), None))
            }
        }
    });
    Body::from_stream(pieces)
}
