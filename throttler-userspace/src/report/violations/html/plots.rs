//! The four plots, each with its table.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;

use super::bars::{self, Bar};
use super::tables::Table;
use super::text::Escaped;
use super::{colour, time};
use crate::report::violations::Found;
use crate::report::violations::bins::Fate;
use crate::report::violations::groups::Group;
use crate::report::violations::texts::NONE;
use crate::report::violations::words::{count, to_the_second};

/// Bars of sources and plans at most.
const BARS: usize = 12;
/// Whoever has no plan.
const NO_PLAN: &str = "no plan";

/// Writes them.
pub(super) fn write(out: &mut impl Write, found: &Found) -> Result<()> {
    over_time(out, found)?;
    out.write_all(b"<div class=\"grid\">\n")?;
    sources(out, found)?;
    reasons(out, found)?;
    plans(out, found)?;
    out.write_all(b"</div>\n")?;
    Ok(())
}

fn over_time(out: &mut impl Write, found: &Found) -> Result<()> {
    let width = time::width(found.bins.width);
    write!(
        out,
        "<section id=\"over-time\"><h2>Refusals over time</h2><p>Packets in each {width}</p>\n{}<ul class=\"legend\">",
        time::plot(found)
    )?;
    let series = time::series(found);
    for one in &series {
        write!(
            out,
            "<li><i class=\"{}\"></i>{}</li>",
            colour::class(found, *one),
            Escaped(time::name(found, *one))
        )?;
    }
    out.write_all(b"</ul>")?;
    let mut table = Table::new(&["From, UTC", "Packets", "Why"]);
    for (begin, bar) in &found.bins.packets {
        for one in &series {
            if let Some(packets) = bar.get(one) {
                let at = to_the_second(begin.saturating_mul(1000));
                table.row([super::people(&at), count(*packets), time::name(found, *one)]);
            }
        }
    }
    writeln!(out, "{}</section>", table.folded("Refusals over time"))?;
    Ok(())
}

/// What became of a group's packets, in the colours of the plots.
fn parts(group: &Group) -> Vec<(&'static str, u64)> {
    let sum = &group.sum;
    [
        ("over", sum.refused),
        ("banned", sum.banned),
        ("spared", sum.spared),
    ]
    .map(|(class, tally)| (class, tally.packets))
    .to_vec()
}

fn sources(out: &mut impl Write, found: &Found) -> Result<()> {
    let bars: Vec<Bar> = found
        .sources
        .items()
        .iter()
        .take(BARS)
        .map(|group| Bar {
            label: group
                .key
                .source
                .map(|net| net.to_string())
                .unwrap_or_default(),
            detail: match group.sum.bans {
                0 => String::new(),
                1 => "banned once".to_owned(),
                bans => format!("banned {} times", count(bans)),
            },
            parts: parts(group),
        })
        .collect();
    let text =
        "Packets refused (blue), dropped while banned (red), let pass by monitor mode (grey)";
    section(out, "top-sources", "Top sources", text, "Source", &bars)
}

fn reasons(out: &mut impl Write, found: &Found) -> Result<()> {
    let mut sums: BTreeMap<_, u64> = BTreeMap::new();
    for bar in found.bins.packets.values() {
        for (series, packets) in bar {
            *sums.entry(*series).or_default() += packets;
        }
    }
    let all: u64 = sums.values().sum();
    let mut bars: Vec<Bar> = sums
        .into_iter()
        .map(|(series, packets)| Bar {
            label: match series.0 {
                Fate::Spared => format!("{} (monitored)", found.texts.text(series.1)),
                Fate::Refused | Fate::Banned => time::name(found, series),
            },
            detail: format!("{:.1} %", packets as f64 / all.max(1) as f64 * 100.0),
            parts: vec![(colour::class(found, series), packets)],
        })
        .collect();
    bars.sort_by_key(|bar| std::cmp::Reverse(bar.packets()));
    section(
        out,
        "reasons",
        "Share of each reason",
        "Packets, by why they were refused",
        "Reason",
        &bars,
    )
}

fn plans(out: &mut impl Write, found: &Found) -> Result<()> {
    let near = |plan: &str| {
        let same = found
            .near
            .iter()
            .filter(|near| near.plan.as_deref().unwrap_or(NO_PLAN) == plan);
        same.count()
    };
    let bars = found.plans.items().iter().take(BARS).map(|group| {
        let plan = group.key.plan.filter(|plan| *plan != NONE);
        let label = plan
            .map_or(NO_PLAN, |plan| found.texts.text(plan))
            .to_owned();
        let sources = match group.sources {
            1 => "1 source".to_owned(),
            sources => format!("{} sources", count(sources)),
        };
        let near = match near(&label) {
            0 => String::new(),
            near => format!(", {near} near a limit"),
        };
        Bar {
            detail: format!("{sources}{near}"),
            label,
            parts: parts(group),
        }
    });
    let bars: Vec<Bar> = bars.collect();
    section(
        out,
        "plans",
        "Use of each plan",
        "Packets above their plans, and of how many sources",
        "Plan",
        &bars,
    )
}

fn section(
    out: &mut impl Write,
    id: &str,
    title: &str,
    text: &str,
    head: &'static str,
    bars: &[Bar],
) -> Result<()> {
    let mut table = Table::new(&[head, "Packets", "More"]);
    for bar in bars {
        table.row([bar.label.clone(), count(bar.packets()), bar.detail.clone()]);
    }
    writeln!(
        out,
        "<section id=\"{id}\"><h2>{title}</h2><p>{text}</p>\n{}{}</section>",
        bars::plot(title, bars),
        table.folded(title)
    )?;
    Ok(())
}
