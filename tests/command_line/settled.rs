//! What varies from run to run in a document: checked for its type, then replaced by a word.

use serde_json::Value;

use crate::{
    attached::{Attached, display},
    said::{is_near, without_near_times, without_seconds},
};

impl Attached {
    /// Checks what varies from run to run for its type and replaces it.
    pub(crate) fn settle(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.settle(item)),
            Value::Object(fields) => {
                for (key, value) in fields.iter_mut() {
                    self.settle_field(key, value);
                }
            }
            _ => {}
        }
    }

    fn settle_field(&self, key: &str, value: &mut Value) {
        let new = match key {
            // What the policy says.
            "window_s" => return,
            "RateLimit" => {
                let items = value.as_str().expect("text").split(", ");
                let items = items.map(|item| {
                    let (stands, time) = item.rsplit_once(";t=").expect("a time");
                    assert!(time.parse::<u64>().is_ok(), "{item}");
                    format!("{stands};t=<seconds>")
                });
                return *value = items.collect::<Vec<_>>().join(", ").into();
            }
            "X-RateLimit-Reset" | "Retry-After" => {
                let text = value.as_str().expect("text");
                assert!(text.parse::<u64>().is_ok(), "{key}: {value}");
                "seconds"
            }
            // Floats also where they are whole; absent where there never was one.
            _ if key.ends_with("_s") && !value.is_null() => {
                assert!(
                    value.is_f64() && value.as_f64() >= Some(0.0),
                    "{key}: {value}"
                );
                // Zero means something: nothing used, no wait, no ban.
                if value.as_f64() == Some(0.0) && key != "last_seen_s" {
                    "no seconds"
                } else {
                    "seconds"
                }
            }
            "published" | "attached_at" | "daemon_since" => {
                let time = value
                    .as_str()
                    .and_then(|text| text.parse::<jiff::Timestamp>().ok());
                assert!(time.is_some(), "{key}: {value}");
                "time"
            }
            // A ban's, unlike a rule's, which stands in the policy.
            "since" | "until" if value.as_str().is_some_and(is_near) => "time",
            "daemon_pid" => {
                assert_eq!(value.as_u64(), self.daemon.pid().map(u64::from));
                "pid"
            }
            "policy" => {
                assert_eq!(*value, *display(&self.daemon.policy_path()));
                "path"
            }
            // A burst that falls on the turn of a second is two events.
            "sent" => {
                assert!(value.as_u64() >= Some(1), "{key}: {value}");
                "count"
            }
            "sentence" | "origin" | "rule" if !value.is_null() => {
                let text = without_near_times(&without_seconds(value.as_str().expect("text")));
                let policy = display(&self.daemon.policy_path());
                return *value = text.replace(&policy, "POLICY").into();
            }
            _ => return self.settle(value),
        };
        *value = format!("<{new}>").into();
    }
}
