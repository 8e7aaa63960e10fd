//! `throttler man`: manual pages in roff (man(7)), out of the same definitions that the command line is parsed by.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use super::Cli;

/// Administration commands (man-pages(7)).
const SECTION: &str = "8";
/// How clap_mangen defines an apostrophe that is no quotation mark, before every section.
const APOSTROPHE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '";
/// What the definitions do not say.
const MORE: &str = include_str!("man.8.in");

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write `throttler.8`, and a page for every command, into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn man(args: &ManArgs) -> Result<()> {
    let mut cli = Cli::command().disable_help_subcommand(true);
    // Only then do the commands have the names and options that they inherit.
    cli.build();
    let Some(directory) = &args.dir else {
        let mut page = Vec::new();
        write(&cli, "throttler", &mut page)?;
        return io::stdout().write_all(&page).context("writing the page");
    };
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    for (name, command) in pages("throttler", &cli) {
        let path = directory.join(format!("{name}.{SECTION}"));
        let mut page = Vec::new();
        write(command, &name, &mut page)?;
        fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// A command and those below it, with the names of their pages.
fn pages<'a>(name: &str, command: &'a Command) -> Vec<(String, &'a Command)> {
    let below = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set());
    let below = below.flat_map(|below| pages(&format!("{name}-{}", below.get_name()), below));
    std::iter::once((name.to_owned(), command))
        .chain(below)
        .collect()
}

fn write(command: &Command, name: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone());
    let mut body = Vec::new();
    man.render_name_section(&mut body)?;
    man.render_synopsis_section(&mut body)?;
    man.render_description_section(&mut body)?;
    if command
        .get_arguments()
        .any(|argument| !argument.is_hide_set())
    {
        man.render_options_section(&mut body)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut body)?;
    }
    // No date: pages are the same whenever they are made.
    writeln!(
        page,
        ".TH {} {SECTION} \"\" \"throttler {}\" Throttler\n{APOSTROPHE}",
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION")
    )?;
    page.write_all(tidy(&String::from_utf8_lossy(&body)).as_bytes())?;
    if name == "throttler" {
        page.write_all(MORE.as_bytes())
    } else {
        page.write_all(b".SH SEE ALSO\n\\fBthrottler\\fR(8), \\fBthrottler.toml\\fR(5)\n")
    }
}

/// The definition of an apostrophe once, not before every section; paragraphs by the macro for them; no spaces at the end of
/// lines, and no line that only stands for a space.
fn tidy(body: &str) -> String {
    let body = body.replace(&format!("{APOSTROPHE}\n"), "");
    let body = body.replace("\n.br\n\n.br\n", "\n.sp\n");
    let lines = body.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.filter(|line| line != "\n").collect()
}
