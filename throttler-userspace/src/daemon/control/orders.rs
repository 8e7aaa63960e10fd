//! What changes something: handed to the daemon's loop, or written into the maps.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use throttler_common::abi::active;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::Control;
use super::peer::Writer;
use super::problem::Problem;
use crate::config::parse_duration;
use crate::daemon::desired::{Change, InForce};
use crate::kernel::monotonic;
use crate::report;

/// What came of an order.
pub(in crate::daemon) type Reply = oneshot::Sender<Result<Vec<InForce>>>;

/// What the daemon's loop is asked for.
pub(in crate::daemon) enum Order {
    /// Read the policy file again.
    Reload(Reply),
    /// Keep what awaits a confirmation.
    Confirm(Reply),
    /// Change what operators say of sources.
    Change(Vec<Change>, Reply),
}

impl Control {
    /// Hands an order to the daemon's loop and waits for what comes of it.
    pub(super) async fn order(
        &self,
        order: impl FnOnce(Reply) -> Order,
    ) -> Result<Vec<InForce>, Problem> {
        let (reply, replied) = oneshot::channel();
        let gone = || {
            let (what, help) = ("the daemon is ending", "ask the next one");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, what, help)
        };
        self.orders.send(order(reply)).await.map_err(|_| gone())?;
        Ok(replied.await.map_err(|_| gone())??)
    }
}

/// The generations in force after an order.
#[derive(Debug, Serialize)]
pub(super) struct InForceReport {
    schema_version: u32,
    interfaces: Vec<InForce>,
}

impl InForceReport {
    pub(super) fn of(interfaces: Vec<InForce>) -> Json<Self> {
        Json(Self {
            schema_version: report::SCHEMA_VERSION,
            interfaces,
        })
    }
}

pub(super) async fn reload(
    _: Writer,
    State(control): State<Control>,
) -> Result<Json<InForceReport>, Problem> {
    control.order(Order::Reload).await.map(InForceReport::of)
}

pub(super) async fn confirm(
    _: Writer,
    State(control): State<Control>,
) -> Result<Json<InForceReport>, Problem> {
    control.order(Order::Confirm).await.map(InForceReport::of)
}

/// `POST /v1/pause`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pause {
    /// `30s`, `5min`, ...; without it until resumed.
    #[serde(rename = "for")]
    duration: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct PauseReport {
    schema_version: u32,
    paused: bool,
    /// Seconds until it ends by itself.
    paused_for_s: Option<f64>,
}

pub(super) async fn pause(
    _: Writer,
    State(control): State<Control>,
    body: Result<Json<Pause>, JsonRejection>,
) -> Result<Json<PauseReport>, Problem> {
    let Json(pause) = body.map_err(|error| Problem::body(&error, r#"{"for": "5min"}"#))?;
    let duration = pause.duration.as_deref().map(parse_duration).transpose();
    let duration = duration.map_err(|error| Problem::unprocessable("for", error))?;
    set(control, duration, true).await
}

pub(super) async fn resume(
    _: Writer,
    State(control): State<Control>,
) -> Result<Json<PauseReport>, Problem> {
    set(control, None, false).await
}

async fn set(
    control: Control,
    duration: Option<Duration>,
    paused: bool,
) -> Result<Json<PauseReport>, Problem> {
    let until = match (paused, duration) {
        (false, _) => 0,
        (true, None) => u64::MAX,
        (true, Some(duration)) => monotonic::after(duration),
    };
    let write = move || -> Result<()> {
        let attached = report::attachments_so_far(&control.bpffs, &control.ifaces)?;
        for (index, one) in attached.iter().enumerate() {
            let set = one.tables.active.set(&active::PAUSED_UNTIL, &until);
            set.with_context(|| {
                let done: Vec<&str> = attached[..index].iter().map(|one| one.iface()).collect();
                format!("{}: not changed; changed already: {done:?}", one.iface())
            })?;
        }
        Ok(())
    };
    spawn_blocking(write)
        .await
        .map_err(|error| anyhow!("writing the pause: {error}"))??;
    log::warn!(
        "{}",
        match (paused, duration) {
            (false, _) => "resumed over the control socket".to_owned(),
            (true, None) => "paused over the control socket: everything passes".to_owned(),
            (true, Some(time)) => format!(
                "paused over the control socket for {} s: everything passes",
                time.as_secs()
            ),
        }
    );
    Ok(Json(PauseReport {
        schema_version: report::SCHEMA_VERSION,
        paused,
        paused_for_s: duration.map(|duration| duration.as_secs_f64()),
    }))
}
