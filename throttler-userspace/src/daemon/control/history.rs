//! `GET /v1/history`: has what was refused so far written, and says how each interface's history does.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::timeout;

use super::Control;
use super::problem::Problem;
use crate::report::SCHEMA_VERSION;

/// A disk that takes longer hangs; what it has is read all the same.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn history(State(control): State<Control>) -> Result<Response, Problem> {
    let historian = &control.historian;
    let is_complete = write_down(&control).await.ok_or_else(|| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many ask for the history at once",
            "try again",
        )
    })?;
    let interfaces: Vec<_> = historian.states().iter().map(|one| one.report()).collect();
    let document = json!({
        "schema_version": SCHEMA_VERSION,
        "complete": is_complete && historian.states().iter().all(|one| one.fault().is_none()),
        "interfaces": interfaces,
    });
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, format!("{document}\n")).into_response())
}

/// Has what was refused so far written; whether it was in time. `None`: too many ask for that.
pub(super) async fn write_down(control: &Control) -> Option<bool> {
    let written = control.historian.flush()?;
    let done = timeout(PATIENCE, written).await;
    Some(done.is_ok_and(|done| done.is_ok()))
}
