//! What can be wrong with the database, in words.

use std::fmt::{self, Display, Formatter};

use rusqlite::{Error, ErrorCode};

/// Why the history cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file system is full, or a quota used up.
    Full,
    /// The file or its directory may not be written, or cannot be opened.
    Denied(String),
    /// Somebody else holds the database.
    Locked,
    /// The file is not a database of ours, or damaged.
    Corrupt(String),
    /// The file is of another version.
    Version(i32),
    /// Whatever else the system says.
    Io(String),
}

impl Fault {
    /// Whether the file is of no use, so that another has to be begun.
    #[must_use]
    pub fn is_of_the_file(&self) -> bool {
        matches!(self, Self::Corrupt(_) | Self::Version(_))
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let Error::SqliteFailure(code, _) = &error else {
            // A column of another type than was asked for, or none.
            return Self::Corrupt(text);
        };
        match code.code {
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                Self::Denied(text)
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Locked,
            // SQLITE_ERROR: a table or column is missing.
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::SchemaChanged
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::Unknown => Self::Corrupt(text),
            _ => Self::Io(text),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(
                f,
                "the file system is full: make room, or set a smaller `max_size` in [history]"
            ),
            Self::Denied(text) => write!(
                f,
                "it cannot be opened or written ({text}): the state directory must be writable to the daemon's user"
            ),
            Self::Locked => write!(
                f,
                "another process holds it for long: end that process's transaction"
            ),
            Self::Corrupt(text) => write!(f, "it is damaged, or no history ({text})"),
            Self::Version(found) => write!(
                f,
                "it is of version {found}, and this one writes version {}",
                super::schema::VERSION
            ),
            Self::Io(text) => write!(f, "{text}"),
        }
    }
}
