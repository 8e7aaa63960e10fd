//! The log on standard error, as text or JSON lines. Values are fields, so that both formats carry
//! the same.
//!
//! Where standard error is the journal, each line begins with its priority, `<4>` (sd-daemon(3)), and has no time of its
//! own but where it tells of something earlier.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

use clap::ValueEnum;
use env_logger::fmt::Formatter;
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, LevelFilter, Record};

use crate::cli::Common;

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `time LEVEL message key=value ...`
    Text,
    /// One JSON object a line.
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether standard error gets colour. `NO_COLOR` is respected (no-color.org).
    #[must_use]
    pub fn on_stderr(self) -> bool {
        self.on(&std::io::stderr())
    }

    /// Whether standard output gets colour, alike.
    #[must_use]
    pub fn on_stdout(self) -> bool {
        self.on(&std::io::stdout())
    }

    fn on(self, stream: &impl std::io::IsTerminal) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => stream.is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }
}

/// A field that replaces a record's time, where the record tells of something earlier.
pub const TIME: &str = "time";

/// Starts the log. A second call does nothing.
pub fn init(format: Format, common: &Common) {
    let level = match i16::from(common.verbose) - i16::from(common.quiet) {
        ..=-2 => LevelFilter::Error,
        -1 => LevelFilter::Warn,
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    let mut builder = env_logger::Builder::new();
    builder.filter_level(LevelFilter::Warn);
    builder.filter_module("throttler", level);
    builder.parse_env("THROTTLER_LOG");
    let to_journal = is_journal(std::env::var("JOURNAL_STREAM").ok().as_deref());
    builder.format(move |out, record| {
        if to_journal {
            write!(out, "<{}>", priority(record.level()))?;
        }
        match format {
            Format::Text => text(out, record, to_journal),
            Format::Json => json(out, record),
        }
    });
    // A log that is set already is a test's.
    let _ = builder.try_init();
}

/// Whether standard error is what systemd says that it connected to the journal: `DEVICE:INODE` (systemd.exec(5)).
fn is_journal(stream: Option<&str>) -> bool {
    let Some((device, inode)) = stream.and_then(|stream| stream.split_once(':')) else {
        return false;
    };
    std::fs::metadata("/proc/self/fd/2")
        .is_ok_and(|stderr| device.parse() == Ok(stderr.dev()) && inode.parse() == Ok(stderr.ino()))
}

/// The level as syslog(3) has it.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// The fields of a record, in order.
#[derive(Default)]
struct Fields(Vec<(String, serde_json::Value)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let value = if let Some(number) = value.to_u64() {
            number.into()
        } else if let Some(flag) = value.to_bool() {
            flag.into()
        } else if let Some(number) = value.to_f64() {
            number.into()
        } else {
            value.to_string().into()
        };
        self.0.push((key.to_string(), value));
        Ok(())
    }
}

impl Fields {
    /// The time that the record tells of, if it is not that of its writing, and its fields.
    fn of(record: &Record<'_>) -> (Option<String>, Self) {
        let mut fields = Self::default();
        // Our own visitor never fails.
        let _ = record.key_values().visit(&mut fields);
        let time = fields.0.iter().position(|(key, _)| key == TIME);
        let time = match time.map(|index| fields.0.remove(index).1) {
            Some(serde_json::Value::String(time)) => Some(time),
            _ => None,
        };
        (time, fields)
    }
}

fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

fn text(out: &mut Formatter, record: &Record<'_>, to_journal: bool) -> std::io::Result<()> {
    let (time, fields) = Fields::of(record);
    if let Some(time) = time.or_else(|| (!to_journal).then(now)) {
        write!(out, "{time} ")?;
    }
    write!(out, "{:5} {}", record.level(), record.args())?;
    for (key, value) in fields.0 {
        match value {
            serde_json::Value::String(text) if plain(&text) => write!(out, " {key}={text}")?,
            value => write!(out, " {key}={value}")?,
        }
    }
    writeln!(out)
}

/// Whether a value needs no quotes.
fn plain(text: &str) -> bool {
    let special = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '=');
    !text.is_empty() && !text.contains(special)
}

fn json(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let (time, fields) = Fields::of(record);
    let mut object = serde_json::Map::new();
    object.insert("time".to_owned(), time.unwrap_or_else(now).into());
    let level = record.level().as_str().to_lowercase();
    object.insert("level".to_owned(), level.into());
    object.insert("message".to_owned(), record.args().to_string().into());
    object.extend(fields.0);
    serde_json::to_writer(&mut *out, &object)?;
    writeln!(out)
}
