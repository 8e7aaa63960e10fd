//! The scopes' port ranges cut the ports into classes whose members are treated alike.
//!
//! A policy may have thousands of ranges, one within the other. So a class does not list every atom that matches, but
//! those that can win: of atoms with the same destination and protocols, the one with the narrowest range. Ranges of
//! different scopes there contain each other or are apart (the config sees to it), so that each of the others would
//! lose to it, or is of the same scope.

use std::collections::{BTreeMap, BTreeSet};

use super::classifier::{AtomSet, Classes};
use crate::config::scopes::Atom;

/// The port after the last.
const END: u32 = 1 << 16;

/// The class of each port, and the atoms of each class; class 0 is that of packets without ports, which only atoms
/// without ports match. Ends with the first class that is more than `most`.
pub(super) fn classes(atoms: &[(u8, Atom)], most: usize) -> (Vec<u16>, Vec<AtomSet>) {
    let portless = (0..atoms.len()).filter(|i| atoms[*i].1.ports.is_none());
    let mut classes = Classes::default();
    classes.number(portless.collect());

    let mut events: Vec<Event> = Vec::new();
    let mut groups = BTreeMap::new();
    for (index, (_, atom)) in atoms.iter().enumerate() {
        let next = groups.len();
        let group = *groups.entry((&atom.to, &atom.protocols)).or_insert(next);
        let (first, end) = atom.ports.map_or((0, END), |ports| {
            (u32::from(ports.first), u32::from(ports.last) + 1)
        });
        let by_width = (end - first, atom.ports.is_none(), index);
        for (at, begins) in [(first, true), (end, false)] {
            events.push(Event {
                at,
                begins,
                group,
                by_width,
            });
        }
    }
    events.sort_unstable_by_key(|event| event.at);

    // Those that match the port in hand, the narrowest first.
    let mut open: Vec<BTreeSet<_>> = vec![BTreeSet::new(); groups.len()];
    let mut table: Vec<u16> = Vec::with_capacity(END as usize);
    let mut class = classes.number(narrowest(&open));
    for at_once in events.chunk_by(|a, b| a.at == b.at) {
        table.resize(at_once[0].at as usize, class as u16);
        for event in at_once {
            if event.begins {
                open[event.group].insert(event.by_width);
            } else {
                open[event.group].remove(&event.by_width);
            }
        }
        if at_once[0].at == END {
            break;
        }
        class = classes.number(narrowest(&open));
        if classes.sets.len() > most {
            break;
        }
    }
    table.resize(END as usize, class as u16);
    (table, classes.sets)
}

struct Event {
    at: u32,
    begins: bool,
    group: usize,
    /// Ports that it has, whether it is without, and its index.
    by_width: (u32, bool, usize),
}

fn narrowest(open: &[BTreeSet<(u32, bool, usize)>]) -> AtomSet {
    let first = open.iter().filter_map(BTreeSet::first);
    let mut set: AtomSet = first.map(|(_, _, index)| *index).collect();
    set.sort_unstable();
    set
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::scopes::{Specificity, more_specific};
    use crate::config::{PortRange, parse};

    /// The scope of the winner among these.
    fn winner(atoms: &[(u8, Atom)], of: impl Iterator<Item = usize>) -> Option<u8> {
        let better = |best: usize, next: usize| {
            let second = more_specific(&atoms[best].1, &atoms[next].1) == Specificity::Second;
            if second { next } else { best }
        };
        of.reduce(better).map(|index| atoms[index].0)
    }

    /// Whether the config takes them as scopes.
    fn taken(atoms: &[(u8, Atom)]) -> bool {
        atoms.iter().enumerate().all(|(number, (scope, atom))| {
            atoms[..number].iter().all(|(other, before)| {
                let how = more_specific(atom, before);
                scope == other || !matches!(how, Specificity::Equal | Specificity::Partial)
            })
        })
    }

    fn any_atom() -> impl Strategy<Value = (u8, Atom)> {
        let protocols =
            prop::sample::select(vec![None, Some(vec![6]), Some(vec![17]), Some(vec![6, 17])]);
        let to = prop::sample::select(vec![None, Some("10.0.0.0/8"), Some("10.1.0.0/16")]);
        let ports = prop::option::weighted(0.9, (0_u16..12, 0_u16..12));
        (1_u8..4, protocols, to, ports).prop_map(|(scope, protocols, to, ports)| {
            let ports = ports.map(|(a, b)| PortRange {
                first: a.min(b),
                last: a.max(b),
            });
            let protocols = match ports {
                Some(_) => protocols.or(Some(vec![6, 17])),
                None => protocols,
            };
            let to = to.map(|to| to.parse().expect("a prefix"));
            (
                scope,
                Atom {
                    protocols,
                    ports,
                    to,
                },
            )
        })
    }

    proptest! {
        #[test]
        fn the_narrowest_are_enough(all in prop::collection::vec(any_atom(), 0..14)) {
            // As many of them as the config takes together.
            let mut atoms = Vec::new();
            for atom in all {
                atoms.push(atom);
                if !taken(&atoms) {
                    atoms.pop();
                }
            }
            let (table, sets) = classes(&atoms, usize::MAX);
            prop_assert_eq!(table.len(), 65_536);
            for port in 0..14_u16 {
                let listed = &sets[usize::from(table[usize::from(port)])];
                for protocol in [6_u8, 17] {
                    for to in [None, Some("10.0.0.0/8"), Some("10.1.0.0/16")] {
                        let to = to.map(|to| to.parse().expect("a prefix"));
                        let here = |index: &usize| {
                            let Atom { protocols, ports, to: into } = &atoms[*index].1;
                            protocols.as_ref().is_none_or(|all| all.contains(&protocol))
                                && ports.is_none_or(|ports| (ports.first..=ports.last).contains(&port))
                                && into.is_none_or(|into| to.is_some_and(|to: ipnet::IpNet| into.contains(&to)))
                        };
                        let all = winner(&atoms, (0..atoms.len()).filter(here));
                        let few = winner(&atoms, listed.iter().copied().filter(here));
                        prop_assert_eq!(all, few, "port {} protocol {} to {:?} of {:?}", port, protocol, to, atoms);
                    }
                }
            }
        }
    }

    /// As many ranges as a policy may have, each within the one before: what is kept grows with them, not with their
    /// square.
    #[test]
    fn nested_ranges_take_no_more_room_than_others() {
        let ports: Vec<_> = (1..16_000)
            .map(|n| format!("'{n}-{}'", 65_535 - n))
            .collect();
        let text = format!(
            "[scopes.a]\nmatch = [{{ protocol = 'udp', ports = [{}] }}]",
            ports.join(",")
        );
        let now = jiff::Timestamp::UNIX_EPOCH;
        let config = parse("t", &text, std::path::Path::new(""), now).expect("a policy");
        let atoms: Vec<_> = config.scopes[1]
            .atoms()
            .into_iter()
            .map(|atom| (1, atom))
            .collect();
        let (_, sets) = classes(&atoms, usize::MAX);
        assert_eq!(sets.len(), 16_000);
        assert!(sets.iter().all(|set| set.len() <= 1));
        let (_, sets) = classes(&atoms, 10);
        assert_eq!(sets.len(), 11);
    }
}
