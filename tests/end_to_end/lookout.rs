//! What the lookout finds, by real packets: each kind of alert, once, when it is due and not before. What the abuse log
//! does not say by itself is a line of `/v1/events`; everything is counted in the metrics.

mod near;
mod operators;
mod refusals;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    time::Instant,
};

use serde_json::Value;

use crate::{
    http::ask,
    site::{LONG, Site},
};

/// Follows the stream of events.
struct Events(BufReader<UnixStream>);

impl Events {
    /// From now on.
    fn follow(site: &Site) -> Self {
        let mut stream = UnixStream::connect(site.daemon.socket()).expect("a connection");
        stream.set_read_timeout(Some(6 * LONG)).expect("a deadline");
        write!(stream, "GET /v1/events HTTP/1.1\r\nhost: throttler\r\n\r\n").expect("a request");
        let mut events = Self(BufReader::new(stream));
        assert!(events.line().starts_with("HTTP/1.1 200"));
        while !events.line().is_empty() {}
        events
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line);
        assert_ne!(read.expect("an event in time"), 0, "the stream ended");
        line.trim_end().to_owned()
    }

    /// The next event of a name, and those before it.
    fn next(&mut self, name: &str) -> (Value, Vec<Value>) {
        let mut before = Vec::new();
        loop {
            let line = self.line();
            if !line.starts_with('{') {
                continue;
            }
            let event: Value = serde_json::from_str(&line).expect("JSON");
            if event["event"] == name {
                return (event, before);
            }
            before.push(event);
        }
    }
}

/// The latest events of a name.
fn recent(site: &Site, name: &str) -> Vec<Value> {
    let text = ask(site, "GET /v1/events?recent=1000", "").body;
    let events = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == name).collect()
}

/// A metric by its name and labels.
fn metric(site: &Site, name: &str) -> u64 {
    let text = ask(site, "GET /metrics", "").body;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = value.unwrap_or_else(|| panic!("no {name} in {text}"));
    value.parse().expect("a number")
}

/// How often a kind was found on the lab's interface.
fn found(site: &Site, kind: &str) -> u64 {
    metric(
        site,
        &format!("throttler_alerts_total{{iface=\"veth-s\",event=\"{kind}\"}}"),
    )
}

/// Waits for a metric to be what is wanted.
pub(crate) fn wait_metric(site: &Site, name: &str, is_so: impl Fn(u64) -> bool) -> u64 {
    let end = Instant::now() + 6 * LONG;
    loop {
        let value = metric(site, name);
        if is_so(value) {
            return value;
        }
        assert!(Instant::now() < end, "{name} is {value}");
        std::thread::yield_now();
    }
}

/// Waits until the lookout has looked at the whole table twice: once at least from now on.
fn looked(site: &Site) {
    let name = "throttler_lookout_sweeps_total{iface=\"veth-s\"}";
    let before = metric(site, name);
    wait_metric(site, name, |value| value >= before + 2);
}

/// Some fields of an event.
fn fields<const N: usize>(event: &Value, keys: [&str; N]) -> [Value; N] {
    keys.map(|key| event[key].clone())
}
