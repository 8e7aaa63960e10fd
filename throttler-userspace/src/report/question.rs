//! What `explain` is asked: of which scopes.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use throttler_common::abi::{Cells, Destination, MAX_CELLS, MAX_DESTINATIONS, PortClasses};

use super::attached::Attachment;
use super::reader::{Reader, bytes};
use crate::cli::failure::{Failure, Status};
use crate::compile::{Description, ScopeDescription, ScopeKind};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The source address.
    pub addr: IpAddr,
    /// Name of a scope or layer, instead of what follows.
    pub scope: Option<String>,
    /// Destination port.
    pub port: Option<u16>,
    /// IP protocol number; TCP where only a port is given.
    pub protocol: Option<u8>,
    /// Destination address.
    pub to: Option<IpAddr>,
}

/// The scope that the question names and its layer, or all scopes where it names none. An interface whose policy has no
/// scope of that name has nothing to say.
pub(super) fn scopes(reader: &Reader<'_>, question: &Question) -> Result<Vec<u8>> {
    let description = &reader.attachment.description;
    if let Some(name) = &question.scope {
        let named = in_force(description).find(|scope| scope.name == *name);
        let layer = named.and_then(|scope| layer(description, scope));
        return Ok(named.into_iter().chain(layer).map(|one| one.id).collect());
    }
    if question.port.is_none() && question.protocol.is_none() {
        return Ok(in_force(description).map(|scope| scope.id).collect());
    }
    let id = classify(reader, question)?;
    let layer = description
        .scope(id)
        .and_then(|scope| layer(description, scope));
    Ok([id].into_iter().chain(layer.map(|one| one.id)).collect())
}

/// Why a question has no answer: no interface has the scope that it names.
pub(super) fn unknown<'a>(
    attached: impl Iterator<Item = &'a Attachment> + Clone,
    question: &Question,
) -> Option<Failure> {
    let name = question.scope.as_ref()?;
    let scopes = attached.flat_map(|one| in_force(&one.description));
    let mut known: Vec<&str> = scopes.map(|scope| scope.name.as_str()).collect();
    if known.contains(&name.as_str()) || known.is_empty() {
        return None;
    }
    known.sort_unstable();
    known.dedup();
    let message = format!(
        "there is no scope or layer `{name}`; there is {}",
        known.join(", ")
    );
    Some(Failure::new(Status::NotFound, message))
}

fn in_force(description: &Description) -> impl Iterator<Item = &ScopeDescription> {
    let scopes = description.scopes.iter();
    scopes.filter(|scope| scope.kind != ScopeKind::Retired)
}

fn layer<'a>(
    description: &'a Description,
    scope: &ScopeDescription,
) -> Option<&'a ScopeDescription> {
    let name = scope.layer.as_ref()?;
    description.scopes.iter().find(|one| one.name == *name)
}

/// The kernel's tables that give a packet its scope. They are large, and the same as long as their generation is in force.
pub(super) struct Classifier {
    ports: Box<PortClasses>,
    cells: Box<Cells>,
    /// By family, in the order in which they are compared.
    destinations: [Vec<Destination>; 2],
}

impl Classifier {
    fn read(reader: &Reader<'_>) -> Result<Self> {
        let tables = &reader.attachment.tables;
        let head = reader.head();
        let bank = head.generation % 2;
        let ports = tables.port_classes.get_boxed(&bank)?;
        let cells = tables.cells.get_boxed(&bank)?;
        let mut destinations = [Vec::new(), Vec::new()];
        for (family, listed) in destinations.iter_mut().enumerate() {
            let run = (bank * 2 + family as u32) * MAX_DESTINATIONS as u32;
            for index in 0..head.destinations[family] {
                let entry = tables.destinations.get(&(run + index))?;
                listed.push(entry.context("a destination is missing")?);
            }
        }
        Ok(Self {
            ports: ports.context("the port table is missing")?,
            cells: cells.context("the cell table is missing")?,
            destinations,
        })
    }
}

/// The scope of the packets asked about, found as the datapath finds it.
fn classify(reader: &Reader<'_>, question: &Question) -> Result<u8> {
    let tables = match reader.classifier.get() {
        Some(tables) => tables,
        None => {
            let read = Classifier::read(reader)?;
            reader.classifier.get_or_init(|| read)
        }
    };
    let head = reader.head();
    let protocol = question.protocol.unwrap_or(6);
    let mut cell =
        u64::from(head.protocol_class[usize::from(protocol)]) * u64::from(head.protocol_stride);
    if let (Some(port), 6 | 17) = (question.port, protocol) {
        cell += u64::from(tables.ports.class[usize::from(port)]);
    }
    if let Some(to) = question.to {
        let (family, addr) = bytes(to.to_canonical());
        let mut listed = tables.destinations[family].iter();
        if let Some(found) = listed.find(|one| addr.masked(one.mask) == one.network) {
            cell += u64::from(found.class) * u64::from(head.destination_stride);
        }
    }
    Ok(tables.cells.scope[cell as usize % MAX_CELLS])
}
