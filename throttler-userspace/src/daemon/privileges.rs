//! What is done with the privileges that the daemon is started with, and giving them up: before the first byte of a policy
//! is parsed.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::thread::CapabilitySet;

use super::{RunArgs, lockout, ownership};
use crate::cli::Common;
use crate::cli::failure::{Failure, Status};
use crate::kernel::{capabilities, programs, sys};

/// What was read by right of the start.
pub(super) struct Read {
    /// The policy file, if one was named.
    pub(super) policy: Option<io::Result<Vec<u8>>>,
}

/// Does what only the start's privileges allow, then gives up all that the daemon does not need.
///
/// # Errors
/// Status 77: the user that was asked for cannot be had.
pub(super) fn give_up(common: &Common, args: &mut RunArgs) -> Result<Read> {
    // Other users' environments are root's alone to read.
    if !args.no_lockout_guard {
        args.operator = lockout::operator(Path::new("/proc"));
    }
    programs::remember(&args.iface);
    let read = Read {
        policy: args.config.as_deref().map(std::fs::read),
    };
    let may = capabilities::effective().context("reading this process's capabilities")?;
    if may.contains(CapabilitySet::CHOWN) {
        let (uid, gid) = match &args.user {
            Some(user) => (user.uid, user.gid),
            None => (sys::effective_user(), sys::effective_group()),
        };
        ownership::take_over(common, uid, gid)?;
    }
    capabilities::give_up(args.user.as_ref(), args.socket_group).map_err(|error| {
        let whom = args.user.as_ref().map_or("", |user| &user.name);
        let message = match error.kind() {
            ErrorKind::PermissionDenied => {
                format!(
                    "only root becomes user `{whom}` (--user): start this as root, or as {whom}"
                )
            }
            _ => format!("giving up privileges: {error}"),
        };
        Failure::new(Status::Privilege, message)
    })?;
    if let Some(path) = &args.config
        && read.policy.as_ref().is_some_and(Result::is_ok)
        && let Err(error) = File::open(path)
    {
        log::warn!(
            "{} was read by root's rights, which are given up now: no reload can read it ({error}); {}",
            path.display(),
            mend()
        );
    }
    Ok(read)
}

/// What to do about a file that the daemon may not read.
pub(super) fn mend() -> String {
    format!(
        "the daemon reads files as user {} alone, without root's right to read everybody's: make them readable to it, or \
         keep them in /etc/throttler",
        sys::effective_user()
    )
}
