//! The policy that the daemon was told to enforce.

use std::path::Path;
use std::rc::Rc;

use anyhow::Result;

use super::RunArgs;
use super::privileges::{self, Read};
use crate::cli::failure::{Failure, Status};
use crate::config::{self, Config, ConfigError, Mode};

/// As the system puts it.
const DENIED: &str = "Permission denied";
const DEFAULT: &str = include_str!("../default-policy.toml");

/// A policy, shared by the interfaces that it is for.
pub(super) struct Policy {
    /// In `status`.
    pub(super) name: String,
    pub(super) config: Config,
}

/// Loads the policy file, or the embedded default, and applies the flags that override it.
///
/// # Errors
/// Status 78 with every error of the file.
pub(super) fn load(args: &RunArgs, color: bool) -> Result<Rc<Policy>> {
    let policy = args.config.as_deref().map(std::fs::read);
    load_first(args, Read { policy }, color)
}

/// The same of a file that was read before.
///
/// # Errors
/// As [`load`].
pub(super) fn load_first(args: &RunArgs, read: Read, color: bool) -> Result<Rc<Policy>> {
    let loaded = match args.config.as_ref().zip(read.policy) {
        Some((path, bytes)) => config::read(path, bytes),
        None => config::parse(EMBEDDED, DEFAULT, Path::new(""), jiff::Timestamp::now()),
    };
    let bad = |error: ConfigError| {
        let mut text = error.render(color).trim_end().to_owned();
        // Of the file itself or of a list.
        if text.contains(DENIED) {
            text += &format!("\n{}", privileges::mend());
        }
        Failure::new(Status::BadPolicy, format!("bad policy\n{text}"))
    };
    let mut config = loaded.map_err(bad)?;
    if args.config.is_none() {
        log::warn!(
            "no policy file (-c FILE): using the embedded default policy, in monitor mode, which drops nothing"
        );
    }
    if args.monitor {
        config.mode = Mode::Monitor;
        for scope in &mut config.scopes {
            scope.mode = None;
        }
    }
    if let Some(on_exit) = args.on_exit {
        config.on_exit = on_exit.into();
    }
    for warning in &config.warnings {
        log::warn!("{warning}");
    }
    Ok(Rc::new(Policy {
        name: name(args),
        config,
    }))
}

/// The name of the embedded policy in messages and `status`.
const EMBEDDED: &str = "embedded default";

/// The policy's name in `status`.
fn name(args: &RunArgs) -> String {
    match &args.config {
        Some(path) => std::fs::canonicalize(path)
            .unwrap_or_else(|_| path.clone())
            .display()
            .to_string(),
        None => EMBEDDED.to_owned(),
    }
}
