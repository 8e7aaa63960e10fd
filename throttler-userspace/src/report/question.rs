//! What `explain` is asked: of which scopes, and by which rule.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use throttler_common::abi::{Addr, CLASS_KEY_LEAD, ClassKey, MAX_CELLS, MAX_DESTINATIONS};
use throttler_common::class::{Kind, ended};

use super::reader::{Reader, bytes};
use crate::compile::ScopeKind;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The source address.
    pub addr: IpAddr,
    /// Destination port.
    pub port: Option<u16>,
    /// IP protocol number; TCP where only a port is given.
    pub protocol: Option<u8>,
    /// Destination address.
    pub to: Option<IpAddr>,
}

/// The scope that the question names and its layer, or all scopes where it names none.
pub(super) fn scopes(reader: &Reader<'_>, question: &Question) -> Result<Vec<u8>> {
    let description = &reader.attachment.description;
    if question.port.is_none() && question.protocol.is_none() {
        let live = description
            .scopes
            .iter()
            .filter(|s| s.kind != ScopeKind::Retired);
        return Ok(live.map(|scope| scope.id).collect());
    }
    let scope = classify(reader, question)?;
    let layer = description
        .scope(scope)
        .and_then(|scope| scope.layer.clone());
    let layer = description
        .scopes
        .iter()
        .find(|s| Some(&s.name) == layer.as_ref());
    Ok(std::iter::once(scope)
        .chain(layer.map(|layer| layer.id))
        .collect())
}

/// The kernel's own tables, read as the datapath reads them.
fn classify(reader: &Reader<'_>, question: &Question) -> Result<u8> {
    let tables = &reader.attachment.tables;
    let head = reader.head();
    let bank = head.generation % 2;
    let protocol = question.protocol.unwrap_or(6);
    let mut cell =
        u64::from(head.protocol_class[usize::from(protocol)]) * u64::from(head.protocol_stride);
    if let (Some(port), 6 | 17) = (question.port, protocol) {
        let classes = tables
            .port_classes
            .get(&bank)?
            .context("the port table is missing")?;
        cell += u64::from(classes.class[usize::from(port)]);
    }
    if let Some(to) = question.to {
        let (family, addr) = bytes(to);
        let run = (bank * 2 + family as u32) * MAX_DESTINATIONS as u32;
        for index in 0..head.destinations[family] {
            let entry = tables
                .destinations
                .get(&(run + index))?
                .context("a destination is missing")?;
            if addr.masked(entry.mask) == entry.network {
                cell += u64::from(entry.class) * u64::from(head.destination_stride);
                break;
            }
        }
    }
    let cells = tables
        .cells
        .get(&bank)?
        .context("the cell table is missing")?;
    Ok(cells.scope[cell as usize % MAX_CELLS])
}

/// The rule that gives an address its class now.
pub(super) fn rule(reader: &Reader<'_>, family: usize, addr: Addr) -> Result<Option<u32>> {
    let key = ClassKey {
        prefix_len: CLASS_KEY_LEAD + [32, 128][family],
        bank: (reader.head().generation % 2) as u8,
        family: [4, 6][family],
        reserved: [0; 2],
        addr,
    };
    let Some(chain) = reader.attachment.tables.classes.get(&key)? else {
        return Ok(None);
    };
    let now = reader.attachment.clock.monotonic_ns;
    let step = chain.steps.iter().find(|step| !ended(step.until, now));
    let nothing =
        |step: &&throttler_common::abi::ClassStep| step.kind == Kind::Plan as u8 && step.plan == 0;
    Ok(step.filter(|step| !nothing(step)).map(|step| step.rule))
}
