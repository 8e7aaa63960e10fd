//! The scopes' matches cut the space of (destination, protocol, port) into classes whose members are
//! treated alike; a cell a combination names the most specific scope.

use std::collections::BTreeMap;

use ipnet::IpNet;
use throttler_common::abi::{Addr, Destination, MAX_CELLS};

use super::CompileError;
use super::identify::Ids;
use super::ports;
use crate::config::Config;
use crate::config::scopes::{Atom, Specificity, more_specific};

/// The classifier's tables.
pub(super) struct Classified {
    pub(super) port_classes: Vec<u16>,
    pub(super) protocol_class: [u8; 256],
    pub(super) cells: Vec<u8>,
    pub(super) destinations: [Vec<Destination>; 2],
    pub(super) destination_stride: u32,
    pub(super) protocol_stride: u32,
}

pub(super) fn classify(config: &Config, ids: &Ids) -> Result<Classified, CompileError> {
    // `default` takes what no atom does, so it needs none.
    let atoms: Vec<(u8, Atom)> = config
        .scopes
        .iter()
        .filter(|scope| scope.name != "default")
        .flat_map(|scope| {
            scope
                .atoms()
                .into_iter()
                .map(|a| (ids.scopes[&scope.name], a))
        })
        .collect();
    let (protocol_class, protocol_sets) = protocols(&atoms);
    let (destinations, destination_sets) = destinations(&atoms);
    let most = MAX_CELLS / (destination_sets.len() * protocol_sets.len());
    let (port_classes, port_sets) = ports::classes(&atoms, most);
    let need = destination_sets.len() * protocol_sets.len() * port_sets.len();
    if need > MAX_CELLS || protocol_sets.len() > 256 {
        return Err(CompileError::TooManyCells {
            destinations: destination_sets.len(),
            protocols: protocol_sets.len(),
            ports: port_sets.len(),
            need,
        });
    }
    let mut cells = Vec::with_capacity(need);
    let mut both = vec![false; atoms.len()];
    for destination in &destination_sets {
        for protocol in &protocol_sets {
            both.fill(false);
            for index in protocol {
                both[*index] = true;
            }
            let listed = |index: &usize| destination.binary_search(index).is_ok();
            for port in &port_sets {
                let matching = port.iter().copied().filter(|index| both[*index]);
                cells.push(winner(&atoms, matching.filter(listed)));
            }
        }
    }
    Ok(Classified {
        port_classes,
        protocol_class,
        cells,
        destinations,
        destination_stride: (protocol_sets.len() * port_sets.len()) as u32,
        protocol_stride: port_sets.len() as u32,
    })
}

/// Atoms are named by index, in sorted lists.
pub(super) type AtomSet = Vec<usize>;

fn winner(atoms: &[(u8, Atom)], matching: impl Iterator<Item = usize>) -> u8 {
    let best = matching.reduce(|best, next| {
        match more_specific(&atoms[best].1, &atoms[next].1) {
            Specificity::Second => next,
            // Equal or partial only within one scope: the config refuses it between two.
            Specificity::First
            | Specificity::Disjoint
            | Specificity::Equal
            | Specificity::Partial => best,
        }
    });
    best.map_or(0, |index| atoms[index].0)
}

/// Numbers sets of atoms in the order of their first appearance.
#[derive(Default)]
pub(super) struct Classes {
    numbers: BTreeMap<AtomSet, usize>,
    pub(super) sets: Vec<AtomSet>,
}

impl Classes {
    pub(super) fn number(&mut self, set: AtomSet) -> usize {
        let next = self.sets.len();
        *self.numbers.entry(set.clone()).or_insert_with(|| {
            self.sets.push(set);
            next
        })
    }
}

fn protocols(atoms: &[(u8, Atom)]) -> ([u8; 256], Vec<AtomSet>) {
    let mut classes = Classes::default();
    let mut table = [0; 256];
    for number in 0..=u8::MAX {
        let set = (0..atoms.len())
            .filter(|i| {
                let protocols = atoms[*i].1.protocols.as_ref();
                protocols.is_none_or(|listed| listed.contains(&number))
            })
            .collect();
        table[usize::from(number)] = classes.number(set) as u8;
    }
    (table, classes.sets)
}

/// Class 0 is that of destinations no atom lists. Prefixes never overlap in part, so the longest one
/// that holds an address says which others do.
fn destinations(atoms: &[(u8, Atom)]) -> ([Vec<Destination>; 2], Vec<AtomSet>) {
    let anywhere: AtomSet = (0..atoms.len())
        .filter(|i| atoms[*i].1.to.is_none())
        .collect();
    let mut sets = vec![anywhere];
    let mut listed: Vec<IpNet> = atoms.iter().filter_map(|(_, atom)| atom.to).collect();
    listed.sort_unstable_by_key(|net| (std::cmp::Reverse(net.prefix_len()), *net));
    listed.dedup();
    let mut tables = [Vec::new(), Vec::new()];
    for net in listed {
        let set = (0..atoms.len())
            .filter(|i| atoms[*i].1.to.is_none_or(|to| to.contains(&net)))
            .collect();
        let (family, network) = address(&net.network());
        tables[family].push(Destination {
            network,
            mask: Addr::mask(net.prefix_len()),
            class: sets.len() as u32,
            reserved: 0,
        });
        sets.push(set);
    }
    (tables, sets)
}

/// Family index and bytes of an address.
pub(crate) fn address(address: &std::net::IpAddr) -> (usize, Addr) {
    match address {
        std::net::IpAddr::V4(v4) => (0, Addr::from_v4(v4.octets())),
        std::net::IpAddr::V6(v6) => (1, Addr::from_bytes(v6.octets())),
    }
}
