//! Who may ask for what over TCP: the metrics and whether all is well are for everybody, the rest is for whoever sends the
//! token (RFC 6750).
//!
//! A web page cannot send it: it does not know it, and a browser sends no `Authorization` header to another site without
//! asking first, which nobody here answers. What comes with an `Origin` is refused anyhow.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::peer::Peer;
use super::problem::Problem;
use super::token::Access;

/// Paths that need no token.
pub const OPEN: [&str; 2] = ["/healthz", "/metrics"];

/// Refused tokens are told of at most this often.
const SELDOM: Duration = Duration::from_secs(10);

/// What requests over TCP are held to.
pub(super) struct Guard {
    access: Arc<Access>,
    /// Held while an open path is answered: whoever may ask for it may not keep every CPU busy.
    turn: tokio::sync::Mutex<()>,
    /// Requests with a wrong token since they were last told of, and when that was.
    wrong: Mutex<(u64, Option<Instant>)>,
}

/// Why a request is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    WebPage,
    NoFile,
    NoToken,
    WrongToken,
}

impl Guard {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self {
            access,
            turn: tokio::sync::Mutex::default(),
            wrong: Mutex::default(),
        }
    }

    fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if headers.contains_key(header::ORIGIN) {
            return Err(Refusal::WebPage);
        }
        if !self.access.is_possible() {
            return Err(Refusal::NoFile);
        }
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let token = given.next().and_then(bearer).ok_or(Refusal::NoToken)?;
        match given.next() {
            None if self.access.is_token(token) => Ok(()),
            _ => Err(Refusal::WrongToken),
        }
    }

    /// Tells of a wrong token, unless that was told of just now.
    fn note_wrong(&self, from: Option<SocketAddr>) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.0 += 1;
        if wrong.1.is_none_or(|told| told.elapsed() >= SELDOM) {
            let from = from.map_or_else(|| "nobody known".to_owned(), |from| from.to_string());
            log::warn!(
                "refused over TCP for a wrong token, the latest from {from}: requests={}",
                wrong.0
            );
            *wrong = (0, Some(Instant::now()));
        }
    }
}

/// What follows `Bearer`.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let value = value.as_bytes();
    let end = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, token) = value.split_at(end);
    scheme
        .eq_ignore_ascii_case(b"Bearer")
        .then(|| token.trim_ascii())
}

/// The layer around the routes.
pub(super) async fn check(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Response {
    if OPEN.contains(&request.uri().path()) {
        let _turn = guard.turn.lock().await;
        return next.run(request).await;
    }
    match guard.admit(request.headers()) {
        Ok(()) => {
            request.extensions_mut().insert(ConnectInfo(Peer::Holder));
            next.run(request).await
        }
        Err(refusal) => {
            if refusal == Refusal::WrongToken {
                let peer = request.extensions().get::<ConnectInfo<Peer>>();
                guard.note_wrong(peer.and_then(|ConnectInfo(peer)| peer.address()));
            }
            refusal.into_response()
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, challenge, what, help) = match self {
            Self::WebPage => (
                StatusCode::FORBIDDEN,
                None,
                "web pages may not ask here (there is an Origin header)",
                "ask from a program",
            ),
            Self::NoFile => (
                StatusCode::FORBIDDEN,
                None,
                "only /metrics and /healthz are open here",
                "`run --listen-token-file FILE` (THROTTLER_LISTEN_TOKEN_FILE) allows the rest to whoever sends its token",
            ),
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                Some("Bearer realm=\"throttler\""),
                "this needs a token",
                "send `Authorization: Bearer TOKEN`, the token of `run --listen-token-file`",
            ),
            Self::WrongToken => (
                StatusCode::UNAUTHORIZED,
                Some("Bearer realm=\"throttler\", error=\"invalid_token\""),
                "this is not the token of `run --listen-token-file`",
                "send that, and after a change of the file, reload",
            ),
        };
        let mut response = Problem::new(status, what, help).into_response();
        if let Some(challenge) = challenge {
            let challenge = HeaderValue::from_static(challenge);
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn guard() -> Guard {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        std::fs::write(&path, TOKEN).expect("written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, private).expect("a mode");
        Guard::new(Access::load(Some(&path)).expect("a token"))
    }

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn admit(guard: &Guard, values: &[&[u8]]) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).expect("a header");
            headers.append(header::AUTHORIZATION, value);
        }
        guard.admit(&headers)
    }

    #[test]
    fn one_header_with_the_token_is_let_through() {
        let guard = guard();
        for value in [format!("Bearer {TOKEN}"), format!("bEARER   {TOKEN}")] {
            assert_eq!(admit(&guard, &[value.as_bytes()]), Ok(()), "{value}");
        }
        let right = format!("Bearer {TOKEN}");
        let twice = [right.as_bytes(); 2];
        assert_eq!(admit(&guard, &twice), Err(Refusal::WrongToken));
        for none in ["Basic dTpw", TOKEN, "Bearer", ""] {
            assert_eq!(
                admit(&guard, &[none.as_bytes()]),
                Err(Refusal::NoToken),
                "{none}"
            );
        }
        assert_eq!(admit(&guard, &[]), Err(Refusal::NoToken));
    }

    proptest! {
        #[test]
        fn no_other_header_is(value in "[ -~\\x80-\\xff]{0,80}", cut in 0..TOKEN.len()) {
            let guard = guard();
            for value in [value.clone(), format!("Bearer {value}"), format!("Bearer {}{value}", &TOKEN[..cut])] {
                let right = value.strip_prefix("Bearer ").is_some_and(|rest| rest.trim() == TOKEN);
                prop_assert!(right || admit(&guard, &[value.as_bytes()]).is_err(), "{value}");
            }
        }
    }
}
