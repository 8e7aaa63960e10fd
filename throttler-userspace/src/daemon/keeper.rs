//! Keeps the file that says how an interface stands.

use std::path::PathBuf;

use crate::cli::Common;
use crate::kernel::link;
use crate::standing::{self, Reload, Standing};

/// An interface's standing, and its file.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    standing: Standing,
    /// Whether the file could not be written when it was last tried.
    failing: bool,
}

impl Keeper {
    /// Of an interface that has just been attached. A program that took the place of another goes on from it.
    pub(super) fn new(common: &Common, iface: &str, done: &link::Attached) -> Self {
        let path = standing::path(&common.state_dir, iface);
        let now = jiff::Timestamp::now();
        let earlier = standing::read(&path).filter(|_| done.replaced);
        let (attached_at, xdp_why) = match earlier {
            Some(earlier) => (earlier.attached_at, earlier.xdp_why),
            None => (now, done.why.clone()),
        };
        let mut keeper = Self {
            path,
            standing: Standing {
                attached_at,
                xdp_why,
                daemon_since: now,
                last_reload: None,
                fault: None,
                history_fault: None,
            },
            failing: false,
        };
        keeper.save();
        keeper
    }

    /// Notes how a reload ended.
    pub(super) fn reloaded(&mut self, error: Option<&anyhow::Error>) {
        self.standing.last_reload = Some(Reload {
            at: jiff::Timestamp::now(),
            error: error.map(|error| format!("{error:#}")),
        });
        self.save();
    }

    /// Notes what a self-check found.
    pub(super) fn checked(&mut self, fault: Option<&str>) {
        if self.standing.fault.as_deref() != fault {
            self.standing.fault = fault.map(str::to_owned);
            self.save();
        }
    }

    /// Notes what keeps the history from being written.
    pub(super) fn history(&mut self, fault: Option<String>) {
        if self.standing.history_fault != fault {
            self.standing.history_fault = fault;
            self.save();
        }
    }

    /// It is for people alone: a full disk must not keep the daemon from its work, nor fill the log.
    fn save(&mut self) {
        let saved = standing::save(&self.path, &self.standing);
        if let (Err(error), false) = (&saved, self.failing) {
            log::warn!("`throttler status` will not know of this: {error:#}");
        }
        self.failing = saved.is_err();
    }
}
