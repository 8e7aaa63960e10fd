//! Refusals over time: a bar for each stretch of time, what became of the packets one on top of the other.

use std::fmt::Write as _;

use super::colour;
use super::text::Escaped;
use crate::report::violations::Found;
use crate::report::violations::bins::{Fate, Series};
use crate::report::violations::words::{count, short, to_the_second};

/// Pixels: of the plot, from its top to the axis, and above the highest bar.
const HEIGHT: f64 = 230.0;
const AXIS: f64 = 200.0;
const TOP: f64 = 12.0;

/// What a series is called.
pub(super) fn name(found: &Found, (fate, reason): Series) -> String {
    match fate {
        Fate::Refused => found.texts.text(reason).to_owned(),
        Fate::Banned => "dropped while banned".to_owned(),
        Fate::Spared => format!("{}, let pass by monitor mode", found.texts.text(reason)),
    }
}

/// All series that there are, in the order in which they are stacked.
pub(super) fn series(found: &Found) -> Vec<Series> {
    let bars = found.bins.packets.values();
    let mut all: Vec<Series> = bars.flat_map(|bar| bar.keys().copied()).collect();
    all.sort_unstable_by_key(|(fate, reason)| (*fate, found.texts.text(*reason)));
    all.dedup();
    all
}

/// The time of a bar's begin, as short as is clear.
fn at(seconds: i64) -> String {
    let text = to_the_second(seconds.saturating_mul(1000));
    let short = text.get(5..16).unwrap_or(&text);
    short.replace('T', " ")
}

/// The plot.
pub(super) fn plot(found: &Found) -> String {
    let bins = &found.bins;
    let highest = bins.packets.values().map(|bar| bar.values().sum::<u64>());
    let most = round(highest.max().unwrap_or(0));
    let begins: Vec<i64> = bins.begins().collect();
    let y = |packets: u64| AXIS - packets as f64 / most as f64 * (AXIS - TOP);
    let marks = if most >= 2 {
        vec![0, most / 2, most]
    } else {
        vec![0, most]
    };
    let mut svg = format!(
        "<div class=\"chart\"><svg class=\"y\" width=\"44\" height=\"{HEIGHT}\" aria-hidden=\"true\">"
    );
    // Writing to a string does not fail.
    for mark in &marks {
        let _ = write!(
            svg,
            "<text x=\"38\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            y(*mark) + 4.0,
            short(*mark)
        );
    }
    let _ = write!(
        svg,
        "</svg><svg class=\"time\" width=\"100%\" height=\"{HEIGHT}\" role=\"img\"><title>Packets in each {}, UTC</title>",
        width(bins.width)
    );
    for mark in marks {
        let y = y(mark);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
        );
    }
    let series = series(found);
    let step = 100.0 / begins.len().max(1) as f64;
    for (index, begin) in begins.iter().enumerate() {
        let Some(bar) = bins.packets.get(begin) else {
            continue;
        };
        let (x, mut below) = (index as f64 * step + step * 0.08, 0);
        for one in &series {
            let Some(packets) = bar.get(one) else {
                continue;
            };
            let (bottom, top) = (y(below), y(below + packets));
            below += packets;
            let _ = writeln!(
                svg,
                "<rect class=\"bar {}\" x=\"{x:.3}%\" width=\"{:.3}%\" y=\"{top:.3}\" height=\"{:.3}\" data-begin=\"{begin}\" \
                 data-packets=\"{packets}\"><title>{} UTC: {} packets, {}</title></rect>",
                colour::class(found, *one),
                step * 0.84,
                bottom - top,
                at(*begin),
                count(*packets),
                Escaped(name(found, *one))
            );
        }
    }
    axis(&mut svg, &begins, bins.to);
    svg.push_str("</svg></div>");
    svg
}

/// Times below the axis: three where there is little room, else five.
fn axis(svg: &mut String, begins: &[i64], end: i64) {
    let times: Vec<i64> = begins.iter().copied().chain([end]).collect();
    let last = times.len() - 1;
    for (quarter, anchor, class) in [
        (0, "start", "tick"),
        (1, "middle", "tick wide"),
        (2, "middle", "tick"),
        (3, "middle", "tick wide"),
        (4, "end", "tick"),
    ] {
        let index = last * quarter / 4;
        // Of two bars the quarters are halves.
        if last < 4 && class != "tick" {
            continue;
        }
        let x = index as f64 / last.max(1) as f64 * 100.0;
        let _ = write!(
            svg,
            "<text class=\"{class}\" x=\"{x:.3}%\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            AXIS + 20.0,
            at(times[index])
        );
    }
}

/// The least number that is no less, of those whose half is as easy to read.
fn round(most: u64) -> u64 {
    if most <= 1 {
        return 1;
    }
    let mut step = 1_u64;
    loop {
        for digits in [2, 4, 6, 8, 10, 12, 16] {
            let mark = step.saturating_mul(digits);
            if mark >= most {
                return mark;
            }
        }
        step = step.saturating_mul(10);
    }
}

/// A bar's width in words.
pub(super) fn width(seconds: i64) -> String {
    match seconds {
        86_400.. => format!("{} d", seconds / 86_400),
        3_600.. => format!("{} h", seconds / 3_600),
        _ => format!("{} min", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::round;

    #[test]
    fn axes_end_at_round_numbers() {
        let said = [0, 1, 2, 3, 10, 11, 499, 1_077].map(round);
        assert_eq!(said, [1, 1, 2, 4, 10, 12, 600, 1200]);
        assert_eq!(round(u64::MAX), u64::MAX);
    }
}
