//! From the text of a policy file to a [`Config`]: first its shape (`raw`), then what it means, rule by rule.
//! Nothing here touches the kernel, and all errors of a file are reported at once.

mod abuse;
mod bounds;
mod cidr;
mod conflicts;
mod diagnostic;
mod fields;
mod findings;
mod grammar;
mod history;
mod layers;
mod limits;
mod model;
mod names;
mod notify;
mod overlap;
mod plans;
mod protected;
mod protocol;
mod rate;
mod raw;
mod raw_abuse;
mod raw_history;
mod raw_limits;
mod raw_notify;
mod raw_scopes;
mod raw_sources;
mod render;
mod scope_rules;
pub mod scopes;
mod settings;
mod share;
mod sources;
mod suggest;
mod syntax;
mod text;
mod words;

#[cfg(test)]
mod policies_test;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

pub use cidr::parse_cidr;
pub use diagnostic::{ConfigError, Diagnostic};
pub use grammar::{GrammarError, parse_duration};
pub use model::{
    Abuse, BanAfter, By, Class, Config, Destination, History, Interest, Layer, Limit, Match,
    Notify, Plan, PlanLimit, PlanScope, PortRange, Protocol, Scope, SecretRef, SourceRule, Told,
    Webhook, WidenAfter,
};
pub(crate) use notify::parse_url;
pub use rate::Rate;
pub use share::{Part, split};
pub use words::{Mode, OnExit, Unit};

use findings::Findings;
use raw::RawConfig;
use text::SourceText;

/// Reads and validates the policy file at `path`, as of now; its list files are relative to its directory.
///
/// # Errors
/// Every error in the file and its list files, or that it cannot be read.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    read(path, std::fs::read(path))
}

/// The same of what was read of it.
///
/// # Errors
/// As [`load`].
pub fn read(path: &Path, bytes: std::io::Result<Vec<u8>>) -> Result<Config, ConfigError> {
    let name = path.display().to_string();
    let unreadable = |reason: String, help: &str| {
        let message = format!("cannot read policy file `{name}`: {reason}");
        ConfigError::new(vec![Diagnostic::without_place(
            name.clone(),
            message,
            help.to_owned(),
        )])
    };
    let bytes = bytes.map_err(|error| {
        unreadable(
            error.to_string(),
            "check the path (`-c FILE`) and its permissions",
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        unreadable(
            format!("line {line} is not UTF-8"),
            "save the file as UTF-8",
        )
    })?;
    let base_dir = path.parent().unwrap_or(Path::new(""));
    parse(&name, &text, base_dir, jiff::Timestamp::now())
}

/// Validates a policy file's text. `name` is for messages; list files are relative to `base_dir`; rules whose `until`
/// is not after `now` are left out with a warning.
///
/// # Errors
/// Every error in the text and its list files.
pub fn parse(
    name: &str,
    text: &str,
    base_dir: &Path,
    now: jiff::Timestamp,
) -> Result<Config, ConfigError> {
    let mut findings = Findings::new(Arc::new(SourceText::new(name, text)));
    let raw = raw::read(text, &mut findings);
    let mut config = validate(&raw, base_dir, now, &mut findings);
    config.warnings = findings.finish()?;
    Ok(config)
}

fn validate(
    raw: &RawConfig,
    base_dir: &Path,
    now: jiff::Timestamp,
    findings: &mut Findings,
) -> Config {
    let settings = settings::settings(&raw.settings, findings);
    if !layers::counts(raw, findings) {
        return empty(&settings);
    }
    let plan_names: Vec<&str> = raw
        .plans
        .iter()
        .map(|(name, _)| name.get_ref().as_str())
        .collect();
    let scopes = scope_rules::scopes(&raw.scopes, &plan_names, findings);
    let layers = layers::layers(raw, &scopes, findings);
    let plans = plans::plans(raw, &scopes, &layers, findings);
    let context = sources::Context {
        base_dir,
        now,
        settings: &settings,
    };
    let sources = sources::sources(&raw.sources, &raw.plans, &context, findings);
    let abuse = raw
        .abuse
        .as_ref()
        .and_then(|raw| abuse::abuse(raw, &settings, findings));
    let history = history::history(raw.history.as_ref(), findings);
    let mut config = Config {
        scopes,
        layers,
        plans,
        sources,
        abuse,
        history,
        ..empty(&settings)
    };
    config.notify = notify::notify(&raw.notify, &config, findings);
    config
}

fn empty(settings: &settings::Settings) -> Config {
    Config {
        mode: settings.mode,
        ipv4_prefix: settings.ipv4_prefix,
        ipv6_prefix: settings.ipv6_prefix,
        max_sources: settings.max_sources,
        on_exit: settings.on_exit,
        scopes: Vec::new(),
        layers: Vec::new(),
        plans: Vec::new(),
        sources: Vec::new(),
        abuse: None,
        history: History::default(),
        notify: Vec::new(),
        warnings: Vec::new(),
    }
}
