//! `throttler run`: load, publish, attach, then serve signals and events until told to end.

mod abuse;
mod attachment;
mod confirm;
pub mod control;
mod desired;
mod events;
mod heal;
mod historian;
mod keeper;
pub mod lock;
mod lockout;
pub mod logging;
mod lookout;
mod notify;
pub(crate) mod outbox;
mod ownership;
mod policy;
mod privileges;
mod publish;
mod record;
mod selfcheck;
mod serve;
mod signals;
mod tell;
mod together;
mod user;
mod vitals;
mod watch;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use self::control::Access;
use self::outbox::Outbox;
use self::serve::Listening;
use self::signals::Signals;
use self::watch::{Interfaces, Watch};
use crate::cli::Common;
use crate::compile::Description;
use crate::config::OnExit;
use crate::kernel::capabilities::User;
use crate::kernel::link::WantedMode;
use crate::kernel::{checks, interface, sys};

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
    /// Start although an interface is not there yet, and attach to it once it appears
    #[arg(long, env = "THROTTLER_WAIT_IFACE")]
    pub wait_iface: bool,
    /// Do not exempt the address that the ssh session comes from in which this is started
    #[arg(long, env = "THROTTLER_NO_LOCKOUT_GUARD")]
    pub no_lockout_guard: bool,
    /// Whom the lockout guard exempts, found at the start.
    #[arg(skip)]
    operator: Option<IpAddr>,
    /// What to do with the program at the end, whatever the policy says
    #[arg(long, env = "THROTTLER_ON_EXIT", value_enum, value_name = "WHAT")]
    pub on_exit: Option<OnExitArg>,
    /// Unless `throttler confirm` comes within this time of the start or of a reload, put back what was in force before
    #[arg(long, env = "THROTTLER_CONFIRM", value_parser = crate::cli::duration, value_name = "TIME")]
    pub confirm: Option<Duration>,
    /// Lines of the abuse log in a second, for each interface and kind of event; the others are counted and told of as one
    #[arg(
        long,
        env = "THROTTLER_LOG_EVENTS_PER_SECOND",
        default_value_t = 200,
        value_parser = clap::value_parser!(u64).range(1..),
        value_name = "N"
    )]
    pub log_events_per_second: u64,
    /// Milliseconds between two self-checks; for tests
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..), hide = true)]
    pub check_every_ms: u64,
    /// Milliseconds that bound the wait after a first failed notification; for tests
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=60_000), hide = true)]
    pub notify_again_ms: u64,
    /// Serve Prometheus metrics at `http://ADDR/metrics`; a port alone is of 127.0.0.1
    #[arg(long, env = "THROTTLER_METRICS_LISTEN", value_parser = control::address, value_name = "ADDR")]
    pub metrics_listen: Option<SocketAddr>,
    /// File with a token: whoever sends it may read and change everything there, as root may on the control socket
    #[arg(
        long,
        env = "THROTTLER_LISTEN_TOKEN_FILE",
        requires = "metrics_listen",
        value_name = "FILE"
    )]
    pub listen_token_file: Option<PathBuf>,
    /// Group whose members may read over the control socket; only root changes anything there
    #[arg(long, env = "THROTTLER_SOCKET_GROUP", value_parser = user::group, value_name = "GROUP")]
    pub socket_group: Option<u32>,
    /// User to act as, from the start on; without it, the one that starts this
    #[arg(long, env = "THROTTLER_USER", value_parser = user::user, value_name = "USER")]
    pub user: Option<User>,
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
    descriptions
        .into_iter()
        .for_each(|one| names.push(Arc::new(one)));
    let event = events::decode(event);
    event
        .inspect(|event| {
            if let Some(line) = abuse::line(&names, iface, event) {
                line.log();
            }
        })
        .is_some()
}

/// Waits until then; for ever, if there is no such time.
async fn until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then.into()).await,
        None => std::future::pending().await,
    }
}

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// What keeps it from enforcing, with the exit status that fits.
pub fn run(common: &Common, mut args: RunArgs) -> Result<()> {
    sys::share_memory();
    logging::init(args.log_format, common);
    let read = privileges::give_up(common, &mut args)?;
    let policy = policy::load_first(&args, read, common.color.on_stderr())?;
    // Before anything is attached: a secret that is not where the policy says.
    let targets = outbox::prepare(&policy.config.notify)?;
    outbox::warn(&policy.config.notify);
    checks::privilege("run")?;
    checks::bpffs(&common.bpffs)?;
    // Before anything is made: a name that does not exist.
    let present = present(&args)?;
    if let Some(operator) = args.operator {
        log::info!(
            "{operator} is exempt from every limit and ban: this was started over ssh from there (--no-lockout-guard \
             leaves that out)"
        );
    }
    let locks = lock::take_all(&common.state_dir, &args.iface)?;
    // Before anything is attached: an address that is taken must not leave a program behind.
    let token_file = args.listen_token_file.as_deref();
    let access = Access::load(token_file)?;
    let bind = |address| control::bind_tcp(address, token_file);
    let tcp = args.metrics_listen.map(bind).transpose()?;
    let socket = socket(common, &args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    // Before anything is attached: from then on a signal must not end the daemon unheard.
    let (signals, watch) = {
        let _context = runtime.enter();
        (Signals::listen()?, Watch::listen()?)
    };
    let outbox = Outbox::new(Duration::from_millis(args.notify_again_ms));
    let attached = attachment::attach_all(&present, common, &args, &policy)?;
    outbox.set(targets)?;
    let listening = Listening {
        outbox,
        signals,
        watch,
        interfaces: Interfaces::new(&common.bpffs, &args.iface),
        tcp,
        access,
        control: socket,
    };
    let result = runtime.block_on(serve::serve(&args, policy, attached, listening, common));
    drop(locks);
    result
}

/// The interfaces that are there; those to wait for are named in the log.
fn present(args: &RunArgs) -> Result<Vec<String>> {
    let there = |iface: &&String| !args.wait_iface || sys::interface_index(iface).is_some();
    let (present, waiting): (Vec<&String>, Vec<&String>) = args.iface.iter().partition(there);
    for iface in &present {
        interface::find(iface)?;
    }
    for iface in &waiting {
        log::warn!("{iface}: there is no such interface yet: waiting for it to appear");
    }
    Ok(present.into_iter().cloned().collect())
}

/// The control socket. Where nobody asked for a path, a daemon without one is better than none.
fn socket(common: &Common, args: &RunArgs) -> Result<Option<control::Socket>> {
    match (
        &common.socket,
        control::bind(common.socket(), args.socket_group),
    ) {
        (_, Ok(socket)) => Ok(Some(socket)),
        (Some(_), Err(error)) => Err(error),
        (None, Err(error)) => {
            log::warn!("running without a control socket: {error:#}");
            Ok(None)
        }
    }
}
