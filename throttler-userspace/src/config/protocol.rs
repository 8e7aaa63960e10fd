//! Transport protocols and destination ports as the policy file writes them.

use std::borrow::Cow;
use std::fmt;

use super::grammar::GrammarError;
use super::model::{PortRange, Protocol};
use super::suggest::{known, quote};

// Numbers: IANA, "Assigned Internet Protocol Numbers".
const NAMES: [(&str, Protocol); 19] = [
    ("tcp", Protocol::Tcp),
    ("udp", Protocol::Udp),
    ("icmp", Protocol::Icmp),
    ("icmpv6", Protocol::Icmpv6),
    ("igmp", Protocol::Number(2)),
    ("ipip", Protocol::Number(4)),
    ("dccp", Protocol::Number(33)),
    ("ipv6", Protocol::Number(41)),
    ("rsvp", Protocol::Number(46)),
    ("gre", Protocol::Number(47)),
    ("esp", Protocol::Number(50)),
    ("ah", Protocol::Number(51)),
    ("eigrp", Protocol::Number(88)),
    ("ospf", Protocol::Number(89)),
    ("pim", Protocol::Number(103)),
    ("vrrp", Protocol::Number(112)),
    ("l2tp", Protocol::Number(115)),
    ("sctp", Protocol::Number(132)),
    ("udplite", Protocol::Number(136)),
];

impl Protocol {
    /// The name if the policy file has one for it, else the number.
    #[must_use]
    pub fn as_str(self) -> Cow<'static, str> {
        let named = NAMES.iter().find(|(_, known)| *known == self);
        match (named, self) {
            (Some((name, _)), _) => Cow::Borrowed(name),
            (None, Self::Number(number)) => Cow::Owned(number.to_string()),
            (None, _) => Cow::Borrowed("any"),
        }
    }

    /// The IP protocol numbers, in order; two for [`Protocol::Icmp`].
    #[must_use]
    pub fn numbers(&self) -> Vec<u8> {
        match self {
            Self::Tcp => vec![6],
            Self::Udp => vec![17],
            Self::Icmp => vec![1, 58],
            Self::Icmpv6 => vec![58],
            Self::Number(number) => vec![*number],
        }
    }

    /// TCP and UDP, whose ports the datapath reads.
    pub(crate) fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp)
    }

    fn from_number(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            58 => Self::Icmpv6,
            other => Self::Number(other),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// A name, `any` (as `None`), or a number 0..=255.
pub(crate) fn parse(text: &str) -> Result<Option<Protocol>, GrammarError> {
    if text == "any" {
        return Ok(None);
    }
    if let Some((_, protocol)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Ok(Some(*protocol));
    }
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        return match text.parse::<u8>() {
            Ok(number) => Ok(Some(Protocol::from_number(number))),
            Err(_) => Err(number_out_of_range(text)),
        };
    }
    let names = NAMES.iter().map(|(name, _)| *name).chain(["any"]);
    Err(GrammarError::new(
        format!("unknown protocol {}", quote(text)),
        format!("{}, or a number 0 to 255", known("protocols", text, names)),
    ))
}

/// The same for a TOML integer.
pub(crate) fn from_integer(number: i128) -> Result<Option<Protocol>, GrammarError> {
    match u8::try_from(number) {
        Ok(number) => Ok(Some(Protocol::from_number(number))),
        Err(_) => Err(number_out_of_range(&number.to_string())),
    }
}

fn number_out_of_range(text: &str) -> GrammarError {
    GrammarError::new(
        format!("protocol {} is out of range", quote(text)),
        "a protocol number is 0 to 255",
    )
}

/// `443` or `8000-8099`.
pub(crate) fn parse_ports(text: &str) -> Result<PortRange, GrammarError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first, text)?, port(last, text)?);
    if first > last {
        return Err(GrammarError::new(
            format!("port range {} runs backwards", quote(text)),
            format!("write `\"{last}-{first}\"`"),
        ));
    }
    Ok(PortRange { first, last })
}

/// The same for a TOML integer.
pub(crate) fn port_from_integer(number: i128) -> Result<PortRange, GrammarError> {
    let port = u16::try_from(number).map_err(|_| port_out_of_range(&number.to_string()))?;
    Ok(PortRange {
        first: port,
        last: port,
    })
}

fn port(text: &str, whole: &str) -> Result<u16, GrammarError> {
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_digit()) {
        return Err(GrammarError::new(
            format!("{} is not a port or a range of ports", quote(whole)),
            "write `\"443\"` or `\"8000-8099\"`, without spaces or names",
        ));
    }
    text.parse().map_err(|_| port_out_of_range(text))
}

fn port_out_of_range(text: &str) -> GrammarError {
    GrammarError::new(
        format!("port {} is out of range", quote(text)),
        "a port is 0 to 65535",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normalises_numbers() {
        for (text, expected) in [
            ("6", Some(Protocol::Tcp)),
            ("17", Some(Protocol::Udp)),
            ("58", Some(Protocol::Icmpv6)),
            ("1", Some(Protocol::Number(1))),
            ("132", Some(Protocol::Number(132))),
            ("icmp", Some(Protocol::Icmp)),
            ("any", None),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        assert_eq!(Protocol::Number(132).to_string(), "sctp");
        assert_eq!(Protocol::Number(254).to_string(), "254");
        assert_eq!(Protocol::Icmp.numbers(), [1, 58]);
    }

    proptest! {
        #[test]
        fn no_string_panics(text in "\\PC*", ports in "[0-9-]{0,12}") {
            let _ = parse(&text);
            let _ = parse_ports(&text);
            let _ = parse_ports(&ports);
        }

        #[test]
        fn names_and_ports_round_trip(number: u8, a: u16, b: u16) {
            let protocol = Protocol::from_number(number);
            prop_assert_eq!(parse(&protocol.to_string()).unwrap(), Some(protocol));
            let range = PortRange { first: a.min(b), last: a.max(b) };
            prop_assert_eq!(parse_ports(&range.to_string()).unwrap(), range);
        }
    }
}
