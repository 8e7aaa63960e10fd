//! How notifications do, in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::mailbox::Mailbox;

/// Of these mailboxes. Without any, their names and types alone.
pub(super) fn metrics(mailboxes: &[Arc<Mailbox>]) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<String>| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for sample in samples {
            let _ = writeln!(text, "{name}{sample}");
        }
    };
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let results = mailboxes.iter().flat_map(|one| {
        let (name, counts) = (&one.name, &one.counts);
        [
            ("delivered", &counts.delivered),
            ("failed", &counts.failed),
            ("dropped", &counts.dropped),
        ]
        .map(|(result, count)| format!("{{notify=\"{name}\",result=\"{result}\"}} {}", load(count)))
    });
    family(
        "throttler_notifications_total",
        "counter",
        "Alerts for [[notify]] by what became of them: delivered, failed after attempts, dropped for want of room or time.",
        results.collect(),
    );
    let each = |value: &dyn Fn(&Mailbox) -> u64| -> Vec<String> {
        let sample = |one: &Arc<Mailbox>| format!("{{notify=\"{}\"}} {}", one.name, value(one));
        mailboxes.iter().map(sample).collect()
    };
    family(
        "throttler_notify_queue",
        "gauge",
        "Alerts that wait for their delivery.",
        each(&Mailbox::left),
    );
    family(
        "throttler_notify_circuit_open",
        "gauge",
        "1 while a [[notify]] has failed so often that it is only tried now and then.",
        each(&|one| u64::from(one.counts.is_open.load(Ordering::Relaxed))),
    );
    text
}
