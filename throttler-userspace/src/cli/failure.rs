//! Errors that decide the exit status.

use std::fmt;
use std::process::ExitCode;

/// Exit statuses of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Something failed at run time.
    Runtime = 1,
    /// The command cannot be used so, or not here.
    Usage = 2,
    /// The daemon is not reachable, or nothing is attached.
    NothingAttached = 3,
    /// What was asked for is not there.
    NotFound = 4,
    /// Privileges are missing.
    Privilege = 77,
    /// The policy file is bad.
    BadPolicy = 78,
}

/// An error with its exit status. The message names the thing, the place and the mend.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub status: Status,
    message: String,
}

impl Failure {
    /// An error with a status.
    #[must_use]
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The status of an error: that of the [`Failure`] in its chain, else 1.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    let status = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Failure>())
        .map_or(Status::Runtime, |failure| failure.status);
    ExitCode::from(status as u8)
}
