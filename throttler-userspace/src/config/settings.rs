//! `[throttler]`.

use std::fmt::Display;

use toml::Spanned;

use super::findings::Findings;
use super::raw::RawSettings;
use super::suggest::{known, quote};
use super::words::{Mode, OnExit};

/// `[throttler]` with its defaults.
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) ipv4_prefix: u8,
    pub(crate) ipv6_prefix: u8,
    pub(crate) max_sources: u32,
    pub(crate) on_exit: OnExit,
}

pub(crate) fn settings(raw: &RawSettings, findings: &mut Findings) -> Settings {
    let on_exit = |found: &Spanned<String>, findings: &mut Findings| {
        choice(
            "on_exit",
            found,
            &OnExit::ALL.map(|v| (v.as_str(), v)),
            findings,
        )
    };
    Settings {
        mode: mode(raw.mode.as_ref(), findings).unwrap_or(Mode::Enforce),
        ipv4_prefix: ranged(
            "ipv4_prefix",
            raw.ipv4_prefix.as_ref(),
            (8, 32),
            32,
            findings,
        ),
        ipv6_prefix: ranged(
            "ipv6_prefix",
            raw.ipv6_prefix.as_ref(),
            (16, 128),
            64,
            findings,
        ),
        max_sources: ranged(
            "max_sources",
            raw.max_sources.as_ref(),
            (1 << 10, 1 << 24),
            1 << 18,
            findings,
        ),
        on_exit: raw
            .on_exit
            .as_ref()
            .and_then(|found| on_exit(found, findings))
            .unwrap_or(OnExit::Detach),
    }
}

/// `mode`, of the file or of a scope.
pub(crate) fn mode(found: Option<&Spanned<String>>, findings: &mut Findings) -> Option<Mode> {
    choice(
        "mode",
        found?,
        &Mode::ALL.map(|v| (v.as_str(), v)),
        findings,
    )
}

/// One word of a fixed few.
pub(crate) fn choice<T: Copy>(
    key: &str,
    found: &Spanned<String>,
    values: &[(&str, T)],
    findings: &mut Findings,
) -> Option<T> {
    let text = found.get_ref().as_str();
    if let Some((_, value)) = values.iter().find(|(name, _)| *name == text) {
        return Some(*value);
    }
    let names = values.iter().map(|(name, _)| *name);
    findings.error(
        found.span(),
        format!("unknown {key} {}", quote(text)),
        known("values", text, names),
    );
    None
}

/// An integer of a range, or the default.
pub(crate) fn ranged<T: TryFrom<i128> + PartialOrd + Copy + Display>(
    key: &str,
    found: Option<&Spanned<i128>>,
    (least, most): (T, T),
    default: T,
    findings: &mut Findings,
) -> T {
    let Some(found) = found else { return default };
    match T::try_from(*found.get_ref()) {
        Ok(value) if value >= least && value <= most => value,
        _ => {
            findings.error(
                found.span(),
                format!("`{key}` is out of range"),
                format!("write {least} to {most}; the default is {default}"),
            );
            default
        }
    }
}
