//! The command line.

mod check;
mod client;
mod completions;
mod confirm;
mod doctor;
mod dump;
mod events;
mod explain;
pub mod failure;
mod man;
mod notify;
mod overrides;
mod pause;
mod reload;
mod report;
mod selection;
mod status;
mod top;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

pub(crate) use self::explain::protocol;
pub(crate) use self::status::beside;
use crate::daemon;
use crate::daemon::logging;

/// Where the control socket is, if nothing else is said.
const SOCKET: &str = "/run/throttler/throttler.sock";

/// Per-source rate limits at the NIC.
///
/// An XDP program keeps a token bucket per source and drops bursts before the kernel sees them; this
/// command loads it, publishes a policy file to it and reads back what it does.
#[derive(Debug, Parser)]
#[command(name = "throttler", version, propagate_version = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Directory on a BPF file system where maps and links are pinned
    #[arg(
        long,
        global = true,
        env = "THROTTLER_BPFFS",
        value_name = "DIR",
        default_value = "/sys/fs/bpf/throttler"
    )]
    pub bpffs: PathBuf,
    /// Directory for the daemon's locks and state
    #[arg(
        long,
        global = true,
        env = "THROTTLER_STATE_DIR",
        value_name = "DIR",
        default_value = "/var/lib/throttler"
    )]
    pub state_dir: PathBuf,
    /// The daemon's control socket [default: /run/throttler/throttler.sock]
    #[arg(long, global = true, env = "THROTTLER_SOCKET", value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Colour in diagnostics and `top`
    #[arg(
        long,
        global = true,
        env = "THROTTLER_COLOR",
        value_enum,
        default_value = "auto",
        value_name = "WHEN"
    )]
    pub color: logging::Color,
    /// More diagnostics; twice for all
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Only warnings and errors; twice for errors alone
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub quiet: u8,
}

impl Common {
    /// The control socket's path, named or not.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.socket.as_deref().unwrap_or_else(|| Path::new(SOCKET))
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Attach to interfaces and enforce a policy until SIGTERM or SIGINT; SIGHUP reloads it
    Run(daemon::RunArgs),
    /// Validate a policy file; print its compiled limits and the memory it needs
    Check(check::CheckArgs),
    /// Show what is attached, and how it does
    Status(status::StatusArgs),
    /// Take the program off its interfaces and remove its pins
    Detach(status::DetachArgs),
    /// Have the daemon read its policy file again, and say what became of it
    Reload,
    /// Keep what `run --confirm` has on trial
    Confirm,
    /// Print the latest abuse events, or all as they come
    Events(events::EventsArgs),
    /// Report who hit limits, since when, and what came of it
    Report(report::ReportArgs),
    /// Try those whom the policy's [[notify]] names
    #[command(subcommand)]
    Notify(notify::Notify),
    /// Ban sources, and see who is banned
    #[command(subcommand)]
    Ban(overrides::Ban),
    /// Exempt sources from all limits and bans
    #[command(subcommand)]
    Exempt(overrides::Exempt),
    /// Give a source a plan
    Bind(overrides::Bind),
    /// Take such a plan back
    Unbind(overrides::Deleted),
    /// Let everything pass, counted as `paused`
    Pause(pause::PauseArgs),
    /// End a pause
    Resume(pause::ResumeArgs),
    /// Print counters, buckets or the policy in force
    Dump(dump::DumpArgs),
    /// Say what becomes of an address, and why
    Explain(explain::ExplainArgs),
    /// Look for what stands in the way of full protection, and say how to mend it
    Doctor(doctor::DoctorArgs),
    /// Show who is being dropped, live, on a terminal
    Top(top::TopArgs),
    /// Print a shell's completions
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write all of them into a directory
    Man(man::ManArgs),
}

impl Cli {
    /// Whether the log is JSON, and errors belong into it.
    #[must_use]
    pub fn logs_json(&self) -> bool {
        matches!(&self.command, Command::Run(args) if args.log_format == logging::Format::Json)
    }

    /// Does what was asked.
    ///
    /// # Errors
    /// What [`failure::exit_code`] turns into an exit status.
    pub fn execute(self) -> Result<()> {
        match self.command {
            Command::Run(args) => daemon::run(&self.common, args),
            command => {
                logging::init(logging::Format::Text, &self.common);
                match command {
                    Command::Run(_) => Ok(()),
                    Command::Check(args) => check::check(&self.common, &args),
                    Command::Status(args) => status::status(&self.common, &args),
                    Command::Detach(args) => status::detach(&self.common, &args),
                    Command::Reload => reload::reload(&self.common),
                    Command::Confirm => confirm::confirm(&self.common),
                    Command::Events(args) => events::events(&self.common, &args),
                    Command::Report(args) => report::report(&self.common, args),
                    Command::Notify(command) => notify::notify(&self.common, &command),
                    Command::Ban(command) => overrides::ban(&self.common, &command),
                    Command::Exempt(command) => overrides::exempt(&self.common, &command),
                    Command::Bind(args) => overrides::bind(&self.common, &args),
                    Command::Unbind(args) => overrides::unbind(&self.common, &args),
                    Command::Pause(args) => pause::pause(&self.common, &args),
                    Command::Resume(args) => pause::resume(&self.common, &args),
                    Command::Dump(args) => dump::dump(&self.common, &args),
                    Command::Explain(args) => explain::explain(&self.common, &args),
                    Command::Doctor(args) => doctor::doctor(&self.common, &args),
                    Command::Top(args) => top::top(&self.common, &args),
                    Command::Completions(args) => completions::completions(&args),
                    Command::Man(args) => man::man(&args),
                }
            }
        }
    }
}

/// A prefix as an argument.
pub(crate) fn cidr(text: &str) -> Result<ipnet::IpNet, String> {
    crate::config::parse_cidr(text).map_err(|error| format!("{}; {}", error.message, error.help))
}

/// A duration as an argument.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::config::parse_duration(text)
        .map_err(|error| format!("{}; {}", error.message, error.help))
}
