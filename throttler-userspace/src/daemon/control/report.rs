//! `GET /v1/report`: what `throttler report -o json` prints, within bounds.

use anyhow::anyhow;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use clap::ValueEnum as _;
use ipnet::IpNet;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::Control;
use super::documents::JSON;
use super::history::write_down;
use super::problem::Problem;
use crate::config::parse_cidr;
use crate::report;
use crate::report::violations::{self, Ask, By, Kept, Moment, Period};

/// Rows of each list, unless more are asked for; and at most.
const ROWS: usize = 1_000;
const MOST: usize = 10_000;
/// One at a time: each takes memory and a processor.
static REPORTING: Semaphore = Semaphore::const_new(1);

const HELP: &str = "the query is made of since, until, by, top, iface, source, scope and plan";

/// The query, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    since: Option<String>,
    until: Option<String>,
    by: Option<String>,
    top: Option<String>,
    iface: Option<String>,
    source: Option<String>,
    scope: Option<String>,
    plan: Option<String>,
}

pub(super) async fn report(
    State(control): State<Control>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked
        .map_err(|error| Problem::query(&error, HELP).with(StatusCode::UNPROCESSABLE_ENTITY))?;
    let ifaces = control.interfaces(asked.iface.as_deref())?;
    let ask = ask(&asked, Timestamp::now())?;
    // Never closed.
    let _turn = REPORTING.acquire().await;
    // What there is by now has to do, where that cannot be had.
    let _ = write_down(&control).await;
    let written = spawn_blocking(move || {
        let kept = Kept::of(&control.state_dir, &ifaces)?;
        // What was refused is told also where nothing is attached any more; `live` says so.
        let attached = report::attachments_so_far(&control.bpffs, &ifaces).unwrap_or_default();
        let found = violations::gather(ask, &kept, &attached, violations::FEW_CELLS)?;
        let mut body = Vec::new();
        violations::json(&mut body, &found)?;
        Ok::<_, anyhow::Error>(body)
    });
    let body = written
        .await
        .map_err(|error| anyhow!("reading the history: {error}"))??;
    Ok(([(header::CONTENT_TYPE, JSON)], body).into_response())
}

fn ask(asked: &Asked, now: Timestamp) -> Result<Ask, Problem> {
    let moment = |name, text: &Option<String>| {
        let parsed = text.as_deref().map(Moment::parse).transpose();
        parsed.map_err(|error| bad(&format!("`{name}`: {error}")))
    };
    let period = Period::of(
        moment("since", &asked.since)?,
        moment("until", &asked.until)?,
        now,
    );
    Ok(Ask {
        period: period.map_err(|error| bad(&error))?,
        by: by(asked.by.as_deref())?,
        top: Some(top(asked.top.as_deref())?),
        source: source(asked.source.as_deref())?,
        scope: asked.scope.clone(),
        plan: asked.plan.clone(),
    })
}

fn by(text: Option<&str>) -> Result<Vec<By>, Problem> {
    let words = text.into_iter().flat_map(|text| text.split(','));
    let word = |word: &str| {
        By::from_str(word, false).map_err(|_| {
            let all: Vec<&str> = By::value_variants().iter().map(|by| by.as_str()).collect();
            unprocessable(
                &format!("`by`: there is no `{word}`"),
                format!(
                    "it takes {}, or several with commas between them",
                    all.join(", ")
                ),
            )
        })
    };
    words.map(word).collect()
}

fn top(text: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(ROWS) };
    let top = text.parse().ok().filter(|top| (1..=MOST).contains(top));
    top.ok_or_else(|| {
        unprocessable(
            &format!("`top`: `{text}` is no number of rows"),
            format!("write 1 to {MOST}; `throttler report -o json` prints all"),
        )
    })
}

fn source(text: Option<&str>) -> Result<Option<IpNet>, Problem> {
    let parsed = text.map(parse_cidr).transpose();
    parsed.map_err(|error| unprocessable(&format!("`source`: {}", error.message), error.help))
}

/// What has its mend after a semicolon.
fn bad(error: &str) -> Problem {
    let (what, help) = error.rsplit_once("; ").unwrap_or((error, HELP));
    unprocessable(what, help.to_owned())
}

fn unprocessable(what: &str, help: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, what, help)
}
