//! What was found, how bad it is, and what to do.

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, and could be better, or could not be found out.
    Warn,
    /// Does not work.
    Fail,
}

impl Level {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Of which interface; `None`: of the host.
    pub iface: Option<String>,
    /// What was looked at, in a word or two; the same from run to run.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do; nothing where all is well.
    pub mend: Option<String>,
}

impl Finding {
    fn new(check: &'static str, level: Level, found: String, mend: Option<String>) -> Self {
        Self {
            iface: None,
            check,
            level,
            found,
            mend,
        }
    }

    pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, found.into(), None)
    }

    pub(super) fn warn(
        check: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self::new(check, Level::Warn, found.into(), Some(mend.into()))
    }

    pub(super) fn fail(
        check: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self::new(check, Level::Fail, found.into(), Some(mend.into()))
    }

    /// The same of an interface.
    pub(super) fn on(self, iface: &str) -> Self {
        Self {
            iface: Some(iface.to_owned()),
            ..self
        }
    }
}
