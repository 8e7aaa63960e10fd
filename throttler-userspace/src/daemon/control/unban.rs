//! `DELETE /v1/bans`: takes an operator's ban back, and every ban that the datapath gave the source or inside the prefix.

use anyhow::{Result, anyhow};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ipnet::IpNet;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::Control;
use super::orders::Order;
use super::overrides::{Asked, named};
use super::peer::Writer;
use super::problem::Problem;
use crate::daemon::abuse;
use crate::daemon::desired::{Change, InForce};
use crate::overrides::Kind;
use crate::report;

/// Bans of one order that are told of one by one; of more, the log has their number.
const TOLD: usize = 1_000;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema_version: u32,
    interfaces: Vec<Unbanned>,
}

/// What became of one interface's bans.
#[derive(Debug, Serialize)]
struct Unbanned {
    /// `changed` is an operator's ban.
    #[serde(flatten)]
    in_force: InForce,
    /// Bans of the datapath.
    lifted: usize,
    /// Banned prefixes around it, which stay.
    still_within: Vec<IpNet>,
}

pub(super) async fn unban(
    _: Writer,
    State(control): State<Control>,
    asked: Asked,
) -> Result<Json<Report>, Problem> {
    let source = named(asked)?;
    let changes = vec![Change::Take(Kind::Ban, source)];
    let in_force = control.order(|reply| Order::Change(changes, reply)).await?;
    let lifted = spawn_blocking(move || lift(&control, source))
        .await
        .map_err(|error| anyhow!("taking bans back: {error}"))??;
    let interfaces = in_force.into_iter().map(|in_force| {
        let of = lifted.iter().find(|of| of.iface == in_force.iface);
        Unbanned {
            lifted: of.map_or(0, |of| of.lifted),
            still_within: of.map_or_else(Vec::new, |of| of.still_within.clone()),
            in_force,
        }
    });
    let interfaces: Vec<Unbanned> = interfaces.collect();
    if interfaces.iter().any(Unbanned::is_news) {
        return Ok(Json(Report {
            schema_version: report::SCHEMA_VERSION,
            interfaces,
        }));
    }
    let what = format!(
        "there is no ban to take back: no operator has said that {source} is banned, and the datapath has banned nobody in it"
    );
    let around = interfaces.iter().flat_map(|one| &one.still_within).next();
    let help = match around {
        Some(around) => format!("{around}, which holds it, is banned: take that ban back"),
        None => "`GET /v1/bans` lists those that there are".to_owned(),
    };
    Err(Problem::new(StatusCode::NOT_FOUND, what, help))
}

impl Unbanned {
    fn is_news(&self) -> bool {
        self.in_force.changed != Some(0) || self.lifted > 0
    }
}

/// What was lifted on an interface.
struct Of {
    iface: String,
    lifted: usize,
    still_within: Vec<IpNet>,
}

fn lift(control: &Control, source: IpNet) -> Result<Vec<Of>> {
    let mut all = Vec::new();
    for attachment in report::attachments_so_far(&control.bpffs, &control.ifaces)? {
        let iface = attachment.iface();
        let lifted = report::lift(&attachment, source);
        for ban in lifted.iter().take(TOLD) {
            control.telling.tell(&abuse::lifted(iface, ban));
        }
        control.lookout.lifted(iface, &lifted);
        if !lifted.is_empty() {
            log::info!(
                "{iface}: took back what the datapath banned in {source}, as asked over the control socket: bans={}",
                lifted.len()
            );
        }
        all.push(Of {
            iface: iface.to_owned(),
            lifted: lifted.len(),
            still_within: report::holders(&attachment, &control.state_dir, source)?,
        });
    }
    Ok(all)
}
