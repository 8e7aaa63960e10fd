//! A line of the abuse log: the same fields in the log, whatever its format, and in the stream of events.

use std::fmt::Write as _;

use log::kv::{self, Key, Source, VisitSource};
use log::{Level, Record};
use serde_json::{Value, json};

/// Where a log filter finds these lines.
const TARGET: &str = "throttler::abuse";

/// One event in words.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::daemon) struct Line {
    level: Level,
    message: &'static str,
    /// `time` first.
    fields: Vec<(&'static str, Value)>,
}

impl Line {
    pub(super) fn new(level: Level, message: &'static str, time: String) -> Self {
        Self {
            level,
            message,
            fields: vec![("time", time.into())],
        }
    }

    pub(super) fn add(&mut self, key: &'static str, value: impl Into<Value>) {
        self.fields.push((key, value.into()));
    }

    /// Writes it to the log.
    pub(in crate::daemon) fn log(&self) {
        if self.level > log::max_level() {
            return;
        }
        let arguments = format_args!("{}", self.message);
        let mut record = Record::builder();
        record.level(self.level).target(TARGET).key_values(self);
        log::logger().log(&record.args(arguments).build());
    }

    /// The same as one line of JSON.
    pub(in crate::daemon) fn json(&self) -> String {
        let mut text = format!("{{\"event\":{}", json!(self.message));
        for (key, value) in &self.fields {
            // Writing to a string does not fail.
            let _ = write!(text, ",{}:{value}", json!(key));
        }
        text.push('}');
        text.shrink_to_fit();
        text
    }
}

impl Source for Line {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        for (key, value) in &self.fields {
            let value = match value {
                Value::String(text) => kv::Value::from(text.as_str()),
                Value::Bool(flag) => kv::Value::from(*flag),
                Value::Number(number) => match number.as_u64() {
                    Some(number) => kv::Value::from(number),
                    None => kv::Value::from(number.as_f64().unwrap_or_default()),
                },
                other => kv::Value::from_display(other),
            };
            visitor.visit_pair(Key::from_str(key), value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_same_in_the_stream() {
        let mut line = Line::new(
            Level::Warn,
            "refused",
            "2026-11-21T00:00:00.000Z".to_owned(),
        );
        line.add("source", "192.0.2.1/32");
        line.add("refused", 3_u32);
        line.add("monitored", false);
        let text = r#"{"event":"refused","time":"2026-11-21T00:00:00.000Z","source":"192.0.2.1/32","refused":3,"monitored":false}"#;
        assert_eq!(line.json(), text);
    }
}
