//! `GET /v1/events`: what the abuse log says from now on, a line of JSON an event; with `?recent=N` what it said last.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::Control;
use super::documents::query;
use super::problem::Problem;

/// Events that are kept for a reader that is slow; what it misses beyond it is told how many.
pub(in crate::daemon) const BACKLOG: usize = 8_192;

/// Events that are kept for whoever asks later.
const KEPT: usize = 1_000;

/// The latest events.
#[derive(Clone, Default)]
pub(in crate::daemon) struct Recent(Arc<Mutex<VecDeque<Arc<str>>>>);

impl Recent {
    pub(in crate::daemon) fn push(&self, line: Arc<str>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
    }

    /// The last `count` of them, a line each, the oldest first.
    fn last(&self, count: usize) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = kept.len().saturating_sub(count);
        let lines = kept.iter().skip(skipped);
        lines.flat_map(|line| [line, "\n"]).collect()
    }
}

/// `?recent=`: so many of the latest, and then the end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    recent: Option<usize>,
}

pub(super) async fn events(
    State(control): State<Control>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let head = [(header::CONTENT_TYPE, "application/x-ndjson")];
    if let Some(count) = query(asked)?.recent {
        return Ok((head, control.recent.last(count)).into_response());
    }
    let lines = lines(control.told.subscribe(), control.stopped.clone());
    Ok((head, Body::from_stream(lines)).into_response())
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
