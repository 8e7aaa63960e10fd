//! A policy as numbers, and as the text that says them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use crate::harness::wall;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Packets,
    Bytes,
    Connections,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Packets => "packets",
            Self::Bytes => "bytes",
            Self::Connections => "connections",
        }
    }
}

/// A rate with its burst, and how the policy file writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// `10/min`.
    pub(crate) text: String,
    /// So many units ...
    pub(crate) count: i128,
    /// ... in so many nanoseconds, times the count's power of ten.
    pub(crate) per: i128,
    pub(crate) burst: u64,
    /// The burst is the count, and not written.
    pub(crate) implied: bool,
}

impl Rate {
    fn table(&self) -> String {
        let rate = format!("rate = \"{}\"", self.text);
        if self.implied {
            rate
        } else {
            format!("{rate}, burst = {}", self.burst)
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    pub(crate) rate: Rate,
}

/// A scope, or a layer, which is one without a port and without the rest.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) name: &'static str,
    /// What is sent to it; `None`: the layer.
    pub(crate) port: Option<u16>,
    pub(crate) monitor: bool,
    pub(crate) layered: bool,
    pub(crate) limits: Vec<Limit>,
    pub(crate) global: Vec<Limit>,
    /// Plans that the reserved share is kept for, and that share in per cent.
    pub(crate) protected: Vec<usize>,
    pub(crate) reserved: u8,
}

/// What a plan says of a scope or layer.
#[derive(Clone, Debug)]
pub(crate) enum Over {
    Unlimited,
    /// By limit; `None`: unlimited.
    Limits(BTreeMap<&'static str, Option<Rate>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Plan(usize),
    Exempt,
    Block,
}

/// An entry of `[[sources]]`.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) source: usize,
    /// Of the source alone, or of a wider prefix that has no other source.
    pub(crate) wide: bool,
    pub(crate) class: Class,
    /// Monotonic nanoseconds.
    pub(crate) until: Option<u64>,
}

/// `[abuse]`, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abuse {
    pub(crate) refusals: u64,
    pub(crate) within: u64,
    pub(crate) ban_for: u64,
    pub(crate) ban_max: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// `default` first, the layer last.
    pub(crate) scopes: Vec<Scope>,
    /// By plan, then by scope or layer.
    pub(crate) plans: Vec<BTreeMap<&'static str, Over>>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) abuse: Option<Abuse>,
}

impl Policy {
    pub(crate) fn layer(&self) -> Option<usize> {
        self.scopes.iter().position(|scope| scope.port.is_none())
    }

    /// The rate of a limit under a plan; `None`: the plan lifts it.
    pub(crate) fn rate(&self, plan: Option<usize>, scope: usize, limit: usize) -> Option<&Rate> {
        let scope = &self.scopes[scope];
        let own = &scope.limits[limit];
        match plan.and_then(|plan| self.plans[plan].get(scope.name)) {
            None => Some(&own.rate),
            Some(Over::Unlimited) => None,
            Some(Over::Limits(limits)) => match limits.get(own.name) {
                None => Some(&own.rate),
                Some(over) => over.as_ref(),
            },
        }
    }

    /// Whether a plan lifts all limits of a scope, those of all sources together as well.
    pub(crate) fn is_unlimited(&self, plan: Option<usize>, scope: usize) -> bool {
        let over = plan.and_then(|plan| self.plans[plan].get(self.scopes[scope].name));
        matches!(over, Some(Over::Unlimited))
    }

    /// The policy file.
    pub(crate) fn text(&self, addresses: &[IpAddr]) -> String {
        let mut text = String::new();
        for scope in &self.scopes {
            scope.write(&mut text, self);
        }
        for (number, plan) in self.plans.iter().enumerate() {
            writeln!(text, "[plans.p{number}]").expect("memory");
            for (scope, over) in plan {
                match over {
                    Over::Unlimited => writeln!(text, "{scope} = \"unlimited\""),
                    Over::Limits(limits) => {
                        let limits: Vec<_> = limits
                            .iter()
                            .map(|(name, rate)| match rate {
                                None => format!("{name} = \"unlimited\""),
                                Some(rate) if rate.implied => format!("{name} = \"{}\"", rate.text),
                                Some(rate) => format!("{name} = {{ {} }}", rate.table()),
                            })
                            .collect();
                        writeln!(text, "{scope} = {{ {} }}", limits.join(", "))
                    }
                }
                .expect("memory");
            }
        }
        for rule in &self.rules {
            rule.write(&mut text, addresses[rule.source]);
        }
        if let Some(abuse) = &self.abuse {
            let [within, first, longest] =
                [abuse.within, abuse.ban_for, abuse.ban_max].map(|ns| ns / 1_000_000_000);
            writeln!(
                text,
                "[abuse]\nban_after = {{ refusals = {}, within = \"{within}s\" }}\nban_for = \"{first}s\"\nban_max = \"{longest}s\"",
                abuse.refusals
            )
            .expect("memory");
        }
        text
    }
}

impl Scope {
    fn write(&self, text: &mut String, policy: &Policy) {
        let table = match self.port {
            Some(_) => format!("scopes.{}", self.name),
            None => format!("layers.{}", self.name),
        };
        writeln!(text, "[{table}]").expect("memory");
        match self.port {
            None => {
                let spans: Vec<_> = policy
                    .scopes
                    .iter()
                    .filter(|scope| scope.layered)
                    .map(|scope| format!("\"{}\"", scope.name))
                    .collect();
                writeln!(text, "scopes = [{}]", spans.join(", ")).expect("memory");
            }
            Some(port) if self.name != "default" => writeln!(
                text,
                "match = [{{ protocol = \"tcp\", ports = [\"{port}\"] }}, {{ protocol = \"udp\", ports = [\"{port}\"] }}]"
            )
            .expect("memory"),
            Some(_) => {}
        }
        if self.monitor {
            text.push_str("mode = \"monitor\"\n");
        }
        if !self.protected.is_empty() {
            let plans: Vec<_> = self.protected.iter().map(|p| format!("\"p{p}\"")).collect();
            let percent = self.reserved;
            writeln!(
                text,
                "protected = [{}]\nreserved = \"{percent}%\"",
                plans.join(", ")
            )
            .expect("memory");
        }
        for (kind, limits) in [("limits", &self.limits), ("global", &self.global)] {
            if limits.is_empty() {
                continue;
            }
            writeln!(text, "[{table}.{kind}]").expect("memory");
            for limit in limits {
                let (name, unit) = (limit.name, limit.unit.name());
                writeln!(
                    text,
                    "{name} = {{ {}, unit = \"{unit}\" }}",
                    limit.rate.table()
                )
                .expect("memory");
            }
        }
    }
}

impl Rule {
    fn write(&self, text: &mut String, address: IpAddr) {
        let bits = match (address.is_ipv4(), self.wide) {
            (true, false) => 32,
            (true, true) => 24,
            (false, false) => 64,
            (false, true) => 56,
        };
        let from = ipnet::IpNet::new(address, bits).expect("a length").trunc();
        let class = match self.class {
            Class::Plan(plan) => format!("plan = \"p{plan}\""),
            Class::Exempt => "exempt = true".to_owned(),
            Class::Block => "block = true".to_owned(),
        };
        writeln!(text, "[[sources]]\nfrom = [\"{from}\"]\n{class}").expect("memory");
        if let Some(end) = self.until {
            writeln!(text, "until = \"{}\"", wall(end)).expect("memory");
        }
    }
}
