//! `throttler events`: what the abuse log says, from the daemon.

use std::io::{self, ErrorKind, Write};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::Common;
use super::client::Client;

/// More than the daemon keeps.
const ALL: &str = "/v1/events?recent=1000";

/// Arguments of `events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Print events as they come, from now on, until interrupted; without it the latest that the daemon keeps (1,000)
    #[arg(short, long)]
    follow: bool,
    /// How to print them
    #[arg(short, long, value_enum, default_value = "text", value_name = "FORMAT")]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line an event
    Text,
    /// A line of JSON an event
    Jsonl,
}

pub(super) fn events(common: &Common, args: &EventsArgs) -> Result<()> {
    let path = if args.follow { "/v1/events" } else { ALL };
    let mut out = io::stdout().lock();
    let mut line = Vec::new();
    Client::new(common.socket()).stream(path, |piece| {
        for byte in piece {
            if *byte != b'\n' {
                line.push(*byte);
                continue;
            }
            let text = std::mem::take(&mut line);
            match written(&mut out, &text, args.output) {
                // `head` has enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
                written => written?,
            }
        }
        Ok(true)
    })
}

fn written(out: &mut impl Write, line: &[u8], format: Format) -> io::Result<()> {
    match (format, serde_json::from_slice(line)) {
        (Format::Text, Ok(event)) => writeln!(out, "{}", text(&event))?,
        _ => {
            out.write_all(line)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()
}

/// `TIME EVENT key=value ...`.
fn text(event: &Map<String, Value>) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) if text.is_empty() || text.contains([' ', '"', '=']) => {
            Value::from(text.as_str()).to_string()
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let first = ["time", "event"];
    let mut words: Vec<String> = first
        .into_iter()
        .filter_map(|key| event.get(key)?.as_str().map(str::to_owned))
        .collect();
    let rest = event
        .iter()
        .filter(|(key, _)| !first.contains(&key.as_str()));
    words.extend(rest.map(|(key, value)| format!("{key}={}", plain(value))));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Format, written};

    #[test]
    fn an_event_is_a_line_of_text_or_as_it_came() {
        let event = br#"{"event":"banned prefix","time":"T","source":"192.0.2.1/32","rate":"5 a day","refused":3}"#;
        let print = |format| {
            let mut out = Vec::new();
            written(&mut out, event, format).expect("memory");
            String::from_utf8(out).expect("text")
        };
        assert_eq!(
            print(Format::Text),
            "T banned prefix source=192.0.2.1/32 rate=\"5 a day\" refused=3\n"
        );
        assert_eq!(print(Format::Jsonl).trim_end().as_bytes(), event);
    }
}
