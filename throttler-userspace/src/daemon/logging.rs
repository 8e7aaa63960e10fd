//! The log on standard error, as text or JSON lines. Values are fields, so that both formats carry
//! the same.

use std::io::Write as _;

use clap::ValueEnum;
use env_logger::fmt::Formatter;
use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Record};

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
    match format {
        Format::Text => builder.format(text),
        Format::Json => builder.format(json),
    };
    // A log that is set already is a test's.
    let _ = builder.try_init();
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
    fn of(record: &Record<'_>) -> (String, Self) {
        let mut fields = Self::default();
        // Our own visitor never fails.
        let _ = record.key_values().visit(&mut fields);
        let time = fields.0.iter().position(|(key, _)| key == TIME);
        let time = match time.map(|index| fields.0.remove(index).1) {
            Some(serde_json::Value::String(time)) => time,
            _ => format!("{:.3}", jiff::Timestamp::now()),
        };
        (time, fields)
    }
}

fn text(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let (time, fields) = Fields::of(record);
    write!(out, "{time} {:5} {}", record.level(), record.args())?;
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
    object.insert("time".to_owned(), time.into());
    let level = record.level().as_str().to_lowercase();
    object.insert("level".to_owned(), level.into());
    object.insert("message".to_owned(), record.args().to_string().into());
    object.extend(fields.0);
    serde_json::to_writer(&mut *out, &object)?;
    writeln!(out)
}
