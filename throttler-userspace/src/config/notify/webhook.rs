//! Where a webhook posts, and what it sends beside the batch. What may be a secret is in no error.

use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use toml::Spanned;

use crate::config::diagnostic::{Diagnostic, Place};
use crate::config::findings::Findings;
use crate::config::model::{SecretRef, Told, Webhook};
use crate::config::raw_notify::{RawNotify, RawText, SECRET, WEBHOOK};
use crate::config::suggest::quote;
use crate::config::text::SourceText;

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

pub(super) fn webhook(
    raw: &RawNotify,
    url: &Spanned<RawText>,
    findings: &mut Findings,
) -> Option<Webhook> {
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
                unshown(url.span(), &message, help, findings);
                None
            }
        },
        _ => reference(url, findings).map(Told::Kept),
    };
    let secret = raw.secret.as_ref().and_then(|secret| {
        if let RawText::Literal(_) = secret.get_ref() {
            let message = "`secret` stands in the policy, which others may read";
            unshown(
                secret.span(),
                message,
                format!("write `{SECRET}`"),
                findings,
            );
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

/// An error whose excerpt has stars for what it is about: errors go to the log, and what stands there may be a secret.
fn unshown(span: Range<usize>, message: &str, help: String, findings: &mut Findings) {
    let file = findings.file();
    let (before, rest) = file.text.split_at(span.start.min(file.text.len()));
    let (secret, after) = rest.split_at(span.len().min(rest.len()));
    let stars: String = secret
        .bytes()
        .map(|byte| if byte == b'\n' { '\n' } else { '*' })
        .collect();
    let masked = SourceText::new(file.name.clone(), format!("{before}{stars}{after}"));
    let place = Place {
        file: Arc::new(masked),
        span,
    };
    findings.push(Diagnostic::at(place, message.to_owned(), help));
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
pub(super) fn absolute<T>(
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
