//! `[[notify]]`: who is told of what, and how.

mod interest;
mod webhook;

use std::time::Duration;

use toml::Spanned;

use self::interest::{Known, interest};
pub(crate) use self::webhook::parse_url;
use self::webhook::{absolute, webhook};
use super::findings::Findings;
use super::grammar::parse_duration;
use super::model::{Config, Destination, Notify};
use super::names;
use super::raw_notify::{EXEC, RawNotify, WEBHOOK};
use super::settings::ranged;
use super::suggest::quote;

/// Each has a task and a queue.
const MOST: usize = 16;
/// Entries of a list: each is compared with every alert.
const MOST_LISTED: usize = 256;

/// All of them; what they refer to is looked up in the rest of the policy.
pub(crate) fn notify(raw: &[RawNotify], config: &Config, findings: &mut Findings) -> Vec<Notify> {
    if let Some(excess) = raw.get(MOST) {
        findings.error(
            excess.span.clone(),
            format!("{} [[notify]], and {MOST} is the most", raw.len()),
            "have one program hear of all, and pass it on",
        );
        return Vec::new();
    }
    let known = Known::of(config);
    let mut all: Vec<Notify> = Vec::new();
    for (place, raw) in raw.iter().enumerate() {
        let name = match &raw.name {
            Some(name) if !names::check(name, "notify", findings) => continue,
            Some(name) => name.get_ref().clone(),
            None => format!("notify-{}", place + 1),
        };
        if let Some(other) = all.iter().find(|other| other.name == name) {
            let span = raw.name.as_ref().map_or(raw.span.clone(), Spanned::span);
            findings.error(
                span,
                format!(
                    "notify {} is there already ({})",
                    quote(&name),
                    other.origin
                ),
                r#"add another `name = "NAME"`"#,
            );
            continue;
        }
        if !is_short(raw, findings) {
            continue;
        }
        let file = findings.file();
        let origin = format!("{}:{}", file.name, file.line(raw.span.start));
        let to = destination(raw, findings);
        let wants = interest(raw, &known, findings);
        let within = time("within", raw.within.as_ref(), (1, 3600), 5, findings);
        let timeout = time("timeout", raw.timeout.as_ref(), (1, 300), 5, findings);
        let most = ranged("most", raw.most.as_ref(), (1, 1_000), 100, findings);
        let attempts = ranged("attempts", raw.attempts.as_ref(), (1, 1_000), 8, findings);
        if let Some(to) = to {
            all.push(Notify {
                name,
                to,
                wants,
                most,
                within,
                timeout,
                attempts,
                origin,
            });
        }
    }
    all
}

/// Whether no list of it is too long.
fn is_short(raw: &RawNotify, findings: &mut Findings) -> bool {
    let lists = [
        &raw.events,
        &raw.scopes,
        &raw.plans,
        &raw.sources,
        &raw.limits,
        &raw.ifaces,
    ];
    let lists = lists.into_iter().flatten();
    let lists = lists.chain(raw.exec.as_ref().map(Spanned::get_ref));
    let entries = lists.filter_map(|list| list.get(MOST_LISTED).map(Spanned::span));
    let header = raw.headers.get(MOST_LISTED).map(|(name, _)| name.span());
    let excess: Vec<_> = entries.chain(header).collect();
    for span in &excess {
        findings.error(
            span.clone(),
            format!("more than {MOST_LISTED} entries in a list of a notify"),
            "leave the filter out, and choose where the alerts arrive",
        );
    }
    excess.is_empty()
}

fn destination(raw: &RawNotify, findings: &mut Findings) -> Option<Destination> {
    match (&raw.webhook, &raw.exec) {
        (Some(url), None) => webhook(raw, url, findings).map(Destination::Webhook),
        (None, Some(exec)) => {
            let secret = raw.secret.as_ref().map(|secret| ("secret", secret.span()));
            let headers = raw.headers.first();
            let headers = headers.map(|(name, _)| ("headers", name.span()));
            let ca_file = raw.ca_file.as_ref().map(|file| ("ca_file", file.span()));
            for (key, span) in [secret, headers, ca_file].into_iter().flatten() {
                findings.error(
                    span,
                    format!("`{key}` is of a webhook, and this one is `exec`"),
                    "remove it: a command can read its own files",
                );
            }
            command(exec, findings).map(Destination::Exec)
        }
        (Some(_), Some(exec)) => {
            findings.error(
                exec.span(),
                "a notify has only one of `webhook` and `exec`",
                "keep one, and write another [[notify]] for the other",
            );
            None
        }
        (None, None) if raw.broken => None,
        (None, None) => {
            findings.error(
                raw.span.clone(),
                "this notify does not say who is told",
                format!("add `{WEBHOOK}` or `{EXEC}`"),
            );
            None
        }
    }
}

fn command(exec: &Spanned<Vec<Spanned<String>>>, findings: &mut Findings) -> Option<Vec<String>> {
    // That it is empty was said.
    let program = exec.get_ref().first()?;
    absolute(program.get_ref(), "exec", program, findings)?;
    if let Some(bad) = exec
        .get_ref()
        .iter()
        .find(|one| one.get_ref().contains('\0'))
    {
        findings.error(
            bad.span(),
            "an argument of a command has no NUL character",
            "remove it",
        );
        return None;
    }
    let words = exec.get_ref().iter();
    Some(words.map(|word| word.get_ref().clone()).collect())
}

/// A time of so many seconds, or the default.
fn time(
    key: &str,
    found: Option<&Spanned<String>>,
    (least, most): (u64, u64),
    default: u64,
    findings: &mut Findings,
) -> Duration {
    let default = Duration::from_secs(default);
    let Some(found) = found else { return default };
    match parse_duration(found.get_ref()) {
        Ok(time) if (least..=most).contains(&time.as_secs()) && time.subsec_nanos() == 0 => time,
        Ok(_) => {
            findings.error(
                found.span(),
                format!("`{key}` is out of range"),
                format!(
                    "write `{least}s` to `{most}s`; the default is `{}s`",
                    default.as_secs()
                ),
            );
            default
        }
        Err(error) => {
            findings.error(found.span(), error.message, error.help);
            default
        }
    }
}
