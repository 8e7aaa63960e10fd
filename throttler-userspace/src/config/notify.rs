//! `[[notify]]`: who is told of what, and how.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use toml::Spanned;

use super::diagnostic::Diagnostic;
use super::findings::Findings;
use super::grammar::parse_duration;
use super::model::{Config, Destination, Interest, Notify, SecretRef, Told, Webhook};
use super::names;
use super::raw_notify::{EXEC, RawNotify, RawText, SECRET, WEBHOOK};
use super::settings::ranged;
use super::suggest::quote;
use crate::alert::Kind;

/// Each has a task and a queue.
const MOST: usize = 16;
/// Entries of a list: each is compared with every alert.
const MOST_LISTED: usize = 256;
/// Longest names of interfaces: IFNAMSIZ without the end.
const LONGEST_IFACE: usize = 15;
/// What a request has already, and what would have it read as another.
const RESERVED: [&str; 6] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
];
/// What the daemon's own headers begin with.
const OWN: &str = "throttler-";

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

fn webhook(raw: &RawNotify, url: &Spanned<RawText>, findings: &mut Findings) -> Option<Webhook> {
    let url = match url.get_ref() {
        RawText::Literal(text) => match parse_url(text) {
            Ok(parsed) => {
                if parsed.scheme() == "http" && !is_local(&parsed) {
                    let text = "`webhook` is `http`: whoever is on the way reads the alerts, and the headers";
                    findings.warn(url.span(), text);
                }
                Some(Told::Literal(text.clone()))
            }
            Err((message, help)) => {
                findings.error(url.span(), message, help);
                None
            }
        },
        _ => reference(url, findings).map(Told::Kept),
    };
    let secret = raw.secret.as_ref().and_then(|secret| {
        if let RawText::Literal(_) = secret.get_ref() {
            // Without the line itself: errors go to the log, and the secret stands in it.
            let file = findings.file();
            let (name, line) = (file.name.clone(), file.line(secret.span().start));
            let message =
                format!("`secret` stands in the policy ({name}:{line}), which others may read");
            findings.push(Diagnostic::without_place(
                name,
                message,
                format!("write `{SECRET}`"),
            ));
        }
        reference(secret, findings)
    });
    let ca_file = raw.ca_file.as_ref();
    let ca_file = ca_file.and_then(|file| absolute(file.get_ref(), "ca_file", file, findings));
    Some(Webhook {
        headers: headers(raw, findings),
        url: url?,
        secret,
        ca_file,
    })
}

/// A URL that something can be posted to; otherwise what is wrong and the mend, without any of it that may be a secret.
pub(crate) fn parse_url(text: &str) -> Result<Url, (String, String)> {
    let example = format!("write `{WEBHOOK}`");
    let url = Url::parse(text).map_err(|error| (format!("no URL: {error}"), example.clone()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        let message = format!(
            "a webhook is `http` or `https`, not {}",
            quote(url.scheme())
        );
        return Err((message, example));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let help = r#"write `headers = { Authorization = { file = "PATH" } }` instead"#;
        return Err((
            "a webhook's URL has no user and password".to_owned(),
            help.to_owned(),
        ));
    }
    Ok(url)
}

/// Whether it leads to this host.
fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn headers(raw: &RawNotify, findings: &mut Findings) -> Vec<(String, Told)> {
    let mut headers: Vec<(String, Told)> = Vec::new();
    for (name, value) in &raw.headers {
        let text = name.get_ref();
        let lower = text.to_ascii_lowercase();
        let wrong = if HeaderName::from_bytes(text.as_bytes()).is_err() {
            Some(("is no name of a header", "letters, digits and `-` are"))
        } else if RESERVED.contains(&&*lower) || lower.starts_with(OWN) {
            Some(("is set by the daemon", "remove it"))
        } else if headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(text))
        {
            Some((
                "is there already",
                "remove one; capitals make no difference",
            ))
        } else {
            None
        };
        if let Some((what, help)) = wrong {
            findings.error(name.span(), format!("header {} {what}", quote(text)), help);
            continue;
        }
        let told = match value.get_ref() {
            RawText::Literal(value) if HeaderValue::from_str(value).is_ok() => {
                Some(Told::Literal(value.clone()))
            }
            RawText::Literal(_) => {
                let message = format!("the value of header {} has control characters", quote(text));
                findings.error(name.span(), message, "remove them");
                None
            }
            _ => reference(value, findings).map(Told::Kept),
        };
        headers.extend(told.map(|told| (text.clone(), told)));
    }
    headers
}

/// Where a secret is kept; nothing, if it is here.
fn reference(text: &Spanned<RawText>, findings: &mut Findings) -> Option<SecretRef> {
    match text.get_ref() {
        RawText::Literal(_) => None,
        RawText::File(path) => absolute(path, "file", text, findings).map(SecretRef::File),
        RawText::Env(name) if name.is_empty() || name.contains(['=', '\0']) => {
            findings.error(
                text.span(),
                format!("{} is no name of a variable", quote(name)),
                r#"write `env = "THROTTLER_WEBHOOK_KEY"`"#,
            );
            None
        }
        RawText::Env(name) => Some(SecretRef::Env(name.clone())),
    }
}

/// The record of the policy, elsewhere, is to mean the same file.
fn absolute<T>(
    path: &str,
    key: &str,
    place: &Spanned<T>,
    findings: &mut Findings,
) -> Option<PathBuf> {
    if path.starts_with('/') && !path.contains('\0') {
        return Some(Path::new(path).to_owned());
    }
    findings.error(
        place.span(),
        format!("`{key}` {} is not an absolute path", quote(path)),
        "write the whole path, from `/` on",
    );
    None
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

/// What alerts may name.
struct Known<'a> {
    scopes: Vec<&'a str>,
    plans: Vec<&'a str>,
    /// As in the abuse log.
    limits: Vec<String>,
}

impl<'a> Known<'a> {
    fn of(config: &'a Config) -> Self {
        let scopes = config.scopes.iter();
        let layers = config.layers.iter();
        let mut limits: Vec<String> = Vec::new();
        for scope in scopes.clone() {
            limits.extend(scope.limits.iter().map(|limit| limit.name.clone()));
            limits.extend(
                scope
                    .global
                    .iter()
                    .map(|limit| format!("global.{}", limit.name)),
            );
        }
        for layer in layers.clone() {
            let all = layer.limits.iter();
            limits.extend(all.map(|limit| format!("{}.{}", layer.name, limit.name)));
        }
        limits.sort();
        limits.dedup();
        Self {
            scopes: scopes
                .map(|scope| &*scope.name)
                .chain(layers.map(|layer| &*layer.name))
                .collect(),
            plans: config.plans.iter().map(|plan| &*plan.name).collect(),
            limits,
        }
    }
}

fn interest(raw: &RawNotify, known: &Known<'_>, findings: &mut Findings) -> Interest {
    let limits: Vec<&str> = known.limits.iter().map(String::as_str).collect();
    let all = Kind::ALL.map(Kind::as_str);
    let events = of("events", raw.events.as_ref(), &all, findings);
    let named = |kind: &Kind| raw.events.is_none() || events.iter().any(|one| one == kind.as_str());
    let mut ifaces = Vec::new();
    for iface in raw.ifaces.iter().flatten() {
        let text = iface.get_ref();
        let is_name = !text.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control());
        if is_name && (1..=LONGEST_IFACE).contains(&text.len()) {
            ifaces.push(text.clone());
            continue;
        }
        findings.error(
            iface.span(),
            format!("{} is no name of an interface", quote(text)),
            "`ip link` lists them",
        );
    }
    let mut sources = Vec::new();
    for source in raw.sources.iter().flatten() {
        match super::parse_cidr(source.get_ref()) {
            Ok(prefix) => sources.push(prefix),
            Err(error) => findings.error(source.span(), error.message, error.help),
        }
    }
    Interest {
        events: Kind::ALL.into_iter().filter(named).collect(),
        scopes: of("scopes", raw.scopes.as_ref(), &known.scopes, findings),
        plans: of("plans", raw.plans.as_ref(), &known.plans, findings),
        limits: of("limits", raw.limits.as_ref(), &limits, findings),
        sources,
        ifaces,
    }
}

/// Those that are known; the others are errors.
fn of(
    what: &str,
    found: Option<&Vec<Spanned<String>>>,
    known: &[&str],
    findings: &mut Findings,
) -> Vec<String> {
    let mut names = Vec::new();
    for one in found.into_iter().flatten() {
        let text = one.get_ref();
        if known.contains(&text.as_str()) {
            names.push(text.clone());
            continue;
        }
        let singular = what.trim_end_matches('s');
        let help = findings.known(what, text, known.iter().copied());
        findings.error(
            one.span(),
            format!("unknown {singular} {}", quote(text)),
            help,
        );
    }
    names
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
