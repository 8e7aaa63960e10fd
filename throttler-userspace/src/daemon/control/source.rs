//! `GET /v1/sources/{addr}`: how an address stands, for an application that asks with every request of its own.
//!
//! It is answered where it is asked, from maps that are kept open, without a thread. Only what has changed since is opened by
//! another thread, once for all who wait for it.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::anyhow;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::Control;
use super::documents::{JSON, not_served, query};
use super::problem::Problem;
use crate::cli;
use crate::report::{Kept, Question};

/// So often what is asked about may change while it is answered.
const ATTEMPTS: usize = 16;

/// The interfaces, and whose turn it is to open what has changed.
#[derive(Clone)]
pub(in crate::daemon) struct Sources {
    kept: Arc<Kept>,
    turn: Arc<Mutex<()>>,
}

impl Sources {
    pub(in crate::daemon) fn new(kept: Kept) -> Self {
        Self {
            kept: Arc::new(kept),
            turn: Arc::default(),
        }
    }

    /// See [`Kept::let_go`].
    pub(super) fn let_go(&self) {
        self.kept.let_go();
    }

    async fn answer(&self, question: &Question, iface: Option<&str>) -> Result<Vec<u8>, Problem> {
        for _ in 0..ATTEMPTS {
            if let Some(body) = self.kept.answer(question, iface)? {
                return Ok(body);
            }
            let _turn = self.turn.lock().await;
            let kept = Arc::clone(&self.kept);
            spawn_blocking(move || kept.renew())
                .await
                .map_err(|error| anyhow!("opening the maps: {error}"))??;
        }
        let (what, help) = (
            "the policy is being reloaded too fast to be read",
            "try again",
        );
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, what, help))
    }
}

/// What [`Question`] asks for, beside the address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    iface: Option<String>,
    scope: Option<String>,
    port: Option<u16>,
    proto: Option<String>,
    to: Option<IpAddr>,
}

const ABOUT: &str =
    "write `iface=NAME`, `scope=NAME`, or `port=NUMBER`, `proto=tcp` and `to=ADDRESS`";

pub(super) async fn source(
    State(control): State<Control>,
    addr: Result<Path<IpAddr>, PathRejection>,
    about: Result<Query<About>, QueryRejection>,
) -> Result<Response, Problem> {
    let unprocessable = |what: String, help| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Problem::new(status, what, help)
    };
    let Path(addr) = addr
        .map_err(|error| unprocessable(error.body_text(), "an IPv4 or IPv6 address goes here"))?;
    let about = query(about, ABOUT)?;
    if about.scope.is_some()
        && (about.port.is_some() || about.proto.is_some() || about.to.is_some())
    {
        let what = "`scope` and what a scope is found by (`port`, `proto`, `to`) are both there";
        return Err(unprocessable(what.to_owned(), "write one of the two"));
    }
    let protocol = about.proto.as_deref().map(cli::protocol).transpose();
    let protocol = protocol
        .map_err(|error| unprocessable(format!("`proto`: {error}"), "write `proto=tcp`"))?;
    let question = Question {
        addr,
        scope: about.scope,
        port: about.port,
        protocol,
        to: about.to,
    };
    let iface = about.iface.as_deref();
    if let Some(iface) = iface.filter(|iface| !control.ifaces.iter().any(|one| one == iface)) {
        return Err(not_served(&control, iface));
    }
    let body = control.sources.answer(&question, iface).await?;
    let head = [
        (header::CONTENT_TYPE, JSON),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((head, body).into_response())
}
