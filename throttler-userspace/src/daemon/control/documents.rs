//! What can be read: the documents that the commands print, from the same maps.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::Control;
use super::problem::Problem;
use crate::cli;
use crate::daemon::{historian, vitals};
use crate::overrides::Kind;
use crate::report::{self, Attachment, BucketFilter, Format};

pub(super) const JSON: &str = "application/json";
/// Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How to ask for [`Which`].
const WHICH: &str = "the query is `iface=NAME`, or none";

/// `?iface=`: one interface instead of all of this daemon's.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    iface: Option<String>,
}

pub(super) async fn status(
    State(control): State<Control>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let state_dir = control.state_dir.clone();
    let histories = Arc::clone(control.historian.states());
    document(control, query(which, WHICH)?, JSON, move |attached, out| {
        let mut beside = cli::beside(&state_dir, attached)?;
        for (one, beside) in attached.iter().zip(&mut beside) {
            // On a full disk its file may not say it.
            let history = histories.iter().find(|known| known.iface() == one.iface());
            if let (Some(history), Some(standing)) = (history, &mut beside.standing) {
                standing.history_fault = history.fault();
            }
        }
        report::status(out, attached, |place| beside[place].clone(), Format::Json)
    })
    .await
}

pub(super) async fn counters(
    State(control): State<Control>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    document(control, query(which, WHICH)?, JSON, |attached, out| {
        report::counters(out, attached, Format::Json)
    })
    .await
}

pub(super) async fn bans(
    State(control): State<Control>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let state_dir = control.state_dir.clone();
    document(control, query(which, WHICH)?, JSON, move |attached, out| {
        report::bans(
            out,
            attached,
            &state_dir,
            &BucketFilter::default(),
            Format::Json,
        )
    })
    .await
}

pub(super) async fn exemptions(
    State(control): State<Control>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    overrides(control, query(which, WHICH)?, Kind::Exempt).await
}

pub(super) async fn bindings(
    State(control): State<Control>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    overrides(control, query(which, WHICH)?, Kind::Bind).await
}

async fn overrides(control: Control, which: Which, kind: Kind) -> Result<Response, Problem> {
    let state_dir = control.state_dir.clone();
    document(control, which, JSON, move |attached, out| {
        report::overrides(out, attached, &state_dir, kind, Format::Json)
    })
    .await
}

pub(super) async fn metrics(State(control): State<Control>) -> Result<Response, Problem> {
    let reloaded = control.reloaded.load(std::sync::atomic::Ordering::Relaxed);
    let vitals = control.vitals.clone();
    let (lookout, outbox) = (control.lookout.clone(), control.outbox.clone());
    let histories = Arc::clone(control.historian.states());
    document(control, Which::default(), METRICS, move |attached, out| {
        out.extend(report::metrics(attached, reloaded)?.into_bytes());
        out.extend(vitals::metrics(&vitals).into_bytes());
        out.extend(lookout.tally().metrics().into_bytes());
        out.extend(outbox.metrics().into_bytes());
        out.extend(historian::metrics(&histories).into_bytes());
        Ok(())
    })
    .await
}

/// 200 while the program runs on every interface of this daemon, the latest self-check found nothing wrong, and the daemon's
/// loop turns. A reload that takes seconds is no fault: what was in force before is, until it is done.
pub(super) async fn health(State(control): State<Control>) -> Result<Response, Problem> {
    let (vitals, pulse) = (control.vitals.clone(), control.pulse.clone());
    document(control, Which::default(), JSON, move |attached, out| {
        if let Some(fault) = pulse.fault() {
            anyhow::bail!("{fault}");
        }
        let faults = vitals::faults(&vitals);
        anyhow::ensure!(
            faults.is_empty(),
            "not enforced as the policy says: {}",
            faults.join("; ")
        );
        let runs = |iface: &str| {
            let mut found = attached.iter().filter(|one| one.iface() == iface);
            found.any(|one| one.mode.is_some())
        };
        let off: Vec<&str> = vitals.iter().map(|one| one.iface()).collect();
        let off: Vec<&str> = off.into_iter().filter(|iface| !runs(iface)).collect();
        anyhow::ensure!(
            off.is_empty(),
            "the program no longer runs on {}",
            off.join(", ")
        );
        out.extend(b"{\"status\":\"ok\"}\n");
        Ok(())
    })
    .await
    .map_err(|problem| problem.with(StatusCode::SERVICE_UNAVAILABLE))
}

pub(super) fn query<T>(
    query: Result<Query<T>, QueryRejection>,
    help: &'static str,
) -> Result<T, Problem> {
    let Query(query) = query.map_err(|error| Problem::query(&error, help))?;
    Ok(query)
}

impl Control {
    /// The interface that is asked for, or all of this daemon's.
    pub(super) fn interfaces(&self, asked: Option<&str>) -> Result<Vec<String>, Problem> {
        match asked {
            None => Ok(self.ifaces.to_vec()),
            Some(iface) if self.ifaces.iter().any(|ours| ours == iface) => {
                Ok(vec![iface.to_owned()])
            }
            Some(iface) => Err(not_served(self, iface)),
        }
    }
}

/// Writes a document beside the daemon's loop: a table of a million sources takes a while, and events are to be
/// logged meanwhile.
async fn document(
    control: Control,
    which: Which,
    kind: &'static str,
    write: impl FnOnce(&[Attachment], &mut Vec<u8>) -> Result<()> + Send + 'static,
) -> Result<Response, Problem> {
    let ifaces = control.interfaces(which.iface.as_deref())?;
    let written = spawn_blocking(move || {
        let attached = report::attachments_so_far(&control.bpffs, &ifaces)?;
        let mut body = Vec::new();
        write(&attached, &mut body)?;
        Ok::<_, anyhow::Error>(body)
    });
    let body = written
        .await
        .map_err(|error| anyhow!("reading the maps: {error}"))??;
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

/// An interface that is not one of this daemon's.
pub(super) fn not_served(control: &Control, iface: &str) -> Problem {
    let what = format!("this daemon does not serve `{iface}`");
    let help = format!("it serves {}", control.ifaces.join(", "));
    Problem::new(StatusCode::NOT_FOUND, what, help)
}
