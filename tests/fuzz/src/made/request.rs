//! Requests: every route with every method, queries and bodies that are right, or nearly so.

use throttler::daemon::control::PATHS;

use super::Choices;
use super::values::{COUNTS, DURATIONS, NAMES, PREFIXES, TIMES};
use crate::bytes::Tape;

const METHODS: [&str; 9] = [
    "GET", "POST", "DELETE", "HEAD", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW",
];
const KINDS: [&str; 7] = [
    "text/plain",
    "",
    "application/json; charset=utf-8",
    "application/x-www-form-urlencoded",
    "APPLICATION/JSON",
    "application/json;;\"",
    "application/problem+json",
];

/// One for the `api` target: a line with method and URI, one with the content type, and the body.
#[must_use]
pub fn request(tape: &[u8]) -> Vec<u8> {
    let mut choices = Choices(Tape::new(tape));
    let (method, uri, kind) = choices.head();
    let mut request = format!("{method} {uri}\n{kind}\n").into_bytes();
    request.extend(choices.body(&uri));
    request
}

impl Choices<'_> {
    /// Method, URI and content type; as a rule such as go together.
    pub(super) fn head(&mut self) -> (String, String, &'static str) {
        let (path, methods) = PATHS[self.below(PATHS.len())];
        let method = match self.one_in(8) {
            true => self.pick(&METHODS).to_owned(),
            false => methods[self.below(methods.len())].to_uppercase(),
        };
        let uri = self.uri(path, &method);
        let kind = match self.one_in(8) {
            true => self.pick(&KINDS),
            false => "application/json",
        };
        (method, uri, kind)
    }

    fn uri(&mut self, path: &str, method: &str) -> String {
        let keys: &[&str] = match (path, method) {
            ("/v1/sources/{addr}", _) => &["port", "proto", "to", "iface"],
            ("/v1/events", _) => &["recent"],
            (_, "DELETE") => &["source"],
            _ => &["iface"],
        };
        let address = self.of(PREFIXES).replace(['"', '\n', ' '], "");
        let path = path.replace("{addr}", address.split('/').next().unwrap_or_default());
        let path = match self.below(64) {
            58 => self.escaped(&path),
            59 => path.to_uppercase(),
            60 => path + "/",
            61 => format!("/{path}"),
            62 => format!("{path}/../status"),
            63 => path + &"/x".repeat(self.below(600)),
            _ => path,
        };
        let most = match keys {
            ["source"] => 1,
            ["recent" | "iface"] => self.below(2),
            _ => self.below(4),
        };
        let pairs: Vec<_> = (0..most).map(|_| self.parameter(keys)).collect();
        match pairs.is_empty() {
            true => path,
            false => format!("{path}?{}", pairs.join("&")),
        }
    }

    fn parameter(&mut self, keys: &[&str]) -> String {
        let key = match self.one_in(8) {
            true => self.pick(&["source", "iface", "recent", "x", "", "source%00"]),
            false => keys[self.below(keys.len())],
        };
        let value = match (key, self.below(10)) {
            (_, 9) => "x".repeat(self.below(3_000)),
            ("iface", 0..5) => "eth0".to_owned(),
            ("port" | "recent", _) => self.of(COUNTS),
            ("proto", _) => {
                let all = ["tcp", "udp", "47", "256", "-1", "TCP", "%74cp"];
                self.pick(&all).to_owned()
            }
            _ => self.of(PREFIXES),
        };
        match self.one_in(6) {
            true => format!("{key}={}", self.escaped(&value)),
            false => format!("{key}={value}").replace(['"', '\n', ' '], "+"),
        }
    }

    /// Percent-encoded, at times wrongly.
    fn escaped(&mut self, text: &str) -> String {
        let bytes = text.bytes();
        let escaped = bytes.map(|byte| match self.below(8) {
            0 => char::from(byte).to_string(),
            1 => format!("%{byte:02X}%"),
            2 => format!("%{:02x}", byte | 0x80),
            _ => format!("%{byte:02x}"),
        });
        escaped.collect()
    }

    pub(super) fn body(&mut self, uri: &str) -> Vec<u8> {
        let keys: &[&str] = match uri {
            "/v1/pause" => &["for"],
            "/v1/bindings" => &["source", "plan", "for", "reason"],
            _ => &["source", "for", "until", "reason", "sources"],
        };
        let mut body = match self.below(16) {
            0..=10 => self.object(keys),
            11 => self.json(0),
            12 => String::new(),
            13 => "[".repeat(self.below(400)),
            // More than most paths take.
            14 if self.one_in(4) => " ".repeat(70_000),
            _ => {
                let all: Vec<_> = (0..self.below(300))
                    .map(|n| format!("\"10.0.{}.{}\"", n / 256, n % 256))
                    .collect();
                format!("{{\"sources\":[{}]}}", all.join(","))
            }
        }
        .into_bytes();
        match self.below(24) {
            22 => body.truncate(self.below(body.len() + 1)),
            23 => {
                let at = self.below(body.len() + 1);
                body.insert(at, self.0.u8());
            }
            _ => {}
        }
        body
    }

    fn object(&mut self, keys: &[&str]) -> String {
        let some = self.below(keys.len() + 1);
        let first = keys.first().copied().into_iter();
        let pairs: Vec<_> = first
            .chain(keys.iter().skip(1).copied().take(some))
            .collect();
        let pairs: Vec<String> = pairs
            .into_iter()
            .map(|key| {
                let key = match self.one_in(16) {
                    true => self.pick(&["source", "sorce", "plan", "", "until"]),
                    false => key,
                };
                let choices = &mut *self;
                let quoted =
                    |text: String| serde_json::Value::from(text.replace('"', "")).to_string();
                let value = match (key, choices.below(16)) {
                    (_, 15) => choices.json(0),
                    ("source", _) => quoted(choices.of(PREFIXES)),
                    ("sources", _) => {
                        let all = choices.some(3, |choices| quoted(choices.of(PREFIXES)));
                        format!("[{}]", all.join(","))
                    }
                    ("for", _) => quoted(choices.of(DURATIONS)),
                    ("until", _) => quoted(choices.of(TIMES)),
                    _ => quoted(choices.of(NAMES)),
                };
                format!("\"{key}\":{value}")
            })
            .collect();
        format!("{{{}}}", pairs.join(","))
    }

    /// Any JSON, or nearly.
    fn json(&mut self, depth: usize) -> String {
        match self.below(14) {
            0 => "null".to_owned(),
            1 => "true".to_owned(),
            2 => "1e999".to_owned(),
            3 => "-0".to_owned(),
            4 => "18446744073709551616".to_owned(),
            5 => "\"\\ud800\"".to_owned(),
            6 => "NaN".to_owned(),
            7 => format!("\"{}\"", "a".repeat(self.below(70_000))),
            8 => "\"\\u0000\\u001b[31m\"".to_owned(),
            9 => "{\"a\":".repeat(self.below(200)) + "1",
            10..=11 if depth < 4 => {
                let all = self.some(3, |choices| choices.json(depth + 1));
                format!("[{}]", all.join(","))
            }
            12 if depth < 4 => format!("{{\"source\":{}}}", self.json(depth + 1)),
            _ => "1".to_owned(),
        }
    }
}
