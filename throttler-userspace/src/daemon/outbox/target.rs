//! A `[[notify]]` with its secrets read: all that a delivery needs.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Url};

use super::secret::{self, Secret};
use crate::cli::failure::{Failure, Status};
use crate::config::{self, Destination, Interest, Notify, SecretRef, Told};
use crate::daemon::privileges;

/// One of them. Equal ones are told the same in the same way.
#[derive(PartialEq)]
pub(in crate::daemon) struct Target {
    pub(super) name: String,
    pub(super) to: To,
    pub(super) wants: Interest,
    pub(super) most: usize,
    pub(super) within: Duration,
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
}

/// Who is told.
#[derive(PartialEq)]
pub(super) enum To {
    Webhook(Box<Webhook>),
    Exec(Vec<String>),
}

/// Where to post.
#[derive(PartialEq)]
pub(super) struct Webhook {
    /// It may be a secret itself: never printed.
    pub(super) url: Url,
    pub(super) key: Option<Secret>,
    pub(super) headers: HeaderMap,
    /// Authorities beside the system's, as PEM.
    pub(super) authorities: Option<Vec<u8>>,
}

impl Target {
    /// Who is told, for logs: of a URL scheme, host and port alone, of a command the program.
    pub(super) fn place(&self) -> String {
        match &self.to {
            To::Webhook(webhook) => place(&webhook.url),
            To::Exec(words) => words.first().cloned().unwrap_or_default(),
        }
    }
}

/// The part of a URL that is no secret.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

/// A `[[notify]]` in a line, without what may be a secret.
pub(crate) fn described(notify: &Notify) -> String {
    let to = match &notify.to {
        Destination::Exec(words) => format!("exec {}", words.first().map_or("", |word| word)),
        Destination::Webhook(webhook) => match &webhook.url {
            Told::Kept(at) => format!("webhook of {}", named(at)),
            Told::Literal(text) => match config::parse_url(text) {
                Ok(url) => format!("webhook {}", place(&url)),
                Err((wrong, _)) => format!("webhook: {wrong}"),
            },
        },
    };
    let events: Vec<&str> = notify
        .wants
        .events
        .iter()
        .map(|kind| kind.as_str())
        .collect();
    format!("{}, {to}: {}", notify.name, events.join(", "))
}

/// Reads what the policy's `[[notify]]` refer to.
///
/// # Errors
/// Status 78: the first that cannot be had, with its place in the policy.
pub(in crate::daemon) fn prepare(all: &[Notify]) -> Result<Vec<Arc<Target>>> {
    all.iter()
        .map(|one| {
            target(one).map(Arc::new).map_err(|error| {
                let message = format!("{}: notify `{}`: {error}", one.origin, one.name);
                Failure::new(Status::BadPolicy, message).into()
            })
        })
        .collect()
}

/// What would be wrong with a `[[notify]]`, and what is unwise about it, where this process is the daemon.
pub(crate) fn faults(notify: &Notify) -> Vec<String> {
    let mut faults: Vec<String> = target(notify).err().into_iter().collect();
    faults.extend(unwise(notify));
    faults
}

fn target(notify: &Notify) -> Result<Target, String> {
    let to = match &notify.to {
        Destination::Exec(words) => To::Exec(words.clone()),
        Destination::Webhook(webhook) => To::Webhook(Box::new(Webhook {
            url: url(&webhook.url)?,
            key: webhook.secret.as_ref().map(kept).transpose()?,
            headers: headers(&webhook.headers)?,
            authorities: webhook.ca_file.as_deref().map(authorities).transpose()?,
        })),
    };
    Ok(Target {
        name: notify.name.clone(),
        to,
        wants: notify.wants.clone(),
        most: notify.most as usize,
        within: notify.within,
        timeout: notify.timeout,
        attempts: notify.attempts,
    })
}

/// Says in the log which secrets everybody on this host may read, and which commands are not there.
pub(in crate::daemon) fn warn(all: &[Notify]) {
    for notify in all {
        for warning in unwise(notify) {
            log::warn!("{}: notify `{}`: {warning}", notify.origin, notify.name);
        }
    }
}

fn unwise(notify: &Notify) -> Vec<String> {
    let webhook = match &notify.to {
        Destination::Webhook(webhook) => webhook,
        Destination::Exec(words) => {
            return words
                .first()
                .and_then(|word| missing(word))
                .into_iter()
                .collect();
        }
    };
    let of = |told: &Told| match told {
        Told::Kept(at) => Some(at.clone()),
        Told::Literal(_) => None,
    };
    let headers = webhook.headers.iter().filter_map(|(_, told)| of(told));
    let all = webhook.secret.clone().into_iter();
    let all = all.chain(of(&webhook.url)).chain(headers);
    all.filter(secret::is_open)
        .map(|at| {
            let SecretRef::File(path) = at else {
                return String::new();
            };
            let path = path.display();
            format!("everybody on this host may read {path}: `chmod o= {path}`")
        })
        .collect()
}

/// Why a program cannot be started. It may come later, as a mounted directory does.
fn missing(program: &str) -> Option<String> {
    match std::fs::metadata(program) {
        Ok(there) if there.is_file() && there.mode() & 0o111 != 0 => None,
        Ok(_) => Some(format!("{program} is no program: `chmod +x {program}`")),
        Err(error) => Some(format!("{program}: {error}")),
    }
}

/// With the mend, where it is that the daemon may not.
fn kept(at: &SecretRef) -> Result<Secret, String> {
    secret::read(at).map_err(mended)
}

fn mended(error: String) -> String {
    match error.contains("Permission denied") {
        true => format!("{error}; {}", privileges::mend()),
        false => error,
    }
}

fn url(told: &Told) -> Result<Url, String> {
    let (text, place) = match told {
        Told::Literal(text) => (text.clone(), "webhook".to_owned()),
        Told::Kept(at) => {
            let secret = kept(at)?;
            let text = String::from_utf8_lossy(secret.bytes()).into_owned();
            (text, format!("webhook ({})", named(at)))
        }
    };
    config::parse_url(&text).map_err(|(message, help)| format!("{place}: {message}; {help}"))
}

fn named(at: &SecretRef) -> String {
    match at {
        SecretRef::File(path) => path.display().to_string(),
        SecretRef::Env(name) => name.clone(),
    }
}

fn headers(all: &[(String, Told)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, told) in all {
        let value = match told {
            Told::Literal(text) => HeaderValue::from_str(text),
            Told::Kept(at) => HeaderValue::from_bytes(kept(at)?.bytes()),
        };
        let mut value = value
            .map_err(|_| format!("header `{name}`: what it is to say has control characters"))?;
        value.set_sensitive(true);
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{name}` is no name of a header"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

fn authorities(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let name = path.display();
    let pem = secret::file(path).map_err(|error| mended(format!("cannot read {name}: {error}")))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(found) if !found.is_empty() => Ok(pem),
        _ => Err(format!(
            "{name} has no certificate in PEM: `openssl x509 -in {name}` reads one"
        )),
    }
}
