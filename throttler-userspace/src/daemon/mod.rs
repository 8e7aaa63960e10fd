//! `throttler run`: load, publish, attach, then serve signals and events until told to end.

mod abuse;
mod attachment;
mod events;
pub mod lock;
pub mod logging;
mod metrics;
mod policy;
mod serve;
mod signals;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use self::signals::Signals;
use crate::cli::Common;
use crate::compile::Description;
use crate::config::OnExit;
use crate::kernel::checks;
use crate::kernel::link::WantedMode;

/// Arguments of `run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Interface to protect; may be given several times
    #[arg(
        long,
        required = true,
        env = "THROTTLER_IFACE",
        value_delimiter = ',',
        value_name = "IF"
    )]
    pub iface: Vec<String>,
    /// Policy file; without it an embedded default policy in monitor mode
    #[arg(short, long, env = "THROTTLER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the program runs: `auto` is native, or generic with a warning where the driver refuses
    #[arg(
        long,
        env = "THROTTLER_XDP_MODE",
        value_enum,
        default_value = "auto",
        value_name = "MODE"
    )]
    pub xdp_mode: WantedMode,
    /// Drop nothing, whatever the policy says: count what would be dropped
    #[arg(long, env = "THROTTLER_MONITOR")]
    pub monitor: bool,
    /// What to do with the program at the end, whatever the policy says
    #[arg(long, env = "THROTTLER_ON_EXIT", value_enum, value_name = "WHAT")]
    pub on_exit: Option<OnExitArg>,
    /// Serve Prometheus metrics at `http://ADDR/metrics`
    #[arg(long, env = "THROTTLER_METRICS_LISTEN", value_name = "ADDR")]
    pub metrics_listen: Option<SocketAddr>,
    /// Format of the log, abuse lines included
    #[arg(
        long,
        env = "THROTTLER_LOG_FORMAT",
        value_enum,
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub log_format: logging::Format,
}

/// `--on-exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnExitArg {
    /// Leave the program enforcing
    Keep,
    /// Take it off
    Detach,
}

impl From<OnExitArg> for OnExit {
    fn from(arg: OnExitArg) -> Self {
        match arg {
            OnExitArg::Keep => Self::Keep,
            OnExitArg::Detach => Self::Detach,
        }
    }
}

/// Writes the abuse log's line of an event, given as the ring holds it, under the generations of these descriptions,
/// the latest last. Whether it was an event.
pub fn tell(descriptions: Vec<Description>, iface: &str, event: &[u8]) -> bool {
    let mut names = abuse::Names::default();
    descriptions.into_iter().for_each(|one| names.push(one));
    let event = events::decode(event);
    event
        .inspect(|event| abuse::log(&names, iface, event))
        .is_some()
}

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// What keeps it from enforcing, with the exit status that fits.
pub fn run(common: &Common, args: RunArgs) -> Result<()> {
    logging::init(args.log_format, common);
    let config = policy::load(&args, common.color.on_stderr())?;
    checks::privilege("run")?;
    checks::bpffs(&common.bpffs)?;
    let locks = lock::take_all(&common.state_dir, &args.iface)?;
    // Before anything is attached: an address that is taken must not leave a program behind.
    let listener = args.metrics_listen.map(metrics::bind).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    // Before anything is attached: from then on a signal must not end the daemon unheard.
    let signals = {
        let _context = runtime.enter();
        Signals::listen()?
    };
    let attached = attachment::attach_all(common, &args, &config)?;
    let on_exit = config.on_exit;
    // A policy of a million prefixes is large, and the kernel has it now.
    drop(config);
    let result = runtime.block_on(serve::serve(
        &args, on_exit, attached, signals, listener, common,
    ));
    drop(locks);
    result
}
