//! Errors as `application/problem+json` (RFC 9457).

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::cli::failure::{Failure, Status};

/// What went wrong, and the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }

    /// The same with another status.
    pub(super) fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
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
        Self::new(status, format!("{error:#}"))
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
        let other = Problem::from(anyhow::anyhow!("no"));
        assert_eq!(other.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
