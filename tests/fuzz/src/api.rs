//! Requests to the control socket's router, in this process, with nothing attached: whatever is asked, no handler panics,
//! and what is refused is refused with `application/problem+json` (RFC 9457) whose detail says why.
//!
//! An input is text: `METHOD URI`, a line with the content type, and the body. What is no request to begin with (HTTP's
//! own parser refuses it) is passed over.

use std::cell::RefCell;

use throttler::daemon::control::apart::{Answer, Apart};

/// One request.
pub fn run(bytes: &[u8]) {
    let _ = answered(bytes);
}

/// The status of the answer; `None`: it is no request.
#[must_use]
pub fn answered(bytes: &[u8]) -> Option<u16> {
    thread_local! {
        static APART: RefCell<Apart> = RefCell::new(Apart::new());
    }
    let (method, uri, kind, body) = parts(bytes)?;
    let answer = APART.with_borrow_mut(|apart| apart.ask(&method, &uri, kind, body))?;
    check(&method, &answer);
    Some(answer.status)
}

fn parts(bytes: &[u8]) -> Option<(String, String, &[u8], &[u8])> {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let request = String::from_utf8_lossy(lines.next()?).into_owned();
    let (method, uri) = request.split_once(' ')?;
    let (kind, body) = (lines.next()?, lines.next()?);
    Some((method.to_owned(), uri.to_owned(), kind, body))
}

fn check(method: &str, answer: &Answer) {
    let Answer { status, kind, body } = answer;
    if *status < 400 {
        assert!(matches!(status, 200..300), "{status}");
        return;
    }
    assert_eq!(kind, "application/problem+json", "{status}");
    // What HEAD asks for has no body.
    if method != "HEAD" {
        problem(*status, body);
    }
}

/// What is refused says what it is, and the mend; and nothing that is asked may be the daemon's own fault. Gives the
/// detail and the mend.
///
/// # Panics
/// It does not.
#[must_use]
pub fn told(status: u16, body: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(body);
    assert_ne!(status, 500, "{text}");
    let problem: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    assert_eq!(problem["status"], status);
    let detail = problem["detail"].as_str().expect("a detail");
    let help = problem["help"].as_str().expect("a mend");
    assert!(detail.len() > 10 && help.len() > 5, "{text}");
    (detail.to_owned(), help.to_owned())
}

/// [`told`] of a router apart from a daemon: all that it refuses it refuses itself, but for what nothing is attached to
/// read.
pub(crate) fn problem(status: u16, body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    let (detail, help) = told(status, body);
    if status != 503 {
        let what = detail.strip_suffix(&help).expect("the mend in the detail");
        assert!(what.len() > 10 && what.ends_with("; "), "{text}");
    }
    let plain = |c: char| !c.is_control();
    assert!(detail.chars().all(plain), "{detail:?}");
}
