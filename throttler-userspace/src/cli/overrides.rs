//! `throttler ban`, `exempt`, `bind` and `unbind`: what operators say of sources beside the policy.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use ipnet::IpNet;
use serde::Serialize;

use super::Common;
use super::client::{Answer, Client, Interface};
use super::failure::{Failure, Status};
use super::selection::Selection;
use crate::kernel::checks;
use crate::overrides::Kind;
use crate::report::{self, BucketFilter, Format};

/// `throttler ban`.
#[derive(Debug, Subcommand)]
pub enum Ban {
    /// Drop everything from a source, unless it is exempt
    Add(Added),
    /// The same for every prefix of a file: one a line, # comments
    Import(Imported),
    /// Take bans back: an operator's of exactly this prefix, and all that the datapath gave inside it
    Del(Deleted),
    /// Show who is banned, by operators and by the datapath
    List(Selection),
    /// Whether an address is banned: status 0, or 4 if it is not
    Test {
        /// The source address
        #[arg(value_name = "ADDR")]
        addr: IpAddr,
    },
}

/// `throttler exempt`.
#[derive(Debug, Subcommand)]
pub enum Exempt {
    /// No limit and no ban holds for a source
    Add(Added),
    /// Take an exemption back
    Del(Deleted),
    /// Show the exemptions that operators gave
    List(Selection),
}

/// What is given, and for how long.
#[derive(Debug, Args)]
pub struct Added {
    /// An address or a prefix
    #[arg(value_parser = super::cidr, value_name = "CIDR")]
    source: IpNet,
    #[command(flatten)]
    terms: Terms,
}

/// A list of what is given.
#[derive(Debug, Args)]
pub struct Imported {
    /// The list; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    terms: Terms,
}

/// `throttler bind`.
#[derive(Debug, Args)]
pub struct Bind {
    /// An address or a prefix
    #[arg(value_parser = super::cidr, value_name = "CIDR")]
    source: IpNet,
    /// A plan of the policy
    #[arg(value_name = "PLAN")]
    plan: String,
    #[command(flatten)]
    terms: Terms,
}

/// What is taken back.
#[derive(Debug, Args)]
pub struct Deleted {
    /// The address or prefix, as it was given
    #[arg(value_parser = super::cidr, value_name = "CIDR")]
    source: IpNet,
}

#[derive(Debug, Args)]
struct Terms {
    /// End by itself after this time (`30s`, `10min`, `1h`); the datapath ends it, also without a daemon
    #[arg(long = "for", value_parser = super::duration, value_name = "TIME")]
    duration: Option<Duration>,
    /// Why, for whoever asks later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// The body that gives something.
#[derive(Debug, Serialize)]
struct Given<'a> {
    sources: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a str>,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    duration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

pub(super) fn ban(common: &Common, command: &Ban) -> Result<()> {
    match command {
        Ban::Add(added) => added.terms.give(common, Kind::Ban, &[added.source], None),
        Ban::Import(list) => list.terms.give(common, Kind::Ban, &list.read()?, None),
        Ban::Del(deleted) => take(common, Kind::Ban, deleted.source),
        Ban::List(selection) => {
            checks::privilege("ban list")?;
            let attached = report::attachments(&common.bpffs, &selection.of.iface)?;
            let mut out = std::io::stdout().lock();
            let all = BucketFilter::default();
            report::bans(
                &mut out,
                &attached,
                &common.state_dir,
                &all,
                selection.output,
            )
        }
        Ban::Test { addr } => test(common, *addr),
    }
}

pub(super) fn exempt(common: &Common, command: &Exempt) -> Result<()> {
    match command {
        Exempt::Add(added) => added
            .terms
            .give(common, Kind::Exempt, &[added.source], None),
        Exempt::Del(deleted) => take(common, Kind::Exempt, deleted.source),
        Exempt::List(selection) => {
            checks::privilege("exempt list")?;
            let attached = report::attachments(&common.bpffs, &selection.of.iface)?;
            let mut out = std::io::stdout().lock();
            report::overrides(
                &mut out,
                &attached,
                &common.state_dir,
                Kind::Exempt,
                selection.output,
            )
        }
    }
}

pub(super) fn bind(common: &Common, args: &Bind) -> Result<()> {
    args.terms
        .give(common, Kind::Bind, &[args.source], Some(&args.plan))
}

pub(super) fn unbind(common: &Common, args: &Deleted) -> Result<()> {
    take(common, Kind::Bind, args.source)
}

fn path(kind: Kind) -> &'static str {
    match kind {
        Kind::Ban => "/v1/bans",
        Kind::Exempt => "/v1/exemptions",
        Kind::Bind => "/v1/bindings",
    }
}

impl Terms {
    fn give(
        &self,
        common: &Common,
        kind: Kind,
        sources: &[IpNet],
        plan: Option<&str>,
    ) -> Result<()> {
        let given = Given {
            sources: sources.iter().map(ToString::to_string).collect(),
            plan,
            duration: self
                .duration
                .map(|duration| format!("{}s", duration.as_secs_f64())),
            reason: self.reason.as_deref(),
        };
        let what = match sources {
            [source] => source.to_string(),
            all => format!("{} prefixes", all.len()),
        };
        let said = match (kind, plan) {
            (Kind::Ban, _) => "banned".to_owned(),
            (Kind::Exempt, _) => "exempt".to_owned(),
            (Kind::Bind, plan) => format!("bound to plan {}", plan.unwrap_or_default()),
        };
        let answer: Answer = Client::new(common.socket()).post(path(kind), &given)?;
        for Interface { iface, changed, .. } in answer.interfaces {
            println!("{iface}: {what} {said}{}", news(changed, sources.len()));
        }
        Ok(())
    }
}

/// Bans a source for `top`; gives the interfaces.
///
/// # Errors
/// As [`Client::post`].
pub(super) fn ban_from_top(
    common: &Common,
    source: IpNet,
    duration: Option<&str>,
) -> Result<Vec<String>> {
    let given = Given {
        sources: vec![source.to_string()],
        plan: None,
        duration: duration.map(str::to_owned),
        reason: Some("throttler top"),
    };
    let answer: Answer = Client::new(common.socket()).post(path(Kind::Ban), &given)?;
    let ifaces = answer.interfaces.into_iter();
    Ok(ifaces.map(|interface| interface.iface).collect())
}

/// How much of it was not so before.
fn news(changed: usize, of: usize) -> String {
    match (changed, of) {
        (changed, of) if changed == of => String::new(),
        (0, _) => " (as before)".to_owned(),
        (changed, of) => format!(" ({changed} new, {} as before)", of - changed),
    }
}

fn take(common: &Common, kind: Kind, source: IpNet) -> Result<()> {
    let path = format!("{}?source={source}", path(kind));
    let answer: Answer = Client::new(common.socket()).delete(&path)?;
    for one in answer.interfaces {
        let iface = &one.iface;
        let what = match kind {
            Kind::Ban => "banned",
            Kind::Exempt => "exempt",
            Kind::Bind => "bound to a plan",
        };
        if one.changed > 0 {
            println!("{iface}: {source} no longer {what} by an operator");
        }
        match one.lifted {
            0 => {}
            1 => println!("{iface}: 1 ban of the datapath in {source} taken back"),
            count => println!("{iface}: {count} bans of the datapath in {source} taken back"),
        }
        for around in one.still_within {
            log::warn!(
                "{iface}: {source} is still banned with {around}: `throttler ban del {around}`"
            );
        }
    }
    Ok(())
}

impl Imported {
    fn read(&self) -> Result<Vec<IpNet>> {
        let name = self.file.display();
        let text = if self.file.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin())
        } else {
            std::fs::read_to_string(&self.file)
        };
        let text = text.with_context(|| format!("reading {name}"))?;
        let mut prefixes = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let entry = line.split('#').next().unwrap_or_default().trim();
            if !entry.is_empty() {
                let prefix = super::cidr(entry);
                prefixes.push(prefix.map_err(|error| {
                    Failure::new(
                        Status::BadPolicy,
                        format!("{name}:{}: {error}; nothing is changed", index + 1),
                    )
                })?);
            }
        }
        Ok(prefixes)
    }
}

fn test(common: &Common, addr: IpAddr) -> Result<()> {
    checks::privilege("ban test")?;
    let attached = report::attachments(&common.bpffs, &[])?;
    let all = BucketFilter {
        source: Some(addr.into()),
        top: None,
    };
    let mut lines = Vec::new();
    report::bans(
        &mut lines,
        &attached,
        &common.state_dir,
        &all,
        Format::Jsonl,
    )?;
    if lines.is_empty() {
        return Err(Failure::new(Status::NotFound, format!("{addr} is not banned")).into());
    }
    let mut out = std::io::stdout().lock();
    report::bans(&mut out, &attached, &common.state_dir, &all, Format::Table)
}
