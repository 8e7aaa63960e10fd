//! `throttler top`: who is being dropped, live.
//!
//! [`App`] is the state, changed by keys, looks at the maps and answers; [`draw`] paints it. Neither reads a clock, a map
//! or a terminal: [`worker`] looks, and [`terminal`] is what is left.

mod app;
mod draw;
mod figures;
mod keys;
mod orders;
mod rates;
mod rows;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod worker;

use std::io::IsTerminal as _;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use self::app::App;
use self::theme::Theme;
use self::worker::Worker;
use super::Common;
use super::failure::{Failure, Status};
use super::selection::Interfaces;
use crate::kernel::checks;
use crate::report::Live;

/// Arguments of `top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    #[command(flatten)]
    interfaces: Interfaces,
    /// Time between two looks, a second or more; longer by itself where a look takes more than half of it
    #[arg(long, value_parser = crate::cli::duration, value_name = "TIME", default_value = "1s")]
    interval: Duration,
}

pub(super) fn top(common: &Common, args: &TopArgs) -> Result<()> {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    if dumb || !std::io::stdout().is_terminal() {
        let message = "top needs a terminal to draw on: for files, pipes and dumb terminals there is `throttler dump \
                       buckets --top 20`";
        return Err(Failure::new(Status::Usage, message).into());
    }
    checks::privilege("top")?;
    let ifaces = args.interfaces.iface.clone();
    // Whatever is wrong now is better said on the screen that the shell has.
    let live = Live::open(&common.bpffs, &ifaces)?;
    let (sender, messages) = mpsc::channel();
    let worker = Worker::start(live, common, ifaces, args.interval, sender.clone())?;
    let colors = common.color.on_stdout();
    terminal::run(App::new(), &Theme::new(colors), &worker, &sender, &messages)
}
