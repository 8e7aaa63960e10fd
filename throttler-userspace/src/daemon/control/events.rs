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
use crate::daemon::abuse::Line;

/// Events that are kept for a reader that is slow; what it misses beyond it is told how many.
const BACKLOG: usize = 8_192;

/// Events that are kept for whoever asks later.
const KEPT: usize = 1_000;

/// Bytes that they may take, from the start on: a flood does not make the daemon larger.
const ROOM: usize = 512 * 1024;

/// Where lines of the abuse log go: the log, those who ask for the latest, and those who follow.
#[derive(Clone)]
pub(in crate::daemon) struct Telling {
    recent: Recent,
    /// Every event from here on.
    told: broadcast::Sender<Arc<str>>,
}

impl Default for Telling {
    fn default() -> Self {
        Self {
            recent: Recent::default(),
            told: broadcast::channel(BACKLOG).0,
        }
    }
}

impl Telling {
    pub(in crate::daemon) fn tell(&self, line: &Line) {
        line.log();
        let line = line.json();
        self.recent.push(&line);
        if self.told.receiver_count() > 0 {
            // The last one may have gone just now.
            let _ = self.told.send(line.into());
        }
    }
}

/// The latest events.
#[derive(Clone)]
struct Recent(Arc<Mutex<Kept>>);

struct Kept {
    /// Lines, each with its end.
    text: VecDeque<u8>,
    lines: usize,
}

impl Default for Recent {
    fn default() -> Self {
        // Written once, so that the memory is taken now.
        let mut text = VecDeque::from(vec![b'\n'; ROOM]);
        text.clear();
        Self(Arc::new(Mutex::new(Kept { text, lines: 0 })))
    }
}

impl Kept {
    fn drop_first(&mut self) {
        let end = self.text.iter().position(|byte| *byte == b'\n');
        self.text
            .drain(..end.map_or(self.text.len(), |end| end + 1));
        self.lines = self.lines.saturating_sub(1);
    }
}

impl Recent {
    fn push(&self, line: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.lines > 0 && (kept.lines == KEPT || kept.text.len() + line.len() >= ROOM) {
            kept.drop_first();
        }
        if line.len() < ROOM {
            kept.text.extend(line.bytes().chain([b'\n']));
            kept.lines += 1;
        }
    }

    /// The last `count` of them, a line each, the oldest first.
    fn last(&self, count: usize) -> Vec<u8> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text: Vec<u8> = kept.text.iter().copied().collect();
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        lines
            .skip(kept.lines.saturating_sub(count))
            .flatten()
            .copied()
            .collect()
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
    if let Some(count) = query(asked, "the query is `recent=NUMBER`, or none")?.recent {
        return Ok((head, control.telling.recent.last(count)).into_response());
    }
    let lines = lines(control.telling.told.subscribe(), control.stopped.clone());
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
