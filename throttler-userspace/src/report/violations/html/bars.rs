//! Bars that lie one below the other, each under its label. Lengths are shares of the width, everything else is in pixels:
//! so text keeps its size on every screen.

use std::fmt::Write as _;

use super::text::Escaped;
use crate::report::violations::words::{count, short};

/// Height of a bar with its label.
const STEP: usize = 42;
/// What the longest bar takes of the width; behind it stands its number.
const LONGEST: f64 = 84.0;

/// A bar.
pub(super) struct Bar {
    pub(super) label: String,
    /// What is said beside the label.
    pub(super) detail: String,
    pub(super) packets: u64,
    /// Class of its colour.
    pub(super) class: &'static str,
}

/// The plot; `title` says what it shows.
pub(super) fn plot(title: &str, bars: &[Bar]) -> String {
    let most = bars.iter().map(|bar| bar.packets).max().unwrap_or(0).max(1);
    let height = bars.len() * STEP;
    let mut svg = format!(
        "<svg class=\"bars\" width=\"100%\" height=\"{height}\" role=\"img\"><title>{}</title>\n",
        Escaped(title)
    );
    for (index, bar) in bars.iter().enumerate() {
        let y = index * STEP;
        let length = bar.packets as f64 / most as f64 * LONGEST;
        let detail = match bar.detail.as_str() {
            "" => String::new(),
            detail => format!(" <tspan class=\"muted\">{}</tspan>", Escaped(detail)),
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<g><title>{label}: {packets} packets</title><text class=\"label\" x=\"0\" y=\"{}\">{label}{detail}</text>\
             <rect class=\"bar {}\" x=\"0\" y=\"{}\" width=\"{length:.3}%\" height=\"14\" data-label=\"{label}\" data-packets=\"{}\"/>\
             <text class=\"value\" x=\"{length:.3}%\" dx=\"6\" y=\"{}\">{}</text></g>",
            y + 14,
            bar.class,
            y + 20,
            bar.packets,
            y + 31,
            short(bar.packets),
            label = Escaped(&bar.label),
            packets = count(bar.packets),
        );
    }
    svg.push_str("</svg>");
    svg
}
