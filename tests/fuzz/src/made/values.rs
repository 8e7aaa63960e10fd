//! Values: mostly such as a policy has, at times such as none may have.

use super::Choices;

/// Right, each in some file; and wrong, or at the edge.
pub(super) const RATES: [&[&str]; 2] = [
    &[
        "10/min", "1/s", "100/hour", "1000/10s", "0.5/s", "1.5k/s", "64Ki/s", "9/day", "5000/s",
    ],
    &[
        "0/s",
        "-1/s",
        "1/0s",
        "1/1001s",
        "1/366d",
        "1/367d",
        "1000000001/s",
        "100G/s",
        "100.1G/s",
        "18446744073709551615/s",
        "18446744073709551616/s",
        "0.0000000000000000001/s",
        "1/s/s",
        "/",
        "1/",
        "/s",
        "",
        "1/ms",
        "1/fortnight",
        "ten/min",
        "1e9/s",
        "10 / min",
        "1.5K/s",
        "1KiB/s",
        "1..5/s",
        "1./s",
        ".5/s",
        "١٠/min",
        "10/mín",
        "\\u0000",
        "1/s\\u009b31m",
        "unlimited",
        "99999999999999999999999999/9999999999999s",
    ],
];
pub(super) const DURATIONS: [&[&str]; 2] = [
    &["10s", "1min", "1h", "2d", "366d"],
    &[
        "0s",
        "367d",
        "s",
        "",
        "1ms",
        "1.5h",
        "-1s",
        "18446744073709551615s",
        "1w",
        "1 h",
        "１h",
    ],
];
pub(super) const PREFIXES: [&[&str]; 2] = [
    &[
        "192.0.2.0/24",
        "192.0.2.1",
        "10.0.0.0/8",
        "198.51.100.7/32",
        "2001:db8::/32",
        "2001:db8:0:1::/64",
        "::/0",
        "0.0.0.0/0",
        "2001:db8::1/128",
        "203.0.113.0/25",
        "10.0.0.0/9",
        "10.64.0.0/10",
    ],
    &[
        "192.0.2.1/24",
        "192.0.2.0/33",
        "::ffff:192.0.2.1",
        "::ffff:0:0/95",
        "2001:db8::1/64",
        "1.2.3",
        "1.2.3.4/",
        "1.2.3.4/-1",
        "01.2.3.4",
        "fe80::1%eth0",
        "",
        "localhost",
        "1.2.3.4/032",
        "::1::",
        "10.0.0.0/8 ",
        "１.2.3.4",
        "2001:db8::/129",
    ],
];
pub(super) const PORTS: [&[&str]; 2] = [
    &[
        "\"443\"",
        "\"8000-8099\"",
        "53",
        "\"8040-8060\"",
        "\"1-65535\"",
        "\"80\"",
        "\"8050\"",
        "\"8090-8200\"",
    ],
    &[
        "0",
        "\"0\"",
        "65536",
        "-1",
        "\"9-1\"",
        "\"1-\"",
        "\"-1\"",
        "\"http\"",
        "\"1-2-3\"",
        "\"\"",
        "1.5",
        "true",
        "\"4 43\"",
        "99999999999999999999999999999999999999999999",
    ],
];
pub(super) const PROTOCOLS: [&[&str]; 2] = [
    &[
        "\"tcp\"",
        "\"udp\"",
        "\"icmp\"",
        "\"icmpv6\"",
        "47",
        "\"6\"",
    ],
    &[
        "\"TCP\"", "256", "-1", "\"http\"", "\"\"", "[6]", "6.0", "\"tpc\"", "\"0x06\"",
    ],
];
pub(super) const TIMES: [&[&str]; 2] = [
    &[
        "\"2027-06-01T00:00:00Z\"",
        "2027-07-01T00:00:00Z",
        "\"2028-01-01T00:00:00+02:00\"",
    ],
    &[
        "\"2020-01-01T00:00:00Z\"",
        "\"9999-12-31T23:59:59Z\"",
        "2027-06-01",
        "07:32:00",
        "\"soon\"",
        "\"2027-13-01T00:00:00Z\"",
        "2027-06-01T00:00:00",
        "\"-009999-01-01T00:00:00Z\"",
        "\"\"",
        "1798761600",
        "\"2027-06-01T24:00:00Z\"",
    ],
];
pub(super) const COUNTS: [&[&str]; 2] = [
    &["1", "2", "100", "2000", "262144", "0x10", "1_000"],
    &[
        "0",
        "-1",
        "1000000000",
        "18446744073709551615",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "1.0",
        "nan",
        "-inf",
        "\"1\"",
        "0o7",
        "0b1",
        "4294967296",
        "true",
        "9223372036854775807",
    ],
];
pub(super) const SHARES: [&[&str]; 2] = [
    &["\"25%\"", "\"1%\"", "\"99%\""],
    &[
        "\"0%\"", "\"100%\"", "25", "\"25\"", "\"%\"", "\"1.5%\"", "\"-1%\"", "\"300%\"",
    ],
];
pub(super) const UNITS: [&[&str]; 2] = [
    &["\"packets\"", "\"bytes\"", "\"connections\""],
    &[
        "\"requests\"",
        "\"byte\"",
        "\"\"",
        "1",
        "\"Packets\"",
        "\"packets \"",
        "\"pächen\"",
    ],
];
pub(super) const MODES: [&[&str]; 2] = [
    &["\"enforce\"", "\"monitor\""],
    &[
        "\"\"",
        "\"off\"",
        "true",
        "enforce",
        "'enforce'",
        "\"Enforce\"",
        "\"\"\"\nenforce\"\"\"",
    ],
];
/// Of scopes, plans, limits and layers; few, so that they meet.
pub(super) const NAMES: [&[&str]; 2] = [
    &[
        "web", "default", "pro", "a", "b", "api", "free", "burst", "total", "all",
    ],
    &[
        "\"\"",
        "\"a b\"",
        "\"Web\"",
        "ä",
        "\"ä\"",
        "\"a.b\"",
        "a.b",
        "\"\\u001b[31m\"",
        "1a",
        "-",
        "\"\\u0000\"",
        "abcdefghijklmnopqrstuvwxyzabcdef",
        "'x\"y'",
        "\"\u{202e}web\"",
        "\"we\\nb\"",
    ],
];
/// Of any other type, or no value at all.
const ANY: [&str; 26] = [
    "1",
    "-1",
    "1.5",
    "nan",
    "true",
    "\"\"",
    "\"x\"",
    "[]",
    "[[]]",
    "{}",
    "{ a = 1 }",
    "2027-01-01",
    "[1, \"a\", {}]",
    "'''\nx'''",
    "",
    "=",
    "\"",
    "'",
    "[",
    "{",
    "]",
    "\"\\q\"",
    "\"\\uD800\"",
    "0x",
    "\u{feff}1",
    "{ a = { a = { a = [[[{}]]] } } }",
];

impl Choices<'_> {
    /// Usually a right one.
    pub(super) fn of(&mut self, [right, wrong]: [&'static [&'static str]; 2]) -> String {
        match self.below(24) {
            21 | 22 => self.pick(wrong).to_owned(),
            23 => self.any(),
            _ => self.pick(right).to_owned(),
        }
    }

    /// [`Self::of`] what goes into quotes.
    pub(super) fn text(&mut self, of: [&'static [&'static str]; 2]) -> String {
        match self.one_in(40) {
            true => self.any(),
            false => format!("\"{}\"", self.of(of).replace('"', "")),
        }
    }

    /// Of another type, or too long, or too deep.
    pub(super) fn any(&mut self) -> String {
        match self.below(40) {
            36 => "[".repeat(self.below(300)) + &"]".repeat(self.below(300)),
            37 => format!("\"{}\"", "x".repeat(self.below(5_000))),
            38 => "{ a = ".repeat(self.below(200)) + "1" + &" }".repeat(self.below(200)),
            39 => format!("\"{}\"", "ß\\u0301".repeat(self.below(200))),
            one => ANY[one % ANY.len()].to_owned(),
        }
    }
}
