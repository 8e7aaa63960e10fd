//! `GET /v1/events`: what the abuse log says from now on, a line of JSON an event.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::Control;

/// Events that are kept for a reader that is slow; what it misses beyond it is told how many.
pub(in crate::daemon) const BACKLOG: usize = 8_192;

pub(super) async fn events(State(control): State<Control>) -> Response {
    let lines = lines(control.told.subscribe(), control.stopped.clone());
    let head = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (head, Body::from_stream(lines)).into_response()
}

fn lines(
    told: broadcast::Receiver<Arc<str>>,
    stopped: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold((told, stopped), |(mut told, mut stopped)| async move {
        let line = tokio::select! {
            line = told.recv() => line,
            _ = stopped.changed() => return None,
        };
        let text = match line {
            Ok(line) => format!("{line}\n"),
            Err(RecvError::Lagged(missed)) => {
                format!("{{\"event\":\"missed\",\"events\":{missed}}}\n")
            }
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(Bytes::from(text)), (told, stopped)))
    })
}
