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
    /// Its parts, from left to right: class of the colour, and packets.
    pub(super) parts: Vec<(&'static str, u64)>,
}

impl Bar {
    pub(super) fn packets(&self) -> u64 {
        self.parts.iter().map(|(_, packets)| packets).sum()
    }
}

/// The plot; `title` says what it shows.
pub(super) fn plot(title: &str, bars: &[Bar]) -> String {
    let most = bars.iter().map(Bar::packets).max().unwrap_or(0).max(1);
    let height = bars.len() * STEP;
    let mut svg = format!(
        "<svg class=\"bars\" width=\"100%\" height=\"{height}\" role=\"img\"><title>{}</title>\n",
        Escaped(title)
    );
    for (index, bar) in bars.iter().enumerate() {
        let y = index * STEP;
        let share = |packets: u64| packets as f64 / most as f64 * LONGEST;
        let length = share(bar.packets());
        let detail = match bar.detail.as_str() {
            "" => String::new(),
            detail => format!(" <tspan class=\"muted\">{}</tspan>", Escaped(detail)),
        };
        let label = Escaped(&bar.label);
        // Writing to a string does not fail.
        let _ = write!(
            svg,
            "<g><title>{label}: {} packets</title><text class=\"label\" x=\"0\" y=\"{}\">{label}{detail}</text>",
            count(bar.packets()),
            y + 14
        );
        let mut before = 0;
        for (class, packets) in bar.parts.iter().filter(|(_, packets)| *packets > 0) {
            let _ = write!(
                svg,
                "<rect class=\"bar {class}\" x=\"{:.3}%\" y=\"{}\" width=\"{:.3}%\" height=\"14\" data-label=\"{label}\" \
                 data-packets=\"{packets}\"/>",
                share(before),
                y + 20,
                share(*packets)
            );
            before += packets;
        }
        let _ = writeln!(
            svg,
            "<text class=\"value\" x=\"{length:.3}%\" dx=\"6\" y=\"{}\">{}</text></g>",
            y + 31,
            short(bar.packets())
        );
    }
    svg.push_str("</svg>");
    svg
}
