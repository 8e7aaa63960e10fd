//! Which packets a scope matches, and which of two matches is the more specific.

use ipnet::IpNet;

use super::model::{Match, PortRange, Scope};

/// One protocol set × one port range × one destination prefix: the least part of a match that can win or lose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom {
    /// IP protocol numbers in order; `None` is any.
    pub protocols: Option<Vec<u8>>,
    /// Destination ports; `None` is any, also a packet without ports. `Some` implies protocols within TCP and UDP.
    pub ports: Option<PortRange>,
    /// Destination prefix; `None` is any.
    pub to: Option<IpNet>,
}

/// How two atoms stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Specificity {
    /// No packet matches both.
    Disjoint,
    /// Where both match, the first wins.
    First,
    /// Where both match, the second wins.
    Second,
    /// Both match, and neither is the more specific: the same destination, ports and protocols.
    Equal,
    /// Their port ranges (or, by hand, protocol sets) overlap in part, so that neither contains the other.
    Partial,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Disjoint,
    Same,
    Inside,
    Contains,
    Partial,
}

/// Compares by destination, then ports, then protocol: whichever differs first decides, and the part wins over the
/// whole. Atoms of a [`super::Config`] of different scopes are never `Equal` or `Partial`.
#[must_use]
pub fn more_specific(a: &Atom, b: &Atom) -> Specificity {
    let relations = [
        relate(a.to.as_ref(), b.to.as_ref(), destination),
        relate(a.ports.as_ref(), b.ports.as_ref(), ports),
        relate(a.protocols.as_deref(), b.protocols.as_deref(), protocols),
    ];
    if relations.contains(&Relation::Disjoint) {
        return Specificity::Disjoint;
    }
    match relations.into_iter().find(|r| *r != Relation::Same) {
        Some(Relation::Inside) => Specificity::First,
        Some(Relation::Contains) => Specificity::Second,
        Some(Relation::Partial) => Specificity::Partial,
        Some(Relation::Disjoint) => Specificity::Disjoint,
        Some(Relation::Same) | None => Specificity::Equal,
    }
}

// `None` is the whole space, which strictly contains whatever was written out.
fn relate<T: ?Sized>(a: Option<&T>, b: Option<&T>, compare: fn(&T, &T) -> Relation) -> Relation {
    match (a, b) {
        (None, None) => Relation::Same,
        (Some(_), None) => Relation::Inside,
        (None, Some(_)) => Relation::Contains,
        (Some(a), Some(b)) => compare(a, b),
    }
}

fn destination(a: &IpNet, b: &IpNet) -> Relation {
    if a == b {
        Relation::Same
    } else if b.contains(a) {
        Relation::Inside
    } else if a.contains(b) {
        Relation::Contains
    } else {
        Relation::Disjoint
    }
}

fn ports(a: &PortRange, b: &PortRange) -> Relation {
    if a.last < b.first || b.last < a.first {
        Relation::Disjoint
    } else if a == b {
        Relation::Same
    } else if b.first <= a.first && a.last <= b.last {
        Relation::Inside
    } else if a.first <= b.first && b.last <= a.last {
        Relation::Contains
    } else {
        Relation::Partial
    }
}

fn protocols(a: &[u8], b: &[u8]) -> Relation {
    let shared = a.iter().filter(|number| b.contains(number)).count();
    match (shared == a.len(), shared == b.len()) {
        _ if shared == 0 => Relation::Disjoint,
        (true, true) => Relation::Same,
        (true, false) => Relation::Inside,
        (false, true) => Relation::Contains,
        (false, false) => Relation::Partial,
    }
}

impl Match {
    /// Its atoms: for each port range, each destination. Ports without a protocol are those of TCP and UDP.
    pub fn atoms(&self) -> impl Iterator<Item = Atom> + '_ {
        let protocols = match (self.protocol, self.ports.as_slice()) {
            (Some(protocol), _) => Some(protocol.numbers()),
            (None, []) => None,
            (None, _) => Some(vec![6, 17]),
        };
        or_any(&self.ports).into_iter().flat_map(move |ports| {
            let protocols = protocols.clone();
            or_any(&self.to).into_iter().map(move |to| Atom {
                protocols: protocols.clone(),
                ports,
                to,
            })
        })
    }
}

fn or_any<T: Copy>(listed: &[T]) -> Vec<Option<T>> {
    if listed.is_empty() {
        return vec![None];
    }
    listed.iter().copied().map(Some).collect()
}

impl Scope {
    /// The atoms of all its matches, in file order; `default` has one that matches everything.
    #[must_use]
    pub fn atoms(&self) -> Vec<Atom> {
        if self.matches.is_empty() {
            return vec![Atom {
                protocols: None,
                ports: None,
                to: None,
            }];
        }
        self.matches.iter().flat_map(Match::atoms).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn atom(protocols: &[u8], ports: Option<(u16, u16)>, to: &str) -> Atom {
        Atom {
            protocols: (!protocols.is_empty()).then(|| protocols.to_vec()),
            ports: ports.map(|(first, last)| PortRange { first, last }),
            to: to.parse().ok(),
        }
    }

    #[test]
    fn compares_destination_then_ports_then_protocol() {
        use Specificity::{Disjoint, Equal, First, Partial, Second};
        let cases = [
            (
                atom(&[], None, "10.0.0.0/8"),
                atom(&[6], Some((443, 443)), ""),
                First,
            ),
            (
                atom(&[], None, "10.0.0.0/8"),
                atom(&[6], None, "10.1.0.0/16"),
                Second,
            ),
            (
                atom(&[], None, "10.0.0.0/8"),
                atom(&[], None, "2001:db8::/32"),
                Disjoint,
            ),
            (
                atom(&[6], None, ""),
                atom(&[6, 17], Some((1, 9)), ""),
                Second,
            ),
            (
                atom(&[6], Some((1, 9)), ""),
                atom(&[6, 17], Some((1, 9)), ""),
                First,
            ),
            (
                atom(&[6], Some((1, 9)), ""),
                atom(&[17], Some((1, 9)), ""),
                Disjoint,
            ),
            (
                atom(&[6], Some((1, 9)), ""),
                atom(&[6], Some((5, 20)), ""),
                Partial,
            ),
            (
                atom(&[6], Some((1, 9)), ""),
                atom(&[17], Some((5, 20)), ""),
                Disjoint,
            ),
            (atom(&[1, 58], None, ""), atom(&[58], None, ""), Second),
            (atom(&[6], None, ""), atom(&[6], None, ""), Equal),
        ];
        for (a, b, expected) in cases {
            assert_eq!(more_specific(&a, &b), expected, "{a:?} {b:?}");
        }
    }

    fn any_atom() -> impl Strategy<Value = Atom> {
        let sets: Vec<&[u8]> = vec![&[], &[6], &[17], &[6, 17], &[1, 58], &[58]];
        let to = prop::sample::select(vec!["", "10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"]);
        let range = prop::option::of((0_u16..4, 0_u16..4).prop_map(|(a, b)| (a.min(b), a.max(b))));
        (prop::sample::select(sets), range, to).prop_map(|(set, range, to)| atom(set, range, to))
    }

    proptest! {
        #[test]
        fn swapping_swaps_the_winner(a in any_atom(), b in any_atom()) {
            let swapped = match more_specific(&b, &a) {
                Specificity::First => Specificity::Second,
                Specificity::Second => Specificity::First,
                same => same,
            };
            prop_assert_eq!(more_specific(&a, &b), swapped);
        }

        // Pairwise order is enough to have one winner only if it is transitive.
        #[test]
        fn winning_is_transitive(a in any_atom(), b in any_atom(), c in any_atom()) {
            use Specificity::{Disjoint, First};
            if more_specific(&a, &b) == First && more_specific(&b, &c) == First {
                prop_assert!(matches!(more_specific(&a, &c), First | Disjoint | Specificity::Partial));
            }
        }
    }
}
