//! What can be read: the documents that the commands print, from the same maps.

use std::net::IpAddr;

use anyhow::{Result, anyhow};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::Control;
use super::problem::Problem;
use crate::cli;
use crate::daemon::vitals;
use crate::overrides::Kind;
use crate::report::{self, Attachment, BucketFilter, Format, Question};

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
    document(control, query(which, WHICH)?, JSON, move |attached, out| {
        let beside = cli::beside(&state_dir, attached)?;
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

/// What [`Question`] asks for, beside the address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    iface: Option<String>,
    port: Option<u16>,
    proto: Option<String>,
    to: Option<IpAddr>,
}

pub(super) async fn source(
    State(control): State<Control>,
    addr: Result<Path<IpAddr>, PathRejection>,
    about: Result<Query<About>, QueryRejection>,
) -> Result<Response, Problem> {
    let Path(addr) = addr.map_err(|error| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            error.body_text(),
            "an IPv4 or IPv6 address goes here",
        )
    })?;
    let help = "write `iface=NAME`, `port=NUMBER`, `proto=tcp` or `to=ADDRESS`";
    let about = query(about, help)?;
    let protocol = match &about.proto {
        None => None,
        Some(text) => Some(cli::protocol(text).map_err(|error| {
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                format!("`proto`: {error}"),
                "write `proto=tcp`",
            )
        })?),
    };
    let question = Question {
        addr,
        port: about.port,
        protocol,
        to: about.to,
    };
    let which = Which { iface: about.iface };
    document(control, which, JSON, move |attached, out| {
        report::explain(out, attached, &question, Format::Json)
    })
    .await
}

pub(super) async fn metrics(State(control): State<Control>) -> Result<Response, Problem> {
    let reloaded = control.reloaded.load(std::sync::atomic::Ordering::Relaxed);
    let vitals = control.vitals.clone();
    document(control, Which::default(), METRICS, move |attached, out| {
        out.extend(report::metrics(attached, reloaded)?.into_bytes());
        out.extend(vitals::metrics(&vitals).into_bytes());
        Ok(())
    })
    .await
}

/// 200 while the program runs on every interface of this daemon, and the latest self-check found nothing wrong.
pub(super) async fn health(State(control): State<Control>) -> Result<Response, Problem> {
    let vitals = control.vitals.clone();
    document(control, Which::default(), JSON, move |attached, out| {
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
            Some(iface) => {
                let ours = self.ifaces.join(", ");
                let what = format!("this daemon does not serve `{iface}`");
                let help = format!("it serves {ours}");
                Err(Problem::new(StatusCode::NOT_FOUND, what, help))
            }
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
