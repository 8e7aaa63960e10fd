//! A report as a page: one file that needs nothing else, no script and no network. Plots are drawn here; each has its figures
//! as a table, too.

mod bars;
mod colour;
mod lists;
mod plots;
mod policy;
mod tables;
mod text;
mod time;

use std::io::Write;

use anyhow::Result;

use self::text::Escaped;
use super::Found;
use super::words::{bytes, count, short, to_the_second};

const STYLE: &str = include_str!("style.css");

/// Prints the page.
///
/// # Errors
/// The writer's.
pub fn html(out: &mut impl Write, found: &Found) -> Result<()> {
    let period = &found.ask.period;
    let (since, until) = (to_the_second(period.since), to_the_second(period.until));
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Throttler report, {since} to {until}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n",
        policy::of(STYLE)
    )?;
    header(out, found, &since, &until)?;
    tiles(out, found)?;
    if found.totals.sources == 0 {
        out.write_all(
            b"<section id=\"empty\"><h2>Nothing was refused in this time</h2></section>\n",
        )?;
    } else {
        plots::write(out, found)?;
    }
    lists::write(out, found)?;
    write!(
        out,
        "<footer><p>Times are UTC. A slice of the history that is only partly in the time asked counts whole: a minute, of \
         older ones an hour. Bytes are those of the IP packets. Throttler {}.</p></footer>\n</main>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    )?;
    Ok(())
}

fn header(out: &mut impl Write, found: &Found, since: &str, until: &str) -> Result<()> {
    let mut of = found.ifaces.join(", ");
    for (what, asked) in [
        ("source", found.ask.source.map(|net| net.to_string())),
        ("scope", found.ask.scope.clone()),
        ("plan", found.ask.plan.clone()),
    ] {
        if let Some(asked) = asked {
            of.push_str(&format!(", {what} {asked}"));
        }
    }
    write!(
        out,
        "<header><h1>Throttler report</h1><p><time datetime=\"{since}\">{}</time> to <time datetime=\"{until}\">{}</time> UTC{}{}</p>",
        people(since),
        people(until),
        if of.is_empty() { "" } else { " · " },
        Escaped(of)
    )?;
    if let Some(cut) = found.cut() {
        write!(out, "<p class=\"note\">{}</p>", Escaped(cut))?;
    }
    out.write_all(b"</header>\n")?;
    Ok(())
}

/// A time without what programs need of it.
fn people(time: &str) -> String {
    time.trim_end_matches('Z').replace('T', " ")
}

fn tiles(out: &mut impl Write, found: &Found) -> Result<()> {
    let sum = &found.totals.sum;
    let about = if sum.estimated { "about " } else { "" };
    let tiles = [
        (
            "Packets refused",
            sum.refused.packets,
            format!("{about}{}", bytes(sum.refused.bytes)),
        ),
        (
            "Sources",
            found.totals.sources,
            format!("on {} plans", found.plans.items().len()),
        ),
        ("Bans given", sum.bans, String::new()),
        (
            "Dropped while banned",
            sum.banned.packets,
            bytes(sum.banned.bytes),
        ),
        (
            "Let pass by monitor mode",
            sum.spared.packets,
            format!("{about}{}", bytes(sum.spared.bytes)),
        ),
    ];
    out.write_all(b"<dl class=\"tiles\">")?;
    for (name, number, more) in tiles {
        let exact = if number < 1000 {
            String::new()
        } else {
            count(number)
        };
        let more: Vec<String> = [exact, more]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        let (number, more) = (short(number), more.join(", "));
        write!(
            out,
            "<div><dt>{name}</dt><dd>{number} <small>{}</small></dd></div>",
            Escaped(more)
        )?;
    }
    out.write_all(b"</dl>\n")?;
    Ok(())
}
