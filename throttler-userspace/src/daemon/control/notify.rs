//! `POST /v1/notify/test`: whether those whom `[[notify]]` names can be told.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::{Deserialize, Serialize};

use super::Control;
use super::peer::Writer;
use super::problem::Problem;
use crate::daemon::outbox::Tried;
use crate::report;

/// Whom to try.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// One by its name; without it all.
    notify: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct TriedReport {
    schema_version: u32,
    notify: Vec<Tried>,
}

pub(super) async fn test(
    _: Writer,
    State(control): State<Control>,
    body: Result<Json<Which>, JsonRejection>,
) -> Result<Json<TriedReport>, Problem> {
    let Json(which) = body.map_err(|error| Problem::body(&error, r#"{"notify": "ops"}"#))?;
    let notify = control.outbox.test(which.notify.as_deref()).await?;
    Ok(Json(TriedReport {
        schema_version: report::SCHEMA_VERSION,
        notify,
    }))
}
