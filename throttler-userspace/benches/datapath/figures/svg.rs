//! A plot of net costs: one bar a row, in groups, without any library.

use std::fmt::Write as _;

use super::Report;
use super::targets::{BANNED, BLOCKED, OVER};
use super::targets::{
    FILTER_MANY, FILTER_ONE, LRU, MILLION, PASS, PASS_FOUR, PLAIN_PASS, THROTTLER,
};
use super::{Cost, Draw};

const WIDTH: f64 = 860.0;
const LABELS: f64 = 400.0;
const ROW: f64 = 22.0;
const TOP: f64 = 56.0;
const OURS: &str = "#1f6feb";
const THEIRS: &str = "#8c959f";

/// What is shown, of what was measured on one CPU with IPv4.
const SHOWN: [(&str, &str, Draw); 16] = [
    (THROTTLER, PASS, Draw::One),
    (THROTTLER, PASS_FOUR, Draw::One),
    (THROTTLER, OVER, Draw::One),
    (THROTTLER, BLOCKED, Draw::One),
    (THROTTLER, BANNED, Draw::One),
    (FILTER_ONE, PLAIN_PASS, Draw::One),
    (LRU, PLAIN_PASS, Draw::One),
    (THROTTLER, PASS, Draw::Uniform(100_000)),
    (THROTTLER, PASS, MILLION),
    (THROTTLER, PASS, Draw::Zipf(1_000_000)),
    (THROTTLER, OVER, MILLION),
    (FILTER_ONE, PLAIN_PASS, MILLION),
    (FILTER_MANY, PLAIN_PASS, MILLION),
    (LRU, PLAIN_PASS, MILLION),
    (THROTTLER, PASS, Draw::EverNew),
    (LRU, PLAIN_PASS, Draw::EverNew),
];

pub(crate) fn render(report: &Report) -> String {
    let shown: Vec<(&Cost, u32)> = SHOWN
        .iter()
        .filter_map(|(program, case, draw)| report.cost(program, case, *draw, 1))
        .filter_map(|cost| Some((cost, cost.net()?)))
        .collect();
    let most = shown.iter().map(|(_, net)| *net).max().unwrap_or(1).max(1);
    let scale = (WIDTH - LABELS - 70.0) / f64::from(most);
    let height = TOP + ROW * shown.len() as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"24\" font-size=\"16\" font-weight=\"bold\">Net cost of a packet, ns above an \
         empty XDP_DROP</text>\n\
         <text x=\"16\" y=\"44\" fill=\"#57606a\">one CPU, IPv4; {}</text>\n",
        escaped(&report.machine.cpu)
    );
    for (index, (cost, net)) in shown.iter().enumerate() {
        let _ = bar(&mut svg, TOP + ROW * index as f64, cost, *net, scale);
    }
    svg + "</svg>\n"
}

fn bar(svg: &mut String, top: f64, cost: &Cost, net: u32, scale: f64) -> std::fmt::Result {
    let colour = if cost.program == THROTTLER {
        OURS
    } else {
        THEIRS
    };
    let width = f64::from(net) * scale;
    let text = top + 15.0;
    let label = escaped(&format!(
        "{}: {}; sources: {}",
        cost.program, cost.case, cost.draw
    ));
    writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"{text:.0}\" text-anchor=\"end\">{label}</text>",
        LABELS - 8.0
    )?;
    writeln!(
        svg,
        "<rect x=\"{LABELS:.0}\" y=\"{:.0}\" width=\"{width:.1}\" height=\"{:.0}\" fill=\"{colour}\"/>",
        top + 3.0,
        ROW - 6.0
    )?;
    writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{text:.0}\">{net}</text>",
        LABELS + width + 6.0
    )
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
