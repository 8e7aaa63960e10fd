//! Colours by what became of packets: the same in every plot.

use crate::report::violations::Found;
use crate::report::violations::bins::{Fate, Series};

/// The class of a series; the style knows its colours, by day and by night.
pub(super) fn class(found: &Found, (fate, reason): Series) -> &'static str {
    match (fate, found.texts.text(reason)) {
        (Fate::Banned, _) => "banned",
        (Fate::Spared, _) => "spared",
        (Fate::Refused, "over_limit") => "over",
        (Fate::Refused, "global_limit") => "global",
        (Fate::Refused, "table_full") => "full",
        (Fate::Refused, "blocked") => "blocked",
        (Fate::Refused, _) => "other",
    }
}
