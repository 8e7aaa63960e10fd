//! Everything that userspace reads from the maps.

use std::net::IpAddr;
use std::path::Path;

use throttler::compile::compile;
use throttler::kernel::publish;
use throttler::overrides::Kind;
use throttler::report::{self, Attachment, BucketFilter, Format, Question};

use super::world::World;
use crate::harness::clock;
use crate::policies;

/// Reads it, and prints what people and programs get of it.
pub(super) fn all(world: &mut World, asked: u8) {
    // As a daemon that starts: what it goes on from, and what it makes of that.
    if let Ok(Some(previous)) = publish::previous(&world.attached.tables)
        && asked & 0x20 == 0
    {
        let config = policies::config(usize::from(asked));
        if let Err(error) = compile(config, Some(&previous), clock()) {
            assert!(!error.to_string().is_empty());
        }
    }
    let Ok(Some((description, generation))) = report::published(&world.attached.tables) else {
        return;
    };
    world.attached.description = description;
    world.attached.generation = generation;
    print(std::slice::from_ref(&world.attached), asked);
}

fn print(attached: &[Attachment], asked: u8) {
    let filter = BucketFilter {
        top: (asked & 1 != 0).then_some(2),
        source: (asked & 2 != 0).then(|| "192.0.2.0/24".parse().expect("a prefix")),
    };
    let within = filter.source;
    // One a run: what is read is the same.
    let formats: &[Format] = match asked >> 6 {
        0 => &[Format::Table],
        1 => &[Format::Json],
        2 => &[Format::Jsonl],
        _ => &[Format::Table, Format::Json, Format::Jsonl],
    };
    for &format in formats {
        document(format, |out| report::scopes(out, attached, format));
        document(format, |out| report::plans(out, attached, format));
        document(format, |out| report::counters(out, attached, format));
        document(format, |out| {
            report::status(out, attached, |_| report::Beside::default(), format)
        });
        document(format, |out| {
            report::sources(out, attached, within, filter.top, format)
        });
        document(format, |out| {
            report::buckets(out, attached, &filter, format)
        });
        // No daemon has left a file here.
        let nowhere = Path::new("");
        document(format, |out| {
            report::bans(out, attached, nowhere, &filter, format)
        });
        for kind in [Kind::Exempt, Kind::Bind] {
            document(format, |out| {
                report::overrides(out, attached, nowhere, kind, format)
            });
        }
        for question in questions(asked) {
            document(format, |out| {
                report::explain(out, attached, &question, format)
            });
        }
    }
    let _ = report::metrics(attached, true);
}

/// Runs a report; an error is an answer, and a document must be one.
fn document(format: Format, report: impl FnOnce(&mut Vec<u8>) -> anyhow::Result<()>) {
    let mut out = Vec::new();
    if report(&mut out).is_err() {
        return;
    }
    let read = |text: &[u8]| {
        serde_json::from_slice::<serde_json::Value>(text)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)))
    };
    match format {
        Format::Table => {
            let text = String::from_utf8(out).expect("text");
            let moves = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(moves), "{text:?}");
        }
        Format::Json => assert_eq!(read(&out)["schema_version"], report::SCHEMA_VERSION),
        Format::Jsonl => out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .for_each(|line| {
                read(line);
            }),
    }
}

fn questions(asked: u8) -> [Question; 3] {
    let addr = |text: &str| -> IpAddr { text.parse().expect("an address") };
    let of = |text: &str, port, protocol| Question {
        addr: addr(text),
        scope: None,
        port,
        protocol,
        to: None,
    };
    let to = if asked & 4 == 0 {
        "198.18.0.1"
    } else {
        "2001:db8:1ab::1"
    };
    [
        of(
            if asked & 8 == 0 {
                "192.0.2.1"
            } else {
                "2001:db8:0:1::1"
            },
            None,
            None,
        ),
        Question {
            to: Some(addr(to)),
            ..of("198.51.100.7", Some(u16::from(asked) << 4), None)
        },
        of(
            "2001:db8:77:1::1",
            Some(53),
            Some(if asked & 16 == 0 { 17 } else { asked }),
        ),
    ]
}
