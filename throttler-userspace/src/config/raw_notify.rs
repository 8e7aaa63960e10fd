//! The shape of `[[notify]]`.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::fields::{Fields, Value, as_string, wrong_type};
use super::findings::Findings;
use super::raw::Named;

pub(crate) const WEBHOOK: &str = r#"webhook = "https://hooks.example.net/throttler""#;
pub(crate) const EXEC: &str = r#"exec = ["/usr/local/bin/on-abuse"]"#;
pub(crate) const SECRET: &str = r#"secret = { file = "/etc/throttler/webhook.key" }"#;
const HEADER: &str = r#"headers = { Authorization = { file = "/etc/throttler/webhook.token" } }"#;

pub(crate) struct RawNotify {
    /// The `[[notify]]` header.
    pub(crate) span: Range<usize>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) webhook: Option<Spanned<RawText>>,
    pub(crate) exec: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) events: Option<Vec<Spanned<String>>>,
    pub(crate) scopes: Option<Vec<Spanned<String>>>,
    pub(crate) plans: Option<Vec<Spanned<String>>>,
    pub(crate) sources: Option<Vec<Spanned<String>>>,
    pub(crate) limits: Option<Vec<Spanned<String>>>,
    pub(crate) ifaces: Option<Vec<Spanned<String>>>,
    pub(crate) most: Option<Spanned<i128>>,
    pub(crate) within: Option<Spanned<String>>,
    pub(crate) timeout: Option<Spanned<String>>,
    pub(crate) attempts: Option<Spanned<i128>>,
    pub(crate) secret: Option<Spanned<RawText>>,
    pub(crate) headers: Named<Spanned<RawText>>,
    pub(crate) ca_file: Option<Spanned<String>>,
    /// `webhook` or `exec` is there and was no good, so its absence means nothing.
    pub(crate) broken: bool,
}

/// A text, or where it is kept.
pub(crate) enum RawText {
    Literal(String),
    File(String),
    Env(String),
}

pub(crate) fn notify(root: &Fields<'_>, findings: &mut Findings) -> Vec<RawNotify> {
    let Some(value) = root.get("notify") else {
        return Vec::new();
    };
    let DeValue::Array(array) = value.get_ref() else {
        wrong_type(
            "`notify`",
            "an array of tables",
            value,
            "[[notify]]",
            findings,
        );
        return Vec::new();
    };
    array
        .iter()
        .filter_map(|value| one(value, findings))
        .collect()
}

fn one<'d>(value: &'d Value<'d>, findings: &mut Findings) -> Option<RawNotify> {
    let table = Fields::open(value, "an element of `notify`", "[[notify]]", findings)?;
    table.only(
        &[
            "name", "webhook", "exec", "events", "scopes", "plans", "sources", "limits", "ifaces",
            "batch", "timeout", "attempts", "secret", "headers", "ca_file",
        ],
        findings,
    );
    let (most, within) = batch(&table, findings);
    let mut strings = |key: &str, example: &str| table.strings(key, example, findings);
    let events = strings("events", r#"events = ["ban", "unban"]"#);
    let scopes = strings("scopes", r#"scopes = ["api"]"#);
    let plans = strings("plans", r#"plans = ["free"]"#);
    let sources = strings("sources", r#"sources = ["198.51.100.0/24"]"#);
    let limits = strings("limits", r#"limits = ["daily"]"#);
    let ifaces = strings("ifaces", r#"ifaces = ["eth0"]"#);
    let exec = strings("exec", EXEC)
        .map(|exec| Spanned::new(table.get("exec").map_or(0..0, Spanned::span), exec));
    let webhook = table
        .get("webhook")
        .and_then(|value| text("`webhook`", value, WEBHOOK, findings));
    let secret = table
        .get("secret")
        .and_then(|value| text("`secret`", value, SECRET, findings));
    Some(RawNotify {
        span: value.span(),
        name: table.string("name", r#"name = "ops""#, findings),
        broken: table.get("webhook").is_some() && webhook.is_none()
            || table.get("exec").is_some() && exec.is_none(),
        webhook,
        exec,
        events,
        scopes,
        plans,
        sources,
        limits,
        ifaces,
        most,
        within,
        timeout: table.string("timeout", r#"timeout = "5s""#, findings),
        attempts: table.integer("attempts", "attempts = 8", findings),
        secret,
        headers: headers(&table, findings),
        ca_file: table.string(
            "ca_file",
            r#"ca_file = "/etc/ssl/private-ca.pem""#,
            findings,
        ),
    })
}

fn batch(
    table: &Fields<'_>,
    findings: &mut Findings,
) -> (Option<Spanned<i128>>, Option<Spanned<String>>) {
    let example = r#"batch = { most = 100, within = "5s" }"#;
    let Some(batch) = table
        .get("batch")
        .and_then(|value| Fields::open(value, "`batch`", example, findings))
    else {
        return (None, None);
    };
    batch.only(&["most", "within"], findings);
    let most = batch.integer("most", "most = 100", findings);
    (most, batch.string("within", r#"within = "5s""#, findings))
}

fn headers(table: &Fields<'_>, findings: &mut Findings) -> Named<Spanned<RawText>> {
    let Some(headers) = table
        .get("headers")
        .and_then(|value| Fields::open(value, "`headers`", HEADER, findings))
    else {
        return Vec::new();
    };
    let one = |(name, value): (Spanned<String>, _)| {
        let text = text("a header", value, HEADER, findings)?;
        Some((name, text))
    };
    headers.entries().filter_map(one).collect()
}

/// A string, `{ file = "PATH" }` or `{ env = "NAME" }`.
fn text<'d>(
    what: &str,
    value: &'d Value<'d>,
    example: &str,
    findings: &mut Findings,
) -> Option<Spanned<RawText>> {
    let spanned = |text| Some(Spanned::new(value.span(), text));
    if let DeValue::String(text) = value.get_ref() {
        return spanned(RawText::Literal(text.to_string()));
    }
    let DeValue::Table(_) = value.get_ref() else {
        wrong_type(
            what,
            "a string, or a table of `file` or `env`",
            value,
            example,
            findings,
        );
        return None;
    };
    let table = Fields::open(value, what, example, findings)?;
    table.only(&["file", "env"], findings);
    match (table.get("file"), table.get("env")) {
        (Some(file), None) => {
            let path = as_string("`file`", file, example, findings)?;
            spanned(RawText::File(path.into_inner()))
        }
        (None, Some(env)) => {
            let name = as_string("`env`", env, r#"env = "THROTTLER_WEBHOOK_KEY""#, findings)?;
            spanned(RawText::Env(name.into_inner()))
        }
        _ => {
            findings.error(
                value.span(),
                format!("{what} is in one file or in one variable of the environment"),
                format!("write `{example}`"),
            );
            None
        }
    }
}
