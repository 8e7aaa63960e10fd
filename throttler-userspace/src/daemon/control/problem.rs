//! Errors as `application/problem+json` (RFC 9457).

use std::borrow::Cow;
use std::fmt::Display;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::cli::failure::{Failure, Status};
use crate::config::GrammarError;

/// What went wrong, and the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// What went wrong and the mend, in one sentence.
    detail: String,
    /// The mend by itself, for programs: an extension member.
    help: Cow<'static, str>,
}

impl Problem {
    /// `what` names the thing, `help` says how to mend it; the detail is both.
    pub(super) fn new(
        status: StatusCode,
        what: impl Display,
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        let help = help.into();
        Self {
            status,
            detail: format!("{}; {help}", plain(&what.to_string())),
            help,
        }
    }

    /// Words in the request that are not what they should be; their errors bring a mend along.
    pub(super) fn unprocessable(place: &str, error: GrammarError) -> Self {
        let what = format!("`{place}`: {}", error.message);
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, what, error.help)
    }

    /// A body that could not be read as the JSON that is wanted; `example` is one that could.
    pub(super) fn body(error: &JsonRejection, example: &str) -> Self {
        let help = match error.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "send `content-type: application/json`".into(),
            StatusCode::PAYLOAD_TOO_LARGE => "send less at once, in several requests".into(),
            _ => format!("send JSON such as `{example}`"),
        };
        Self::new(error.status(), error.body_text(), help)
    }

    /// A query that could not be read; `help` names the parameters.
    pub(super) fn query(error: &QueryRejection, help: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.body_text(), help)
    }

    /// The same with another status.
    pub(super) fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

/// What a request says, without the control characters that would move a terminal's cursor.
fn plain(text: &str) -> String {
    let one = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(one).collect()
}

/// The status of what a command would have ended with.
impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        let failure = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<Failure>());
        let status = match failure.map(|failure| failure.status) {
            Some(Status::NothingAttached) => StatusCode::SERVICE_UNAVAILABLE,
            Some(Status::NotFound) => StatusCode::NOT_FOUND,
            Some(Status::BadPolicy) => StatusCode::UNPROCESSABLE_ENTITY,
            Some(Status::Runtime | Status::Privilege | Status::Usage) | None => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        // A command's message has its mend already.
        let help = match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                "`throttler status` says what is attached; `throttler run --iface IF` starts it"
            }
            StatusCode::NOT_FOUND => "`throttler status` says what there is",
            StatusCode::UNPROCESSABLE_ENTITY => {
                "mend what the detail names and ask again; the old policy stays in force"
            }
            _ => "the daemon's log may say more; `throttler status` says what is in force",
        };
        Self {
            status,
            detail: format!("{error:#}"),
            help: help.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "help": self.help,
        });
        let head = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status, head, body.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_would_say_has_its_status_here() {
        let bad = Failure::new(Status::BadPolicy, "bad policy");
        let problem = Problem::from(anyhow::Error::from(bad).context("reloading"));
        assert_eq!(problem.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(problem.detail, "reloading: bad policy");
        assert!(problem.help.contains("old policy"));
        let other = Problem::from(anyhow::anyhow!("no"));
        assert_eq!(other.status, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn the_detail_has_the_mend() {
        let problem = Problem::new(StatusCode::NOT_FOUND, "no `x`", "use `y`");
        assert_eq!(problem.detail, "no `x`; use `y`");
        assert_eq!(problem.help, "use `y`");
        let problem = Problem::new(StatusCode::NOT_FOUND, "a\u{9b}\n", "b");
        assert_eq!(problem.detail, "a\\u{9b}\\n; b");
    }
}
