//! The file's shape: which keys there are and of what types, each with its span. What they mean is not looked at.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fields::{Fields, Value, wrong_type};
use super::findings::Findings;
use super::raw_abuse::{RawAbuse, abuse};
use super::raw_history::{RawHistory, history};
use super::raw_limits::{RawPlanScope, plan_scope};
use super::raw_notify::{RawNotify, notify};
use super::raw_scopes::{RawLayer, RawScope, layer, scope};
use super::raw_sources::{RawSource, source};
use super::suggest::shown;
use super::syntax;

pub(crate) type Named<T> = Vec<(Spanned<String>, T)>;

/// The whole file. A part whose shape was wrong is reported and stands empty, so that what refers to it holds.
#[derive(Default)]
pub(crate) struct RawConfig {
    pub(crate) settings: RawSettings,
    pub(crate) scopes: Named<RawScope>,
    pub(crate) layers: Named<RawLayer>,
    pub(crate) plans: Named<Named<RawPlanScope>>,
    pub(crate) sources: Vec<RawSource>,
    pub(crate) abuse: Option<RawAbuse>,
    pub(crate) history: Option<RawHistory>,
    pub(crate) notify: Vec<RawNotify>,
}

#[derive(Default)]
pub(crate) struct RawSettings {
    pub(crate) mode: Option<Spanned<String>>,
    pub(crate) ipv4_prefix: Option<Spanned<i128>>,
    pub(crate) ipv6_prefix: Option<Spanned<i128>>,
    pub(crate) max_sources: Option<Spanned<i128>>,
    pub(crate) on_exit: Option<Spanned<String>>,
}

/// Reads the shape; a file that is no TOML reads as empty.
pub(crate) fn read(text: &str, findings: &mut Findings) -> RawConfig {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What the parser recovered after an error would give errors that are not there.
        syntax::report(&errors, findings);
        return RawConfig::default();
    }
    let root = Fields::root(document.get_ref());
    root.only(
        &[
            "throttler",
            "scopes",
            "layers",
            "plans",
            "sources",
            "abuse",
            "history",
            "notify",
        ],
        findings,
    );
    RawConfig {
        settings: settings(&root, findings),
        scopes: named(&root, "scopes", "[scopes.api]", findings, scope),
        layers: named(&root, "layers", "[layers.by_address]", findings, layer),
        plans: named(&root, "plans", "[plans.pro.api]", findings, plan),
        sources: sources(&root, findings),
        abuse: abuse(&root, findings),
        history: history(&root, findings),
        notify: notify(&root, findings),
    }
}

fn named<'d, T>(
    root: &Fields<'d>,
    key: &str,
    example: &str,
    findings: &mut Findings,
    mut read: impl FnMut(&str, &'d Value<'d>, &mut Findings) -> T,
) -> Named<T> {
    root.get(key)
        .and_then(|value| Fields::open(value, format!("`{key}`"), example, findings))
        .map(|table| {
            table
                .entries()
                .map(|(name, value)| {
                    let title = format!("[{key}.{}]", shown(name.get_ref()));
                    let content = read(&title, value, findings);
                    (name, content)
                })
                .collect()
        })
        .unwrap_or_default()
}

fn settings(root: &Fields<'_>, findings: &mut Findings) -> RawSettings {
    let Some(table) = root
        .get("throttler")
        .and_then(|value| Fields::open(value, "[throttler]", "[throttler]", findings))
    else {
        return RawSettings::default();
    };
    table.only(
        &[
            "mode",
            "ipv4_prefix",
            "ipv6_prefix",
            "max_sources",
            "on_exit",
        ],
        findings,
    );
    RawSettings {
        mode: table.string("mode", r#"mode = "enforce""#, findings),
        ipv4_prefix: table.integer("ipv4_prefix", "ipv4_prefix = 32", findings),
        ipv6_prefix: table.integer("ipv6_prefix", "ipv6_prefix = 64", findings),
        max_sources: table.integer("max_sources", "max_sources = 262144", findings),
        on_exit: table.string("on_exit", r#"on_exit = "detach""#, findings),
    }
}

fn plan<'d>(title: &str, value: &'d Value<'d>, findings: &mut Findings) -> Named<RawPlanScope> {
    let Some(table) = Fields::open(value, title, title, findings) else {
        return Vec::new();
    };
    table
        .entries()
        .map(|(name, value)| {
            let content = plan_scope(title, &name, value, findings);
            (name, content)
        })
        .collect()
}

fn sources(root: &Fields<'_>, findings: &mut Findings) -> Vec<RawSource> {
    let Some(value) = root.get("sources") else {
        return Vec::new();
    };
    let DeValue::Array(array) = value.get_ref() else {
        wrong_type(
            "`sources`",
            "an array of tables",
            value,
            "[[sources]]",
            findings,
        );
        return Vec::new();
    };
    array
        .iter()
        .filter_map(|value| source(value, findings))
        .collect()
}
